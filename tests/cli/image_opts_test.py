"""Images that are named by options: --image-opts and names in JSON."""
from cli import case

MIB = 1 << 20
JSON = 'json:{"driver":"%s","file":{"driver":"file","filename":"%s"}}'
OPTS = "driver=%s,file.filename=%s"


class ImageOpts(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.raw("a.raw", 3 * MIB, (MIB, b"x" * 70000))
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "3M")
        self.io("a.qcow2", "write -P 120 1M 64k")

    def test_every_reading_command_takes_them(self):
        for command in (["info"], ["map"], ["map", "--output=json"],
                        ["check"], ["check", "--output=json"],
                        ["measure", "-O", "qcow2"]):
            with self.subTest(command=command):
                self.same(*command, "--image-opts",
                          OPTS % ("qcow2", "a.qcow2"))
                self.same(*command, JSON % ("qcow2", "a.qcow2"))

    def test_a_part_of_a_raw_file_is_an_image(self):
        part = "driver=raw,offset=1M,size=1M,file.filename=a.raw"
        for command in (["map", "--output=json"], ["measure", "-O", "qcow2"]):
            with self.subTest(command=command):
                self.same(*command, "--image-opts", part)

    def test_what_cannot_be_opened_is_named_by_its_options(self):
        for command in ("check", "map", "measure", "info"):
            for options in (OPTS % ("qcow2", "none"), OPTS % ("foo", "none"),
                            OPTS % ("qcow2", "a.raw")):
                with self.subTest(command=command, options=options):
                    self.same(command, "--image-opts", options)

    def test_they_say_the_format_already(self):
        for command in ("check", "map", "measure", "info"):
            with self.subTest(command=command):
                self.same(command, "-f", "qcow2", "--image-opts",
                          OPTS % ("qcow2", "a.qcow2"))

    def test_check_calls_the_image_what_the_command_line_does(self):
        self.same("check", "--output=json", "file:a.qcow2")
