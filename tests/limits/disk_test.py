"""Disks that fill up and files that may not grow."""
import contextlib
import errno
import os
import resource
import signal
import subprocess

from cli import case

MIB = 1 << 20


class FileSizeLimit(case.ProgramTest):

    def limited(self, run, *args):
        def apply():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB))
        return run(*args, preexec_fn=apply, restore_signals=False)

    def setUp(self):
        super().setUp()
        self.raw("a.raw", 8 * MIB, (0, os.urandom(8 * MIB)))

    def both(self, *args):
        want = self.limited(self.qemu, *args)
        got = self.limited(self.as_reference, *args)
        self.assertEqual((got.code, got.text), (want.code, want.text),
                         got.describe())
        self.assertEqual(bool(got.err), bool(want.err), got.describe())
        return got

    def test_convert_to_raw_fails(self):
        self.fails(self.both("convert", "-O", "raw", "a.raw", "b.raw"))

    def test_convert_to_qcow2_fails(self):
        self.fails(self.both("convert", "-O", "qcow2", "a.raw", "b.qcow2"),
                   os.strerror(errno.EFBIG))

    def test_create_raw_fails(self):
        self.fails(self.both("create", "-f", "raw", "b.raw", "8M"))

    def test_create_of_a_small_qcow2_succeeds(self):
        self.succeeds(self.both("create", "-f", "qcow2", "b.qcow2", "8M"))

    def test_create_of_a_preallocated_qcow2_fails(self):
        self.fails(self.both("create", "-f", "qcow2", "-o",
                             "preallocation=full", "b.qcow2", "8M"))


class FullDisk(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.raw("a.raw", 8 * MIB, (0, os.urandom(8 * MIB)))
        self.path("small").mkdir()
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "none",
             self.path("small")], capture_output=True, check=False)
        if made.returncode:
            self.skipTest("no tmpfs can be mounted: "
                          + made.stderr.decode(errors="replace").strip())
        self.addCleanup(subprocess.run,
                        ["umount", self.path("small")], check=True)

    def test_convert_to_raw_fails(self):
        self.fails(self.instar("convert", "-O", "raw", "a.raw",
                               "small/b.raw"), os.strerror(errno.ENOSPC))

    def test_convert_to_qcow2_fails(self):
        for more in ([], ["-W"], ["-m", "1"], ["-t", "writeback"]):
            with self.subTest(more=more):
                self.fails(self.instar("convert", *more, "-O", "qcow2",
                                       "a.raw", "small/b.qcow2"),
                           os.strerror(errno.ENOSPC))

    def test_a_preallocated_raw_fails(self):
        self.fails(self.instar("create", "-f", "raw", "-o",
                               "preallocation=falloc", "small/b.raw", "8M"),
                   os.strerror(errno.ENOSPC))

    def test_create_of_a_qcow2_in_no_space_fails(self):
        with open(self.path("small/fill"), "wb", buffering=0) as f:
            with contextlib.suppress(OSError):
                while f.write(bytes(4096)):
                    pass
        self.fails(self.instar("create", "-f", "qcow2", "small/b.qcow2",
                               "1M"), os.strerror(errno.ENOSPC))


class Refused(case.ProgramTest):

    def test_a_file_that_takes_no_bytes_is_refused(self):
        self.raw("a.raw", MIB)
        self.fails(self.instar("convert", "-O", "raw", "a.raw",
                               "/proc/version"))
        self.fails(self.instar("create", "-f", "raw", "/proc/version", "1M"))

    def test_a_source_that_may_not_be_read_is_refused(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        self.raw("a.raw", MIB)
        self.path("a.raw").chmod(0)
        self.same("info", "a.raw")
