"""Scenarios: command sequences run in a directory of their own.

baselines/README.md lists the verbs of a scenario file.
"""
import hashlib
import os
import pathlib
import random
import re
import shlex
import shutil
import tempfile

import program as programs
from baselines import transcript

_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50, "e": 60}


def _size(text):
    m = re.fullmatch(r"(\d+)([kmgtpe]?)", text.lower())
    if not m:
        raise ValueError(f"not a size: {text}")
    return int(m[1]) << _UNITS[m[2]]


def _fill(pattern, length, seed):
    """`length` bytes: 0xNN repeats a byte, rand… is pseudo-random, any other
    word repeats itself."""
    if pattern.startswith("0x"):
        return bytes([int(pattern, 16)]) * length
    if pattern.startswith("rand"):
        return random.Random(f"{pattern}/{seed}").randbytes(length)
    word = pattern.encode()
    return (word * (length // len(word) + 1))[:length]


def _digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


class Run:
    """One scenario under one program; `text` collects what it printed."""

    def __init__(self, program, reference, env, directory, subcommands=()):
        self.program = program
        self.subcommands = subcommands
        self.reference = reference
        self.env = env
        self.directory = directory
        self.text = ""

    def step(self, line):
        if line.startswith(("$ ", "$ref ")):
            mark, *argv = shlex.split(line)
            if argv[0] != "qemu-img":
                raise ValueError(f"not a qemu-img command: {line}")
            return self._compared(
                line, argv,
                self._of_command(argv) if mark == "$" else self.reference)
        verb, *args = shlex.split(line)
        method = getattr(self, f"_do_{verb}", None)
        if method is None:
            raise ValueError(f"unknown verb: {line}")
        return method(line, *args)

    def _of_command(self, argv):
        """What runs a step: the program if its subcommand is compared; the
        reference makes what others are to leave."""
        compared = not self.subcommands or transcript.is_one_of(
            argv, self.subcommands)
        return self.program if compared else self.reference

    def _call(self, argv, program):
        return programs.run(program, argv, self.directory, self.env)

    def _path(self, name):
        return self.directory / name

    def _compared(self, line, argv, program):
        end = self._call(argv, program)
        self.text += line + "\n"
        for mark, text in (("", end.text), ("! ", end.errors)):
            for out in text.replace("\r", "\\r\n").splitlines():
                self.text += f"{mark}{out}\n"
        code = "timeout" if end.code == programs.TIMED_OUT else end.code
        self.text += f"[exit {code}]\n"

    def _set_up(self, argv, program):
        end = self._call(argv, program)
        if end.code != 0:
            self.text += (f"set-up failed ({end.code}): {shlex.join(argv)}\n"
                          f"{end.text}{end.errors}")

    def _do_run(self, _line, *argv):
        self._set_up(argv, self._of_command(argv))

    def _do_ref(self, _line, *argv):
        self._set_up(argv, self.reference)

    def _do_io(self, _line, name, fmt, *commands):
        argv = ["qemu-io", "-f", fmt]
        for command in commands:
            argv += ["-c", command]
        self._set_up(argv + [name],
                     pathlib.Path(self.reference).with_name("qemu-io"))

    def _do_raw(self, _line, name, total, *runs):
        with open(self._path(name), "wb") as f:
            f.truncate(_size(total))
            for i, run in enumerate(runs):
                offset, length, pattern = run.split(":", 2)
                f.seek(_size(offset))
                f.write(_fill(pattern, _size(length), i))

    def _do_poke(self, _line, name, offset, digits):
        is_number = offset.startswith("0x") or not offset[-1].isalpha()
        with open(self._path(name), "r+b") as f:
            f.seek(int(offset, 0) if is_number else _size(offset))
            f.write(bytes.fromhex(digits))

    def _do_trunc(self, _line, name, length):
        os.truncate(self._path(name), _size(length))

    def _do_cp(self, _line, source, target):
        shutil.copyfile(self._path(source), self._path(target))

    def _do_rm(self, _line, name):
        self._path(name).unlink()

    def _do_mkdir(self, _line, name):
        self._path(name).mkdir()

    def _do_text(self, _line, name, *lines):
        self._path(name).write_text("".join(x + "\n" for x in lines))

    def _do_hash(self, line, name):
        self.text += f"{line}\n"
        self.text += f"{_digest(self._path(name))}\n"

    def _do_content(self, line, name, fmt):
        flat = self._path(".content")
        end = self._call(["qemu-img", "convert", "-f", fmt, "-O", "raw", name,
                          flat.name], self.reference)
        found = f"unreadable: {end.errors.strip()}"
        if end.code == 0:
            found = _digest(flat)
            flat.unlink()
        self.text += f"{line}\n{found}\n"

    def _do_exists(self, line, name):
        self.text += f"{line}\n"
        self.text += "yes\n" if self._path(name).exists() else "no\n"


def run(path, program, reference, version=None, variable=None,
        subcommands=()):
    """The transcript of the scenario at `path` under `program`, which
    `variable` tells to answer as `version`. Where `subcommands` are given, the
    reference runs the steps of others."""
    with tempfile.TemporaryDirectory(prefix="scn-") as name:
        directory = pathlib.Path(name)
        more = {variable: version} if variable and version else {}
        run_ = Run(program, reference,
                   programs.environment(directory, **more), directory,
                   subcommands)
        for line in path.read_text().splitlines():
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            before = run_.text
            try:
                run_.step(line)
            except OSError as e:  # a step before did not make this one's file
                run_.text = f"{before}{line}\n{os.strerror(e.errno)}\n"
    return transcript.split(transcript.normalise(run_.text, name))
