"""No process outlives the program."""
import os
import pathlib
import signal
import subprocess
import time

from cli import case

MIB = 1 << 20


def session_members(session):
    """The processes of a session, dead ones that nobody waited for aside."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2]
            except OSError:
                continue
            state, _, _, its_session = fields.split()[:4]
            if int(its_session) == session and state not in "ZX":
                found.append(int(entry.name))
    return found


class Children(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.raw("a.raw", 512 * MIB)
        with open(self.path("a.raw"), "r+b") as f:
            for _ in range(256):
                f.write(os.urandom(4096) * 256)

    def start(self):
        child = subprocess.Popen(
            ["qemu-img", "convert", "-O", "qcow2", "a.raw", "b.qcow2"],
            executable=self.program, cwd=self.directory,
            env=self.environment(), start_new_session=True,
            # What ran the tests may have told its children to ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(child.communicate)
        return child

    def assert_nothing_left(self, session):
        deadline = time.monotonic() + 2
        while session_members(session) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(session_members(session), [])

    def killed_by(self, number):
        """Kills converts while they run, earlier and earlier if they were
        too fast."""
        for delay in (0.1, 0.05, 0.02, 0.01):
            child = self.start()
            time.sleep(delay)
            child.send_signal(number)
            code = child.wait()
            self.assert_nothing_left(child.pid)
            if code == -number:
                return
        self.fail(f"never ended by signal {number}, but with {code}")

    def test_none_is_left_by_sigkill(self):
        self.killed_by(signal.SIGKILL)

    def test_none_is_left_by_sigterm(self):
        self.killed_by(signal.SIGTERM)

    def test_none_is_left_by_sigint(self):
        self.killed_by(signal.SIGINT)

    def test_none_is_left_by_success(self):
        child = self.start()
        self.assertEqual(child.wait(), 0)
        self.assertEqual(session_members(child.pid), [])

    def test_none_is_left_by_an_error(self):
        self.path("b.qcow2").mkdir()
        child = self.start()
        self.assertEqual(child.wait(), 1)
        self.assertEqual(session_members(child.pid), [])
