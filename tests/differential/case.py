"""One command run by the reference and by the program under test, compared."""
import os
import pathlib
import re
import shlex
import subprocess

import program as programs
from baselines import transcript
from differential import options

CHUNK = 1 << 20
PREPARED = "prepared.img"  # an output that is there before the run (-n)
OUTPUTS = (options.OUT, options.OUT_DATA)


class Runner:
    """Runs commands in a directory of source images."""

    def __init__(self, program, reference, directory):
        self.program = program
        self.reference = reference
        self.directory = directory

    def environment(self, jail):
        return programs.environment(
            self.directory, INSTAR_JAIL=jail,
            INSTAR_QEMU_VERSION=programs.REFERENCE_VERSION)

    def run(self, program, args, jail=None):
        return programs.run(program, ["qemu-img", *args], self.directory,
                            self.environment(jail))

    # ---- Commands that only print -------------------------------------------

    def compare_printed(self, args, jails):
        """Yields the jail and what differs (empty: nothing) for each jail."""
        want = self.run(self.reference, args)
        for jail in jails:
            got = self.run(self.program, args, jail)
            text = printed_difference(want, got)
            if text:  # a file's allocation may have moved under both
                want = self.run(self.reference, args)
                text = printed_difference(want, got)
            yield jail, text

    # ---- Commands that write OUTPUTS ----------------------------------------

    def prepare(self, command):
        self._remove(OUTPUTS)
        for argv in command.before:
            programs.run(f"/usr/bin/{argv[0]}", argv, self.directory)
        if command.before:
            (self.directory / options.OUT).rename(self.directory / PREPARED)

    def compare_written(self, command, jails):
        """As compare_printed, and compares what the outputs hold."""
        self.prepare(command)
        want = self._write_reference(command)
        for jail in jails:
            text = self._written_difference(want, command, jail)
            if text:  # reading a file may move what its file system calls data
                want = self._write_reference(command)
                text = self._written_difference(want, command, jail)
            yield jail, text
        self._remove([PREPARED, *OUTPUTS, *(f"ref-{n}" for n in OUTPUTS)])

    def _write_reference(self, command):
        end = self._write(self.reference, command, None)
        self._remove(f"ref-{n}" for n in OUTPUTS)
        for name in OUTPUTS:
            if (self.directory / name).exists():
                (self.directory / name).rename(self.directory / f"ref-{name}")
        return end

    def _written_difference(self, want, command, jail):
        got = self._write(self.program, command, jail)
        text = printed_difference(want, got)
        if text or want.code != 0:
            return text
        return self._outputs_difference(command)

    def _write(self, program, command, jail):
        self._remove(OUTPUTS)
        if command.before:
            subprocess.run(["cp", "--sparse=always", PREPARED, options.OUT],
                           cwd=self.directory, check=True)
        return self.run(program, command.args, jail)

    def _remove(self, names):
        for name in names:
            (self.directory / name).unlink(missing_ok=True)

    def _outputs_difference(self, command):
        for name in OUTPUTS:
            ours = self.directory / name
            theirs = self.directory / f"ref-{name}"
            if ours.exists() != theirs.exists():
                which = "missing" if theirs.exists() else "unexpected"
                return f"{name}: {which}"
            if command.bytes_defined and ours.exists():
                at = first_difference(theirs, ours)
                if at is not None:
                    return f"{name}: bytes differ, first at {at}"
        if command.bytes_defined:
            return ""
        return self._content_difference(command)

    def _content_difference(self, command):
        fmt = ["-f", command.format]
        names = (f"ref-{options.OUT}", options.OUT)
        end = self.run(self.reference, ["compare", *fmt, "-F", command.format,
                                        *names])
        if end.code != 0:
            return f"content differs: {end.text}{end.errors}"
        if command.format != "qcow2":
            return ""
        end = self.run(self.reference, ["check", "-q", *fmt, options.OUT])
        return f"check: {end.describe()}" if end.code else ""


# The reference's own package may lack modules that the program has built in.
_MODULE = re.compile(r"(?m)^qemu: module block-block-dmg-\S+ not found, .*\n")


def printed_difference(want, got):
    """What differs in exit status, stdout and stderr; empty: nothing."""
    lines = []
    if want.code != got.code:
        lines.append(f"exit status {got.code}, expected {want.code}")
    for name, a, b in (("stdout", want.text, got.text),
                       ("stderr", _MODULE.sub("", want.errors), got.errors)):
        a, b = (t.replace("\r", "\\r\n") for t in (a, b))
        if a != b and _ordered(a) != _ordered(b):
            lines.append(f"{name}:")
            lines += [f"  expected {x}" for x in a.splitlines() or [""]]
            lines += [f"  got      {x}" for x in b.splitlines() or [""]]
    return "\n".join(lines)


def _ordered(text):
    """`text` without what depends on timing alone: how often progress is
    printed, and the order of messages about failing reads."""
    if "error while reading at byte" in text:  # by several coroutines at once
        text = "\n".join(sorted(text.splitlines()))
    if "/100%)" not in text:
        return text
    return transcript.normalise(text, "\0")


def _data_ranges(fd, size):
    """Ranges of a file that may hold something but zeroes."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:  # only a hole is left
            return
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, at


def first_difference(a, b):
    """The offset of the first differing byte of two files, or None. Holes
    compare as zeroes."""
    fds = [os.open(x, os.O_RDONLY | os.O_CLOEXEC) for x in (a, b)]
    try:
        sizes = [os.fstat(fd).st_size for fd in fds]
        found = [min(sizes)] if sizes[0] != sizes[1] else []
        for fd in fds:
            for start, end in _data_ranges(fd, min(sizes)):
                at = _differs_in(fds, start, min(end, min(sizes)))
                if at is not None:
                    found.append(at)
                    break
        return min(found, default=None)
    finally:
        for fd in fds:
            os.close(fd)


def _differs_in(fds, start, end):
    for at in range(start, end, CHUNK):
        x, y = (os.pread(fd, min(CHUNK, end - at), at) for fd in fds)
        if x != y:
            return at + next((i for i, (p, q) in enumerate(zip(x, y))
                              if p != q), min(len(x), len(y)))
    return None


def keep(folder, runner, command_args, before, jail, text, log):
    """Keeps a failing case: its images, what differed, and a script that runs
    it again."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-r", "--sparse=auto", f"{runner.directory}/.",
                    folder], check=True)
    for name in [*OUTPUTS, PREPARED, *(f"ref-{n}" for n in OUTPUTS)]:
        (folder / name).unlink(missing_ok=True)
    (folder / "difference.txt").write_text(
        f"{text}\nin {runner.directory}\n")
    (folder / "made-by.txt").write_text("\n".join(log) + "\n")
    script = _SCRIPT.format(
        before="\n".join(f"  {shlex.join(argv)}" for argv in before) or "  :",
        reference=shlex.quote(str(runner.reference)),
        program=shlex.quote(str(runner.program)), jail=jail or "auto",
        version=programs.REFERENCE_VERSION, args=shlex.join(command_args),
        outputs=" ".join(OUTPUTS))
    (folder / "reproduce.sh").write_text(script)
    (folder / "reproduce.sh").chmod(0o755)


_SCRIPT = """\
#!/bin/bash
# Runs the case again: the reference into reference/, ours into ours/.
cd "$(dirname "$0")" || exit
export INSTAR_JAIL=${{INSTAR_JAIL:-{jail}}} INSTAR_QEMU_VERSION={version}
before() {{
{before}
}}
one() {{
  rm -rf "$1" {outputs} && mkdir "$1" && before
  (exec -a qemu-img "$2" {args}) > "$1/stdout" 2> "$1/stderr"
  echo $? > "$1/status"
  for f in {outputs}; do [ -e $f ] && mv $f "$1"; done
}}
one reference {reference}
one ours {program}
diff -rs reference ours
"""
