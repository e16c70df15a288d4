"""The program under test and the reference beside it: finding and running them.
"""
import dataclasses
import os
import pathlib
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build" / "instar"
MEASURE = ROOT / "build" / "measure"  # tests/bench/measure.cc
REFERENCE = "/usr/bin/qemu-img"
REFERENCE_VERSION = "7.2.22"  # of Debian 12's qemu-utils
JAILS = ("process", "kvm")
TIMEOUT_S = 60


@dataclasses.dataclass
class Ended:
    """How a program ended. A negative code is the signal that killed it."""
    code: int
    out: bytes
    err: bytes

    @property
    def text(self):
        return self.out.decode(errors="replace")

    @property
    def errors(self):
        return self.err.decode(errors="replace")

    def describe(self):
        return f"[exit {self.code}]\n{self.text}{self.errors}"


TIMED_OUT = -1000  # the code of a program that was stopped at its time limit


def environment(home, **more):
    """What a program under test sees: nothing of the caller's but the PATH and
    the INSTAR_ variables."""
    env = {"PATH": os.environ.get("PATH", ""), "HOME": str(home),
           "LC_ALL": "C", "TZ": "UTC"}
    env.update((k, v) for k, v in os.environ.items()
               if k.startswith("INSTAR_"))
    env.update((k, v) for k, v in more.items() if v is not None)
    return env


def run(program, argv, cwd, env=None, timeout=TIMEOUT_S, **more):
    """Runs `program` under the name argv[0], as a shell that found it on the
    PATH would."""
    child = subprocess.Popen(
        [str(a) for a in argv], executable=str(program), cwd=cwd,
        env=environment(cwd) if env is None else env,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True, **more)
    try:
        out, err = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        return Ended(TIMED_OUT, out, err)
    return Ended(child.returncode, out, err)


def why_no_kvm():
    """The reason why the KVM jail cannot be had here, or None."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError as e:
        return f"/dev/kvm: {os.strerror(e.errno)}"
    return None


def jails(names, tally, what, count=1):
    """Those of the named jails that can be had; counts the others as skipped.
    """
    found = []
    for jail in names:
        reason = why_no_kvm() if jail == "kvm" else None
        if reason:
            tally.skip(f"{what} in the kvm jail", reason, count)
        else:
            found.append(jail)
    return found
