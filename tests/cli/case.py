"""The base of the tests that run the built program.

One behaviour a test; each test runs once in each jail, in an empty directory.
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

import program as programs


class ProgramTest(unittest.TestCase):
    """A test of the program `program` in the jail `jail`."""
    program = str(programs.PROGRAM)
    reference = programs.REFERENCE
    jail = "process"
    maxDiff = 4000

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="cli-")
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)

    # ---- Running ------------------------------------------------------------

    def environment(self, **more):
        return programs.environment(
            self.directory, **{"INSTAR_JAIL": self.jail, **more})

    def instar(self, *args, name="qemu-img", env=None, **more):
        """Runs the program; the newest version's profile unless `env` says."""
        return programs.run(self.program, [name, *args], self.directory,
                            self.environment() if env is None else env,
                            **more)

    def as_reference(self, *args, **more):
        """Runs the program with the profile of the reference's version."""
        return self.instar(*args, env=self.environment(
            INSTAR_QEMU_VERSION=programs.REFERENCE_VERSION), **more)

    def qemu(self, *args, name="qemu-img", **more):
        return programs.run(self.reference, [name, *args], self.directory,
                            **more)

    # ---- Making images ------------------------------------------------------

    def make(self, *args):
        """Runs the reference for set-up; it must succeed."""
        end = self.qemu(*args)
        self.assertEqual(end.code, 0, end.describe())

    def io(self, image, *commands, fmt="qcow2"):
        argv = ["qemu-io", "-f", fmt]
        for command in commands:
            argv += ["-c", command]
        subprocess.run([*argv, image], cwd=self.directory, check=True,
                       stdout=subprocess.DEVNULL)

    def raw(self, name, size, *runs):
        """A raw file of `size` bytes with (offset, bytes) in it."""
        with open(self.path(name), "wb") as f:
            f.truncate(size)
            for offset, data in runs:
                f.seek(offset)
                f.write(data)

    def path(self, name):
        return self.directory / name

    # ---- Checking -----------------------------------------------------------

    def succeeds(self, end):
        """Exit status 0 and nothing on stderr. Returns stdout."""
        self.assertEqual((end.code, end.errors), (0, ""), end.describe())
        return end.text

    def fails(self, end, *words):
        """Exit status 1, a message on stderr that holds all of `words`."""
        self.assertEqual(end.code, 1, end.describe())
        self.assertNotEqual(end.errors, "", "fails without a message")
        for word in words:
            self.assertIn(word, end.errors)
        return end.errors

    def same(self, *args, name="qemu-img", **more):
        """The program and the reference print the same and end the same."""
        want = self.qemu(*args, name=name, **more)
        got = self.as_reference(*args, name=name, **more)
        self.assertEqual(got.describe(), want.describe())
        self.assertEqual(got.err, want.err)
        return got

    def is_root(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
