"""How convert moves data (-C, -W, -m, -r, -S, -t, -T): what goes together, and
that none of it changes what is written."""
from cli import case

MIB = 1 << 20
MOVES = [
    ["-C"], ["-C", "-S", "0"], ["-C", "-S", "4k"], ["-C", "-c"],
    ["-C", "--salvage"], ["-C", "-W"], ["-C", "-m", "1"], ["-m", "0"],
    ["-m", "17"], ["-m", "-1"], ["-m", "abc"], ["-m", "1k"], ["-m", ""],
    ["-m", "16"], ["-r", "1G"], ["-r", "0"], ["-r", "-1"], ["-r", "abc"],
    ["-r", ""], ["-r", "8E"], ["-S", "1"], ["-S", "512"], ["-S", "513"],
    ["-S", "16M"], ["-S", "17M"], ["-S", "-1"], ["-S", ""],
    ["-C", "-r", "1G"], ["--salvage", "-m", "2"], ["-q", "-C"],
]
WRONG_ORDER = [
    ["-t", "bogus", "-T", "bogus"], ["-T", "bogus", "-f", "foo"],
    ["-t", "bogus", "-O", "foo"], ["-t", "bogus", "-f", "qcow2"],
    ["-m", "0", "-T", "bogus"], ["-r", "-1", "-m", "0"],
    ["-S", "1", "-C", "-c"], ["-C", "-S", "0", "-c"],
    ["-C", "-n", "-o", "x=y"], ["--target-is-zero"],
    ["-n", "--target-is-zero", "-C"],
]


class ConvertOptions(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.raw("a.raw", 3 * MIB, (MIB, b"hello"), (2 * MIB, b"x" * 99999))

    def written(self, run, options, fmt, source="a.raw"):
        out = self.path("out")
        out.unlink(missing_ok=True)
        end = run("convert", *options, "-O", fmt, source, "out")
        return end.describe(), out.read_bytes() if out.exists() else None

    def test_all_that_decides_how_data_moves(self):
        for options in MOVES:
            for fmt in ("raw", "qcow2"):
                with self.subTest(options=options, fmt=fmt):
                    self.assertEqual(
                        self.written(self.as_reference, ["-f", "raw",
                                                         *options], fmt),
                        self.written(self.qemu, ["-f", "raw", *options], fmt))

    def test_out_of_order_writes_hold_the_same_data(self):
        for options in ([], ["-m", "1"], ["-m", "16"], ["-r", "1G"],
                        ["-S", "0"]):
            with self.subTest(options=options):
                self.succeeds(self.instar("convert", "-W", *options, "-f",
                                          "raw", "-O", "qcow2", "a.raw",
                                          "out"))
                self.make("compare", "-F", "qcow2", "a.raw", "out")

    def test_every_cache_mode_of_both_sides(self):
        for mode in ("none", "off", "directsync", "writeback", "unsafe",
                     "writethrough"):
            for side in ("-t", "-T"):
                for fmt in ("raw", "qcow2"):
                    with self.subTest(mode=mode, side=side, fmt=fmt):
                        options = [side, mode, "-f", "raw"]
                        self.assertEqual(
                            self.written(self.as_reference, options, fmt),
                            self.written(self.qemu, options, fmt))

    def test_the_first_of_two_mistakes_is_told(self):
        for options in WRONG_ORDER:
            with self.subTest(options=options):
                self.same("convert", *options, "a.raw", "out")
