"""The same command always makes the same bytes, however requests overtake
each other."""
import hashlib
import random

from cli import case

KIB = 1 << 10
MIB = 1 << 20
TIMES = 40


class Repeat(case.ProgramTest):

    def always_the_same(self, *args):
        """Runs a convert to `out` many times; compares what it made."""
        self.make(*args)
        want = hashlib.sha1(self.path("out").read_bytes()).digest()
        wrong = 0
        for _ in range(TIMES):
            self.path("out").unlink()
            self.succeeds(self.instar(*args))
            got = hashlib.sha1(self.path("out").read_bytes()).digest()
            wrong += got != want
        self.assertEqual(wrong, 0, f"{wrong} of {TIMES} differ")

    def setUp(self):
        super().setUp()
        r = random.Random("repeat")
        self.raw("a.raw", 20 * MIB, (0, b"\x11" * MIB),
                 (MIB, r.randbytes(68 * KIB)), (12 * MIB, r.randbytes(MIB)),
                 (19 * MIB, b"\x33" * MIB))

    def test_chunks_smaller_than_a_cluster_of_the_target(self):
        self.make("convert", "-O", "qcow2", "-o", "cluster_size=512",
                  "a.raw", "a.qcow2")
        self.always_the_same("convert", "-O", "qcow2", "a.qcow2", "out")

    def test_large_clusters(self):
        self.always_the_same("convert", "-O", "qcow2", "-o",
                             "cluster_size=2M", "a.raw", "out")

    def test_small_clusters(self):
        self.always_the_same("convert", "-O", "qcow2", "-o",
                             "cluster_size=512", "a.raw", "out")

    def test_raw(self):
        self.make("convert", "-c", "-O", "qcow2", "a.raw", "a.qcow2")
        self.always_the_same("convert", "-O", "raw", "a.qcow2", "out")
