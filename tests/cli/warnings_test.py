"""What an image is warned of, although it opens."""
from cli import case

AUTOCLEAR = 88  # the header's field


class Warnings(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        self.make("bitmap", "--add", "a.qcow2", "b")
        with open(self.path("a.qcow2"), "r+b") as f:
            f.seek(AUTOCLEAR)
            f.write(bytes(8))

    def test_bitmaps_that_another_program_left_stale(self):
        for args in (["info", "a.qcow2"], ["info", "--output=json", "a.qcow2"],
                     ["check", "a.qcow2"], ["map", "a.qcow2"],
                     ["measure", "-O", "qcow2", "a.qcow2"],
                     ["compare", "a.qcow2", "a.qcow2"],
                     ["convert", "-O", "raw", "a.qcow2", "b.raw"]):
            with self.subTest(args=args):
                self.same(*args)

    def test_bitmaps_of_version_2(self):
        self.make("create", "-q", "-f", "qcow2", "old.qcow2", "1M")
        self.make("bitmap", "--add", "old.qcow2", "b")
        self.make("amend", "-o", "compat=0.10", "old.qcow2")
        for args in (["info", "old.qcow2"], ["map", "old.qcow2"],
                     ["convert", "-O", "raw", "old.qcow2", "b.raw"]):
            with self.subTest(args=args):
                self.same(*args)

    def test_of_a_backing_file(self):
        self.make("create", "-q", "-u", "-f", "qcow2", "-b", "a.qcow2", "-F",
                  "qcow2", "top.qcow2", "1M")
        for args in (["map", "top.qcow2"],
                     ["info", "--backing-chain", "top.qcow2"]):
            with self.subTest(args=args):
                self.same(*args)
