"""convert -c."""
import hashlib
import os
import random

from cli import case

MIB = 1 << 20


class Pack(case.ProgramTest):

    def setUp(self):
        super().setUp()
        r = random.Random("pack")
        words = [r.randbytes(r.randint(3, 9)) for _ in range(999)]
        text = b"".join(r.choice(words) for _ in range(MIB // 2))
        self.raw("a.raw", 12 * MIB, (0, text), (5 * MIB, r.randbytes(MIB)),
                 (9 * MIB + 4096, text[:300000]), (12 * MIB - 700, text[:600]))

    def pack(self, *options, out="o.qcow2", **more):
        self.succeeds(self.as_reference("convert", "-c", "-f", "raw", "-O",
                                        "qcow2", *options, "a.raw", out,
                                        **more))
        return self.path(out).read_bytes()

    def test_reads_back_the_same_and_is_clean(self):
        for kind in ("zlib", "zstd"):
            for size in ("512", "4k", "64k", "2M"):
                with self.subTest(kind=kind, size=size):
                    self.pack("-o",
                              f"compression_type={kind},cluster_size={size}")
                    self.make("compare", "-F", "qcow2", "a.raw", "o.qcow2")
                    self.make("check", "o.qcow2")

    def test_of_packed_clusters_smaller_than_a_request(self):
        self.make("convert", "-c", "-O", "qcow2", "-o", "cluster_size=512",
                  "a.raw", "s.qcow2")
        self.succeeds(self.as_reference("convert", "-c", "-O", "qcow2", "-o",
                                        "cluster_size=512", "s.qcow2", "o"))
        self.make("compare", "-F", "qcow2", "a.raw", "o")

    def test_is_no_larger_than_the_reference_makes_it(self):
        for kind in ("zlib", "zstd"):
            option = f"compression_type={kind}"
            ours = len(self.pack("-o", option))
            self.make("convert", "-c", "-O", "qcow2", "-o", option, "a.raw",
                      "r.qcow2")
            self.assertLessEqual(ours, self.path("r.qcow2").stat().st_size)

    def test_makes_the_same_bytes_however_many_workers(self):
        def sha(**more):
            return hashlib.sha256(self.pack(**more)).hexdigest()

        one = {min(os.sched_getaffinity(0))}
        self.assertEqual(
            len({sha(), sha(),
                 sha(preexec_fn=lambda: os.sched_setaffinity(0, one))}), 1)

    def test_is_refused_where_the_format_cannot(self):
        for fmt in ("raw", "vdi"):
            with self.subTest(fmt=fmt):
                self.same("convert", "-c", "-O", fmt, "a.raw", "b")

    def test_of_an_external_data_file_is_refused(self):
        self.same("convert", "-c", "-O", "qcow2", "-o", "data_file=d", "a.raw",
                  "b.qcow2")

    def test_of_part_of_a_cluster_must_end_the_target(self):
        self.raw("b.raw", MIB + 512, (0, b"x" * (MIB + 512)))
        for size in (MIB + 512, MIB + 1024):
            with self.subTest(size=size):
                for name in ("o", "p"):
                    self.make("create", "-q", "-f", "qcow2", name, str(size))
                want = self.qemu("convert", "-n", "-c", "-O", "qcow2",
                                 "b.raw", "o")
                got = self.as_reference("convert", "-n", "-c", "-O", "qcow2",
                                        "b.raw", "p")
                self.assertEqual(got.describe(), want.describe())
