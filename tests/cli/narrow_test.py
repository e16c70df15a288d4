"""The program gives up the system calls that it does not need while a guest
runs."""
import subprocess
import time

from cli import case

MIB = 1 << 20


class Narrow(case.ProgramTest):

    def seccomp_mode(self, pid):
        """2: filtered. Nothing once the process is gone."""
        try:
            with open(f"/proc/{pid}/status") as status:
                for line in status:
                    if line.startswith("Seccomp:"):
                        return int(line.split()[1])
        except OSError:
            pass
        return None

    def test_a_filter_is_in_force_while_the_guest_runs(self):
        self.raw("a.raw", 256 * MIB, *((at * MIB, b"data" * 65536)
                                       for at in range(256)))
        child = subprocess.Popen(
            ["qemu-img", "convert", "-O", "qcow2", "a.raw", "b.qcow2"],
            executable=self.program, cwd=self.directory,
            env=self.environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(child.communicate)
        seen = set()
        while child.poll() is None:
            seen.add(self.seccomp_mode(child.pid))
            time.sleep(0.001)
        self.assertEqual(child.returncode, 0)
        self.assertIn(2, seen)
