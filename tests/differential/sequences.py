#!/usr/bin/env -S python3 -B
"""Random sequences of the commands that change images in place: the program
against the real qemu-img.

Two equal directories; the reference makes the same chain of images in each and
writes the same data between the steps; each step is done in one by the program
and in the other by the reference. After each, exit status and messages, what
every image, every snapshot and every bitmap holds, `info`, `map` without places, and `check`
must agree.

  sequences.py [--bin PROGRAM] [--seed N] [--cases N] [--jail JAIL]...
  sequences.py --seed N --only CASE
"""
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import mapped
import program as programs
from differential import cases, chain_history

NODE = re.compile(rb"#block\d+")
# What `check` prints of where clusters are.
PLACES = re.compile(rb"[\d.]+% fragmented|(?<=Image end offset: )\d+")
# Numbers of `check` that do not depend on where clusters are.
COUNTS = ("corruptions", "leaks", "check-errors", "total-clusters",
          "allocated-clusters", "compressed-clusters")
DATES = ("date-sec", "date-nsec", "vm-clock-sec", "vm-clock-nsec")


def words(end):
    """How a command ended, without what is left to each program."""
    return (end.code, PLACES.sub(b"", end.out),
            NODE.sub(b"#block", end.err))


class Copy:
    """One of the two directories, and what is in it."""

    def __init__(self, directory, reference):
        self.directory = directory
        self.reference = reference
        directory.mkdir()

    def ask(self, *args):
        return programs.run(self.reference, ["qemu-img", *args],
                            self.directory)

    def content(self, name, fmt, snapshot=None):
        choice = ["-l", f"snapshot.name={snapshot}"] if snapshot else []
        out = self.directory / "read.raw"
        end = self.ask("convert", "-f", fmt, "-O", "raw", *choice, name,
                       out.name)
        data = out.read_bytes() if end.code == 0 else end.errors
        out.unlink(missing_ok=True)
        return data

    def info(self, name, fmt):
        end = self.ask("info", "--output=json", "-f", fmt, name)
        if end.code:
            return end.errors
        info = json.loads(end.text)
        info.pop("actual-size", None)
        info.pop("children", None)
        for snapshot in info.get("snapshots", []):
            for key in DATES:
                snapshot.pop(key, None)
        return info

    def map(self, name, fmt):
        end = self.ask("map", "--output=json", "-f", fmt, name)
        return end.errors if end.code else mapped.runs(end.text)

    def check(self, name):
        end = self.ask("check", "--output=json", "-f", "qcow2", name)
        if not end.text:
            return end.code, end.errors
        counts = json.loads(end.text)
        return end.code, {k: counts.get(k) for k in COUNTS}

    def facts(self, name, fmt):
        found = {"content": self.content(name, fmt),
                 "info": self.info(name, fmt), "map": self.map(name, fmt)}
        if fmt == "qcow2":
            found["check"] = self.check(name)
            if isinstance(found["info"], dict):
                for snapshot in found["info"].get("snapshots", []):
                    which = snapshot["name"]
                    found[f"snapshot {which}"] = self.content(name, fmt, which)
        return found


def differs(want, got):
    """What two dictionaries of facts do not agree on."""
    for key in sorted(set(want) | set(got)):
        x, y = want.get(key), got.get(key)
        if x == y:
            continue
        if isinstance(x, bytes) and isinstance(y, bytes):
            at = next((i for i, (p, q) in enumerate(zip(x, y)) if p != q),
                      min(len(x), len(y)))
            return f"{key}: {len(x)} and {len(y)} bytes, first difference at " \
                   f"{at}"
        return f"{key}: expected {x}\n     got {y}"
    return ""


class Sequences:
    def __init__(self, args, tally):
        self.args = args
        self.tally = tally
        self.jails = programs.jails(args.jail or programs.JAILS, tally,
                                    "sequences of changes", args.cases)

    def run_case(self, number):
        for jail in self.jails:
            with tempfile.TemporaryDirectory(prefix="sequence-") as name:
                log = []
                text = self.one(number, jail, pathlib.Path(name), log)
                if text:
                    self.tally.fail(f"{self.args.seed}-{number}-{jail}",
                                    "\n".join(log) + "\n" + text)
                    self.keep(number, jail, pathlib.Path(name), log, text)
                else:
                    self.tally.ok()

    def keep(self, number, jail, directory, log, text):
        kept = (programs.ROOT / "build/failures" /
                f"sequence-{self.args.seed}-{number}-{jail}")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(directory, kept)
        (kept / "log").write_text("\n".join(log) + "\n" + text)

    def one(self, number, jail, directory, log):
        """What went wrong, or nothing."""
        r = random.Random(f"sequence/{self.args.seed}/{number}")
        copies = [Copy(directory / name, self.args.ref)
                  for name in ("ours", "theirs")]
        history = chain_history.ChainHistory(r, self.args.formats)
        for argv in history.beginning():
            log.append(" ".join(argv))
            self.in_both(copies, argv)
        for _ in range(r.randint(4, 10)):
            if r.random() < 0.35:
                argv = history.write()
                log.append(" ".join(argv))
                self.in_both(copies, argv)
                continue
            argv = history.change()
            log.append("qemu-img " + " ".join(argv))
            text = self.step(copies, argv, jail, history)
            if text:
                return text
        return ""

    @staticmethod
    def in_both(copies, argv):
        for copy in copies:
            subprocess.run(argv, cwd=copy.directory, check=False,
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)

    def step(self, copies, argv, jail, history):
        ours, theirs = copies
        argv = ["qemu-img", *argv]
        want = programs.run(self.args.ref, argv, theirs.directory)
        got = programs.run(
            self.args.bin, argv, ours.directory, programs.environment(
                ours.directory, INSTAR_JAIL=jail,
                INSTAR_QEMU_VERSION=programs.REFERENCE_VERSION))
        if words(want) != words(got):
            return f"expected {want.describe()}got {got.describe()}"
        if want.code:
            self.drop_leaks(copies, history)
        for name, fmt in history.images.items():
            text = differs(theirs.facts(name, fmt), ours.facts(name, fmt))
            if text:
                return f"{name}: {text}"
        return ""

    def drop_leaks(self, copies, history):
        """The reference leaves some where it fails."""
        for copy in copies:
            for name, fmt in history.images.items():
                if fmt == "qcow2":
                    copy.ask("check", "-q", "-r", "leaks", "-f", fmt, name)


if __name__ == "__main__":
    sys.exit(cases.main(__doc__, 40, Sequences))
