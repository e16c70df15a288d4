#!/usr/bin/env -S python3 -B
"""Random sequences of the commands that change images in place: the program
against the real qemu-img.

Two equal directories; the reference makes the same chain of images in each and
writes the same data between the steps; each step is done in one by the program
and in the other by the reference. After each, exit status and messages, what
every image, every snapshot and every bitmap holds, `info`, `map` without
places, and `check` must agree.

  sequences.py [--bin PROGRAM] [--seed N] [--cases N] [--jail JAIL]...
  sequences.py --seed N --only CASE
"""
import json
import pathlib
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import mapped
import program as programs
import qcow2_bitmaps
from differential import cases, chain_history

# Numbers of `check` that do not depend on where clusters are.
COUNTS = ("corruptions", "leaks", "check-errors", "total-clusters",
          "allocated-clusters", "compressed-clusters")
DATES = ("date-sec", "date-nsec", "vm-clock-sec", "vm-clock-nsec")


class Copy:
    """One of the two directories, and what is in it."""

    def __init__(self, directory, reference):
        self.directory = directory
        self.reference = reference

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
            found["bitmaps"] = qcow2_bitmaps.read(self.directory / name)
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


class Sequences(cases.Cases):
    kind = "sequence"
    what = "sequences of changes"

    def one(self, number, pair, log):
        r = self.random(number)
        copies = [Copy(directory, self.args.ref)
                  for directory in (pair.ours, pair.theirs)]
        history = chain_history.ChainHistory(r, self.args.formats)
        for argv in history.beginning():
            log.append(" ".join(argv))
            pair.both(argv)
        for _ in range(r.randint(4, 10)):
            if r.random() < 0.35:
                argv = history.write()
                log.append(" ".join(argv))
                pair.both(argv)
                continue
            argv = history.change()
            log.append("qemu-img " + " ".join(argv))
            text = self.step(pair, copies, argv, history)
            if text:
                return text
        return ""

    def step(self, pair, copies, argv, history):
        ours, theirs = copies
        want, text = pair.carry_out(argv)
        if text:
            return text
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
