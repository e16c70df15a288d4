"""convert -n to a target that options name: --target-image-opts, and names in
JSON."""
from cli import case

MIB = 1 << 20
OPTS = "driver=%s,file.filename=%s"
JSON = 'json:{"driver":"%s","file":{"driver":"file","filename":"%s"}}'
WRONG = [
    OPTS % ("qcow2", "none"), OPTS % ("foo", "t.raw"),
    OPTS % ("qcow2", "t.raw"), OPTS % ("qcow2", "/"),
    "driver=qcow2", "filename=t.raw", "t.qcow2", "",
    "driver=qcow2,file=t.qcow2",
    "driver=qcow2,read-only=on,file.filename=t.qcow2",
    "driver=qcow2,force-share=on,file.filename=t.qcow2",
    "driver=qcow2,bogus=1,file.filename=t.qcow2",
    OPTS % ("bochs", "t.raw"), OPTS % ("dmg", "none"),
    "driver=raw,offset=1M,size=1M,file.filename=t.raw",
    "driver=raw,offset=1M,size=9M,file.filename=t.raw",
    "driver=raw,size=9M,file.filename=t.raw",
    "driver=raw,offset=9M,file.filename=t.raw",
]
JSON_NAMES = [
    JSON % ("qcow2", "t.qcow2"), JSON % ("raw", "t.raw"),
    JSON % ("qcow2", "none"), 'json:{"driver":"file","filename":"t.raw"}',
    'json:{"file":{"driver":"file","filename":"t.qcow2"}}', "json:{",
]


class TargetOpts(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.raw("a.raw", 3 * MIB, (MIB, b"hello"), (2 * MIB, b"x" * 99999))
        self.raw("t.raw", 5 * MIB, (0, b"old" * MIB))
        self.make("create", "-q", "-f", "qcow2", "t.qcow2", "3M")
        self.io("t.qcow2", "write -P 9 0 2M")
        self.make("create", "-q", "-f", "qed", "t.qed", "3M")
        self.make("create", "-q", "-f", "qcow", "t.qcow", "3M")
        self.before = {name: self.path(name).read_bytes() for name in
                       ("t.raw", "t.qcow2", "t.qed", "t.qcow")}

    def contents(self):
        """What the targets hold; they are as before the test afterwards."""
        found = {}
        for name, data in self.before.items():
            found[name] = self.path(name).read_bytes()
            self.path(name).write_bytes(data)
        return found

    def same_targets(self, *args):
        """Both do and say the same, and leave the same bytes."""
        want = self.qemu("convert", *args)
        want_bytes = self.contents()
        got = self.as_reference("convert", *args)
        self.assertEqual(got.describe(), want.describe())
        self.assertEqual(self.contents(), want_bytes, args)
        return want

    def opts(self, target, *more):
        return self.same_targets("-n", "--target-image-opts", *more, "-f",
                                 "raw", "a.raw", target)

    def test_the_target_is_written_as_by_the_reference(self):
        for target in (OPTS % ("qcow2", "t.qcow2"), OPTS % ("raw", "t.raw"),
                       "driver=qcow2,file.driver=file,file.filename=t.qcow2",
                       OPTS % ("qed", "t.qed"), OPTS % ("qcow", "t.qcow"),
                       "driver=file,filename=t.raw",
                       "file.filename=t.qcow2",
                       "driver=qcow2,cache.direct=on,file.filename=t.qcow2"):
            with self.subTest(target=target):
                self.assertEqual(self.opts(target).code, 0)

    def test_a_part_of_a_raw_file_is_a_target(self):
        for part in ("offset=1M", "offset=1M,size=3M", "size=4M"):
            for option in ([], ["-S", "0"]):
                target = f"driver=raw,{part},file.filename=t.raw"
                with self.subTest(target=target):
                    self.assertEqual(self.opts(target, *option).code, 0)

    def test_nothing_beside_the_part_is_touched(self):
        self.succeeds(self.instar(
            "convert", "-n", "--target-image-opts", "-f", "raw", "a.raw",
            "driver=raw,offset=1M,size=3M,file.filename=t.raw"))
        old = self.before["t.raw"]
        self.assertEqual(
            self.path("t.raw").read_bytes(),
            old[:MIB] + self.path("a.raw").read_bytes() + old[4 * MIB:])

    def test_a_raw_target_without_a_driver_is_warned_of(self):
        end = self.opts("file.filename=t.raw")
        self.assertEqual(end.code, 0)
        self.assertIn("WARNING: Image format was not specified", end.errors)

    def test_wrong_targets_are_refused_in_the_references_words(self):
        for target in WRONG:
            with self.subTest(target=target):
                self.assertEqual(self.opts(target).code, 1)

    def test_what_goes_with_the_option_and_what_does_not(self):
        target = OPTS % ("qcow2", "t.qcow2")
        for option in (["-O", "qcow2"], ["--image-opts"], ["-o", "x=y"],
                       ["-t", "none"], ["-t", "bogus"], ["-S", "0"], ["-C"],
                       ["--target-is-zero"]):
            with self.subTest(option=option):
                self.opts(target, *option)
        self.same_targets("--target-image-opts", "a.raw", target)
        self.same_targets("-n", "--target-image-opts", "-f", "raw", "none",
                          OPTS % ("qcow2", "none"))
        self.opts(OPTS % ("raw", "t.raw"), "-c")

    def test_packed_clusters_go_there_too(self):
        self.make("create", "-q", "-f", "qcow2", "t2.qcow2", "3M")
        self.succeeds(self.instar(
            "convert", "-n", "-c", "--target-image-opts", "-f", "raw",
            "a.raw", OPTS % ("qcow2", "t2.qcow2")))
        self.make("compare", "-F", "qcow2", "a.raw", "t2.qcow2")

    def test_names_in_json_name_targets_that_exist(self):
        for name in JSON_NAMES:
            for fmt in ("raw", "qcow2"):
                with self.subTest(name=name, fmt=fmt):
                    self.same_targets("-n", "-f", "raw", "-O", fmt, "a.raw",
                                      name)

    def test_names_in_json_name_nothing_new(self):
        for name in JSON_NAMES:
            with self.subTest(name=name):
                end = self.same_targets("-f", "raw", "a.raw", name)
                self.assertIn("Unknown protocol 'json'", end.errors)
