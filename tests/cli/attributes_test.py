"""Attributes of the files that create and convert make."""
import pathlib
import shutil
import tempfile

from cli import case

TMPFS = pathlib.Path("/dev/shm")  # has no extent size hints


class Attributes(case.ProgramTest):

    def test_options_of_the_file_are_accepted(self):
        for option in ("nocow=on", "extent_size_hint=0",
                       "extent_size_hint=2M", "nocow=off"):
            for fmt in ("raw", "qcow2"):
                with self.subTest(option=option, fmt=fmt):
                    self.same("create", "-f", fmt, "-o", option, "a.img", "1M")
                    self.same("convert", "-O", fmt, "-o", option, "a.img",
                              "b.img")

    def test_a_hint_that_is_too_large_is_refused(self):
        for fmt in ("raw", "qcow2"):
            with self.subTest(fmt=fmt):
                self.same("create", "-f", fmt, "-o", "extent_size_hint=4G",
                          "a.img", "1M")
                self.assertFalse(self.path("a.img").exists())

    def test_a_hint_that_cannot_be_set_warns(self):
        if not TMPFS.is_dir():
            self.skipTest("no tmpfs")
        folder = pathlib.Path(tempfile.mkdtemp(dir=TMPFS, prefix="cli-"))
        self.addCleanup(shutil.rmtree, folder)
        for option in ("extent_size_hint=1M", "extent_size_hint=0", "nocow=on"):
            with self.subTest(option=option):
                self.same("create", "-f", "qcow2", "-o", option,
                          str(folder / "a.img"), "1M")
        self.same("create", "-f", "raw", str(folder / "b.img"), "1M")
