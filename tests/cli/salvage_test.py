"""convert --salvage."""
import struct

from cli import case

MIB = 1 << 20


class Salvage(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.raw("a.raw", MIB, (0, bytes(range(256)) * 512),
                 (MIB // 2, b"salvage" * 30000))
        self.make("convert", "-c", "-O", "qcow2", "a.raw", "a.qcow2")
        with open(self.path("a.qcow2"), "r+b") as f:
            f.seek(40)
            f.seek(struct.unpack(">Q", f.read(8))[0])
            l2 = struct.unpack(">Q", f.read(8))[0] & ~(1 << 63)
            f.seek(l2)
            packed = struct.unpack(">Q", f.read(8))[0] & ((1 << 54) - 1)
            f.seek(packed)
            f.write(b"\xff" * 40)

    def test_leaves_out_what_cannot_be_read_and_says_so(self):
        for options in ([], ["-q"]):
            for fmt in ("raw", "qcow2"):
                with self.subTest(options=options, fmt=fmt):
                    theirs = self.qemu("convert", *options, "--salvage", "-O",
                                       fmt, "a.qcow2", "o")
                    want = self.path("o").read_bytes()
                    ours = self.as_reference("convert", *options, "--salvage",
                                             "-O", fmt, "a.qcow2", "o")
                    self.assertEqual((ours.code, ours.errors),
                                     (theirs.code, theirs.errors))
                    self.assertEqual(self.path("o").read_bytes(), want)

    def test_works_with_packing(self):
        self.instar("convert", "-c", "--salvage", "-O", "qcow2", "a.qcow2",
                    "o.qcow2")
        self.make("convert", "-q", "--salvage", "-O", "raw", "a.qcow2",
                  "o.raw")
        self.make("compare", "-F", "qcow2", "o.raw", "o.qcow2")

    def test_without_it_the_command_ends(self):
        self.same("convert", "-O", "raw", "a.qcow2", "o.raw")
