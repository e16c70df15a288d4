"""convert -c to qcow: everything is copied, and under the name qemu-img the
exit status is 1 without a word, as the real one's."""
import random

from cli import case

MIB = 1 << 20


class PackQcow(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.raw("a.raw", 3 * MIB, (MIB, b"hello" * 50000),
                 (2 * MIB, random.Random(5).randbytes(70000)))
        self.make("create", "-q", "-f", "qcow", "base", "3M")

    def pack(self, *options, out="o.qcow"):
        end = self.same("convert", "-c", "-O", "qcow", *options, "-f", "raw",
                        "a.raw", out)
        self.assertEqual((end.code, end.errors), (1, ""))
        self.assertEqual(self.as_reference(
            "convert", "-c", "-O", "qcow", *options, "-f", "raw", "a.raw",
            out).code, 1)
        self.make("compare", "-F", "qcow", "a.raw", out)

    def test_all_data_is_there_and_smaller(self):
        for options in ([], ["-S", "0"], ["-m", "1"]):
            with self.subTest(options=options):
                self.pack(*options)
                self.assertLess(self.path("o.qcow").stat().st_size, MIB)

    def test_clusters_of_one_sector_are_packed_too(self):
        self.pack("-B", "base", "-F", "qcow")

    def test_an_image_that_exists_is_written_to(self):
        for options in ([], ["--target-is-zero"]):
            with self.subTest(options=options):
                self.make("create", "-q", "-f", "qcow", "t.qcow", "5M")
                end = self.as_reference(
                    "convert", "-n", "-c", "-O", "qcow", *options, "-f",
                    "raw", "a.raw", "t.qcow")
                self.assertEqual((end.code, end.errors), (1, ""))
                self.make("compare", "-F", "qcow", "a.raw", "t.qcow")

    def test_a_cluster_that_was_there_is_replaced(self):
        self.make("create", "-q", "-f", "qcow", "t.qcow", "3M")
        self.io("t.qcow", "write -P 9 0 3M", fmt="qcow")
        self.as_reference("convert", "-n", "-c", "-O", "qcow", "-f", "raw",
                          "a.raw", "t.qcow")
        self.make("compare", "-F", "qcow", "a.raw", "t.qcow")

    def test_under_its_own_name_it_succeeds(self):
        self.succeeds(self.instar("convert", "-c", "-O", "qcow", "-f", "raw",
                                  "a.raw", "o.qcow", name="instar"))
        self.make("compare", "-F", "qcow", "a.raw", "o.qcow")
