"""The program is one file that needs nothing else."""
import os
import shutil
import subprocess

import program as programs
from cli import case


class Binary(case.ProgramTest):

    def test_has_no_interpreter_and_needs_no_library(self):
        out = subprocess.run(["readelf", "-ld", self.program], check=True,
                             capture_output=True, text=True).stdout
        found = [x for x in out.splitlines() if "INTERP" in x or "NEEDED" in x]
        self.assertEqual(found, [])

    def test_has_no_memory_that_is_writable_and_executable(self):
        out = subprocess.run(["readelf", "-lW", self.program], check=True,
                             capture_output=True, text=True).stdout
        self.assertEqual([x for x in out.splitlines() if "RWE" in x], [])

    def test_works_with_an_empty_environment(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        # The kvm jail is asked for through the environment alone.
        if self.jail == "kvm":
            self.skipTest("an empty environment names no jail")
        self.succeeds(self.instar("info", "a.qcow2", env={}))

    def in_empty_root(self, *args, **env):
        self.is_root()
        shutil.copy(self.program, self.path("instar"))

        def enter():
            os.chroot(self.directory)
            os.chdir("/")

        return programs.run("/instar", ["qemu-img", *args], self.directory,
                            self.environment(**env), preexec_fn=enter)

    def test_works_in_an_empty_root(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        self.succeeds(self.in_empty_root("info", "a.qcow2",
                                         INSTAR_JAIL="process"))
        self.succeeds(self.in_empty_root("convert", "-O", "raw", "a.qcow2",
                                         "a.raw", INSTAR_JAIL="process"))
        self.assertEqual(self.path("a.raw").stat().st_size, 1 << 20)

    def test_auto_falls_back_without_a_word_where_there_is_no_kvm(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        self.succeeds(self.in_empty_root("info", "a.qcow2",
                                         INSTAR_JAIL="auto"))

    def test_kvm_that_is_asked_for_and_missing_is_an_error(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        end = self.in_empty_root("info", "a.qcow2", INSTAR_JAIL="kvm")
        self.fails(end, "/dev/kvm")
        self.assertEqual(end.text, "")

    def test_an_unknown_jail_is_an_error(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        end = self.instar("info", "a.qcow2",
                          env=self.environment(INSTAR_JAIL="cardboard"))
        self.fails(end, "INSTAR_JAIL")

    def test_needs_no_temporary_directory(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        env = self.environment(TMPDIR="/nonexistent")
        self.succeeds(self.instar("info", "a.qcow2", env=env))
