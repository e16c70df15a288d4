"""Commands whose file calls are interfered with: tests/faults/tracer.cc."""
import dataclasses
import json
import os
import pathlib

import program as programs

TRACER = programs.ROOT / "build" / "tracer"
REPORT = "report"
REFERENCE = "reference"  # stands for a jail where the reference is to run


@dataclasses.dataclass
class Traced:
    """How a traced command ended, and what the tracer saw of it."""
    end: programs.Ended
    calls: dict  # how many of each kind
    acted: bool  # the call that was to be interfered with has come

    @property
    def count(self):
        return sum(self.calls.values())


class Bench:
    """A directory for the files of a command, and beside it what must not be
    counted: names for the programs and the reports."""

    def __init__(self, scratch, program):
        scratch = pathlib.Path(scratch)
        self.files = scratch / "files"
        self.files.mkdir()
        self.report = scratch / REPORT
        self.names = {}
        for name, target in ((REFERENCE, programs.REFERENCE),
                             ("program", program)):
            (scratch / name).mkdir()
            self.names[name] = scratch / name / "qemu-img"
            self.names[name].symlink_to(target)

    def path_of(self, jail, name="qemu-img"):
        path = self.names[REFERENCE if jail == REFERENCE else "program"]
        return path if name == path.name else self.named(path, name)

    @staticmethod
    def named(path, name):
        other = path.with_name(name)
        if not other.is_symlink():
            other.symlink_to(path.readlink())
        return other

    def run(self, mode, args, jail, name="qemu-img", **more):
        """Runs a command in a jail, or by the REFERENCE. `mode` as the tracer
        has it: ["fail", "3", "5"]. `name`: that the program is called by."""
        self.report.unlink(missing_ok=True)
        end = programs.run(
            TRACER, ["tracer", "--report", self.report, *mode, self.files,
                     "--", self.path_of(jail, name), *args], self.files,
            self.environment(jail), **more)
        calls = {}
        if self.report.exists():
            for line in self.report.read_text().splitlines():
                name, count = line.split()
                calls[name] = int(count)
        return Traced(end, calls, bool(calls.pop("acted", 0)))

    def plain(self, args, jail=REFERENCE):
        """Runs a command that nobody traces."""
        return programs.run(self.path_of(jail), ["qemu-img", *args], self.files,
                            self.environment(jail))

    def environment(self, jail):
        return programs.environment(
            self.files, INSTAR_JAIL=None if jail == REFERENCE else jail,
            INSTAR_QEMU_VERSION=programs.REFERENCE_VERSION)

    def clear(self):
        for path in self.files.iterdir():
            path.unlink()

    def names_left(self):
        return sorted(p.name for p in self.files.iterdir())


def read_log(directory):
    """The calls that `record` wrote, each a dictionary as call_log.h has it,
    with its bytes under "bytes"."""
    directory = pathlib.Path(directory)
    data = (directory / "data").read_bytes()
    calls = []
    for line in (directory / "calls").read_bytes().splitlines():
        call = json.loads(line)
        call["file"] = os.fsdecode(call["file"])
        at = call["data"]
        call["bytes"] = data[at:at + call["result"]] if at >= 0 else b""
        calls.append(call)
    return calls
