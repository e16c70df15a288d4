"""Block devices, as loop devices have them: convert and dd to and from one."""
import os
import subprocess

from cli import case

MIB = 1 << 20


class BlockDevice(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.is_root()
        self.raw("a.raw", 3 * MIB, (MIB, b"hello"), (2 * MIB, b"x" * 99999))
        self.make("convert", "-f", "raw", "-O", "qcow2", "a.raw", "a.qcow2")
        self.want = self.path("a.raw").read_bytes()

    def device(self, size):
        """A device of `size` bytes, none of them zero."""
        self.path("disk").write_bytes(b"old!" * (size // 4))
        end = subprocess.run(["losetup", "-f", "--show", "disk"],
                             cwd=self.directory, check=False, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if end.returncode != 0:
            self.skipTest("no loop device: " + end.stderr.strip())
        name = end.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", name], check=False)
        return name

    def both(self, *args, size=4 * MIB):
        """Runs both on devices of their own: how ours ended, and its device."""
        ends = []
        for run in (self.qemu, self.as_reference):
            name = self.device(size)
            end = run(*[a.replace("DEVICE", name) for a in args])
            ends.append((end.code, end.text.replace(name, "DEVICE"),
                         end.errors.replace(name, "DEVICE")))
        self.assertEqual(ends[1], ends[0], args)
        return ends[1], name

    def read(self, name, length=-1):
        with open(name, "rb") as device:
            return device.read(length)

    def test_raw_replaces_old_bytes_and_no_others(self):
        for options in ([], ["-n"], ["-S", "0"], ["-t", "none"],
                        ["-n", "-t", "none"], ["-n", "-S", "0"], ["-W"]):
            for source in ("a.raw", "a.qcow2"):
                with self.subTest(options=options, source=source):
                    end, name = self.both("convert", *options, "-O", "raw",
                                          "-f", source[2:], source, "DEVICE")
                    self.assertEqual(end, (0, "", ""))
                    self.assertEqual(self.read(name),
                                     self.want + b"old!" * (MIB // 4))

    def test_qcow2_on_a_device_reads_back_as_the_source(self):
        for options in ([], ["-t", "none"], ["-c"],
                        ["-o", "preallocation=metadata"]):
            with self.subTest(options=options):
                end, name = self.both("convert", *options, "-O", "qcow2", "-f",
                                      "raw", "a.raw", "DEVICE")
                self.assertEqual(end, (0, "", ""))
                self.make("compare", "-F", "qcow2", "a.raw", name)
                self.make("check", "-f", "qcow2", name)

    def test_a_device_with_an_image_is_written_to_with_n(self):
        name = self.device(8 * MIB)
        self.make("create", "-q", "-f", "qcow2", name, "3M")
        self.succeeds(self.instar("convert", "-n", "-O", "qcow2", "-f", "raw",
                                  "a.raw", name))
        self.make("compare", "-F", "qcow2", "a.raw", name)

    def test_a_device_that_is_too_small_keeps_its_bytes(self):
        for args in (["convert", "-f", "raw", "a.raw"],
                     ["convert", "-n", "-f", "raw", "a.raw"],
                     ["convert", "-S", "0", "-f", "raw", "a.raw"]):
            with self.subTest(args=args):
                end, name = self.both(*args, "DEVICE", size=2 * MIB)
                self.assertEqual(end[0], 1)
                self.assertEqual(self.read(name), b"old!" * (MIB // 2))
        self.both("dd", "-f", "raw", "bs=64k", "if=a.raw", "of=DEVICE",
                  size=2 * MIB)
        self.both("create", "-f", "raw", "DEVICE", "3M", size=2 * MIB)
        self.both("convert", "-O", "qcow2", "-S", "0", "-f", "raw", "a.raw",
                  "DEVICE", size=2 * MIB)

    def test_what_a_device_cannot_be_is_told_before_it_is_touched(self):
        for fmt, options in (("qed", []), ("raw", ["preallocation=full"]),
                             ("raw", ["preallocation=metadata"]),
                             ("qcow2", ["preallocation=falloc"])):
            with self.subTest(format=fmt, options=options):
                end, name = self.both(
                    "convert", "-f", "raw", "-O", fmt,
                    *[x for o in options for x in ("-o", o)], "a.raw",
                    "DEVICE")
                self.assertEqual(end[0], 1)
                self.assertEqual(self.read(name), b"old!" * MIB)

    def test_a_device_is_not_its_own_target(self):
        for options in ([], ["-n"]):
            with self.subTest(options=options):
                end, name = self.both("convert", *options, "-f", "raw",
                                      "DEVICE", "DEVICE")
                self.assertEqual(end[0], 1)
                self.assertIn("lock", end[2])
                self.assertEqual(self.read(name), b"old!" * MIB)

    def test_create_clears_the_first_sector_of_a_device_only(self):
        _, name = self.both("create", "-f", "raw", "DEVICE", "3M")
        self.assertEqual(self.read(name),
                         bytes(512) + (b"old!" * MIB)[512:])

    def test_dd_writes_to_a_device(self):
        _, name = self.both("dd", "-f", "raw", "bs=64k", "skip=16", "if=a.raw",
                            "of=DEVICE")
        self.assertEqual(self.read(name, 2 * MIB), self.want[MIB:])

    def test_a_device_is_read_as_an_image(self):
        name = self.device(4 * MIB)
        with open(name, "r+b") as device:
            device.write(self.want)
        want = self.want + b"old!" * (MIB // 4)
        for options in (["-O", "raw"], ["-T", "none", "-O", "raw"],
                        ["-S", "0", "-O", "raw"]):
            with self.subTest(options=options):
                self.succeeds(self.instar("convert", "-f", "raw", *options,
                                          name, "out"))
                self.assertEqual(self.path("out").read_bytes(), want)
        self.succeeds(self.instar("dd", "-f", "raw", "bs=1M", "skip=1",
                                  f"if={name}", "of=part"))
        self.assertEqual(self.path("part").read_bytes(), want[MIB:])
        self.same("info", name)
        self.same("measure", "-f", "raw", "-O", "qcow2", name)

    def test_a_device_stays_one(self):
        name = self.device(4 * MIB)
        self.fails(self.instar("convert", "-f", "raw", "-O", "qcow2", "-o",
                               "cluster_size=3000", "a.raw", name))
        self.fails(self.instar("convert", "-f", "raw", "-O", "qcow2", "-o",
                               "preallocation=full", "a.raw", name))
        self.assertTrue(os.path.exists(name))
