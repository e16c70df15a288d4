"""convert -n to images that exist: with a data file of their own, or in a state
in which they may not be written to."""
import struct
import subprocess

from cli import case

MIB = 1 << 20
CORRUPT = 2  # incompatible feature, docs/interop/qcow2.txt, "Header"
QED_NEED_CHECK = 2  # feature of the QED header


class ExistingTarget(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.raw("a.raw", 3 * MIB, (MIB, b"hello"), (2 * MIB, b"x" * 99999))

    def with_data_file(self, raw):
        self.make("create", "-q", "-f", "qcow2", "-o",
                  f"data_file=d.dat,data_file_raw={raw}", "t.qcow2", "3M")
        self.io("t.qcow2", "write -P 9 0 2M")

    def after(self, run, *options):
        end = run("convert", "-n", *options, "-f", "raw", "-O", "qcow2",
                  "a.raw", "t.qcow2")
        return end.describe(), [self.path(name).read_bytes() for name in
                                ("t.qcow2", "d.dat")]

    def test_data_goes_to_the_data_file_as_by_the_reference(self):
        for raw in ("on", "off"):
            for options in ([], ["-S", "0"], ["-t", "none"]):
                with self.subTest(raw=raw, options=options):
                    self.with_data_file(raw)
                    want = self.after(self.qemu, *options)
                    self.with_data_file(raw)
                    got = self.after(self.as_reference, *options)
                    self.assertEqual(got, want)
                    self.make("compare", "-F", "qcow2", "a.raw", "t.qcow2")

    def test_a_missing_data_file_is_told_as_by_the_reference(self):
        self.with_data_file("off")
        self.path("d.dat").unlink()
        self.assertEqual(self.same("convert", "-n", "-f", "raw", "-O", "qcow2",
                                   "a.raw", "t.qcow2").code, 1)

    def test_the_strict_policy_keeps_the_data_file_in_its_folder(self):
        outside = self.path("outside")
        outside.mkdir()
        (self.directory / "in").mkdir()
        name = str(outside / "victim")
        self.make("create", "-q", "-f", "qcow2", "-o", f"data_file={name}",
                  "in/t.qcow2", "3M")
        args = ("convert", "-n", "-f", "raw", "-O", "qcow2", "a.raw",
                "in/t.qcow2")
        before = (outside / "victim").read_bytes()
        self.fails(self.instar(*args, env=self.environment(
            INSTAR_POLICY="strict")), "victim")
        self.assertEqual((outside / "victim").read_bytes(), before)
        self.succeeds(self.instar(*args, env=self.environment(
            INSTAR_POLICY="strict", INSTAR_ALLOW=str(outside))))
        self.make("compare", "-F", "qcow2", "a.raw", "in/t.qcow2")

    def test_a_corrupt_image_is_refused_as_by_the_reference(self):
        self.make("create", "-q", "-f", "qcow2", "t.qcow2", "3M")
        with open(self.path("t.qcow2"), "r+b") as image:
            image.seek(72)
            image.write(struct.pack(">Q", CORRUPT))
        self.assertEqual(self.same("convert", "-n", "-f", "raw", "-O", "qcow2",
                                   "a.raw", "t.qcow2").code, 1)

    def test_what_no_format_can_write_is_read_only(self):
        self.raw("t.img", 3 * MIB)
        for fmt in ("bochs", "cloop", "dmg"):
            with self.subTest(format=fmt):
                for name in ("t.img", "none"):
                    self.assertEqual(
                        self.same("convert", "-n", "-f", "raw", "-O", fmt,
                                  "a.raw", name).code, 1)

    def test_a_directory_is_no_target(self):
        self.path("d").mkdir()
        for fmt in ("raw", "qcow2"):
            with self.subTest(format=fmt):
                self.same("convert", "-n", "-f", "raw", "-O", fmt, "a.raw",
                          "d")
                self.same("convert", "-f", "raw", "-O", fmt, "a.raw", "d")

    def unchecked_qed(self):
        """An image that a program which was killed has left."""
        self.make("create", "-q", "-f", "qed", "t.qed", "3M")
        subprocess.run(["qemu-io", "-f", "qed", "-c", "write -P 9 0 1M", "-c",
                        "abort", "t.qed"], cwd=self.directory, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        features = self.path("t.qed").read_bytes()[16]
        self.assertEqual(features & QED_NEED_CHECK, QED_NEED_CHECK)

    def test_a_qed_image_that_needs_a_check_is_checked_and_written(self):
        images = []
        for run in (self.qemu, self.as_reference):
            self.unchecked_qed()
            end = run("convert", "-n", "-f", "raw", "-O", "qed", "a.raw",
                      "t.qed")
            self.assertEqual((end.code, end.text, end.errors), (0, "", ""))
            images.append(self.path("t.qed").read_bytes())
        self.assertEqual(images[1], images[0])
        self.make("check", "-f", "qed", "t.qed")

    def test_a_qed_image_with_wrong_tables_is_repaired_first(self):
        self.unchecked_qed()
        with open(self.path("t.qed"), "r+b") as image:
            image.seek(65536)  # the L1 table, with one entry
            image.write(struct.pack("<Q", 12345))
        self.succeeds(self.instar("convert", "-n", "-f", "raw", "-O", "qed",
                                  "a.raw", "t.qed"))
        self.make("compare", "-F", "qed", "a.raw", "t.qed")

    def test_dd_writes_to_a_data_file_too(self):
        self.with_data_file("off")
        self.succeeds(self.instar("dd", "-n", "-f", "raw", "-O", "qcow2",
                                  "bs=1M", "if=a.raw", "of=t.qcow2",
                                  name="instar"))
        self.make("compare", "-F", "qcow2", "a.raw", "t.qcow2")
