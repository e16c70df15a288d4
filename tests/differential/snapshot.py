#!/usr/bin/env -S python3 -B
"""Random histories of internal snapshots and of what images are made of: the
program against the real qemu-img.

Two equal directories; in each the same image is made and written to by the
reference, and the same snapshots are made, gone back to and removed and the
same options amended, in one by the program and in the other by the reference.
After each step exit status and messages must agree, so must the contents of
the present state and of every snapshot, and what info, map and check say; and
check must find nothing wrong.

  snapshot.py [--bin PROGRAM] [--seed N] [--cases N] [--jail JAIL]...
  snapshot.py --seed N --only CASE
"""
import hashlib
import json
import pathlib
import re
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from differential import cases

NAMES = ["a", "b", "2", "with space"]
# Where clusters lie is the writer's choice, as is what a file takes.
SHOWN = re.compile(
    r'"(offset|date-n?sec|actual-size|image-end-offset|'
    r'fragmented-clusters)": \d+')


def layers(text):
    """Which layer decides where, of what `map` says. Which of its bytes are
    zeroes depends on holes of the file, once it looks like preallocated."""
    runs = []
    for entry in json.loads(text) if text else []:
        kind = entry["depth"], entry["present"]
        if not runs or runs[-1][1] != kind:
            runs.append((entry["start"], kind))
    return runs


class History:
    """What is done to the image, step by step."""

    def __init__(self, r):
        self.r = r
        self.cluster = r.choice([512, 1024, 4096, 65536, 65536, 1 << 21])
        self.size = r.randint(1, 64) * self.cluster
        self.size += r.choice([0, 0, 512])
        self.version = r.choice([2, 3, 3, 3])
        # With both, the reference's way to version 2 spoils the snapshots.
        self.has_snapshots = False
        self.has_zeroes = False

    def make(self):
        r = self.r
        options = [f"cluster_size={self.cluster}"]
        if self.version == 2:
            options.append("compat=0.10")
        else:
            options.append(
                f"refcount_bits={r.choice([1, 2, 4, 8, 16, 16, 32, 64])}")
            if self.cluster >= 16384 and r.random() < 0.4:
                options.append("extended_l2=on")
            if r.random() < 0.2:
                options.append("compression_type=zstd")
            if r.random() < 0.2:
                options.append("lazy_refcounts=on")
        argv = ["create", "-q", "-f", "qcow2"]
        if r.random() < 0.2:
            argv += ["-b", "base.raw", "-F", "raw"]
        return [*argv, "-o", ",".join(options), "image", str(self.size)]

    def write(self):
        r = self.r
        argv = ["qemu-io", "-f", "qcow2"]
        for _ in range(r.randint(1, 5)):
            what = r.choice(["write", "write", "write -z", "write -z -u",
                             "discard", "write -c"])
            if what == "write -c":
                at = r.randrange(0, self.size // self.cluster) * self.cluster
                length = self.cluster
            else:
                length = r.choice([512, self.cluster, 3 * self.cluster,
                                   10 * self.cluster])
                length = min(length, self.size)
                at = r.randint(0, self.size - length) // 512 * 512
            self.has_zeroes |= "-z" in what or what == "discard"
            pattern = f" -P {r.randint(1, 255)}" if what == "write" else ""
            argv += ["-c", f"{what}{pattern} {at} {length}"]
        return [*argv, "image"]

    def snapshot(self):
        r = self.r
        how = r.choice(["-c", "-c", "-c", "-a", "-a", "-d", "-d"])
        self.has_snapshots |= how == "-c"
        argv = ["snapshot", how, r.choice(NAMES)]
        if r.random() < 0.3:
            argv.append("-q")
        return [*argv, "image"]

    def amend(self):
        r = self.r
        options = []
        if r.random() < 0.5:
            levels = ["1.1", "v3"]
            if not (self.has_zeroes and self.has_snapshots):
                levels += ["0.10", "v2"]
            options.append(f"compat={r.choice(levels)}")
        # Longer clusters keep the reference busy for minutes.
        if r.random() < 0.5 and self.cluster <= 4096:
            options.append(f"refcount_bits={1 << r.randint(0, 6)}")
        if r.random() < 0.3 or not options:
            options.append(f"lazy_refcounts={r.choice(['on', 'off'])}")
        return ["amend", "-f", "qcow2", "-o", ",".join(options), "image"]

    def step(self):
        return self.snapshot() if self.r.random() < 0.75 else self.amend()


class Comparison:
    """What there is to compare in the two directories."""

    def __init__(self, pair):
        self.ours, self.theirs = pair.ours, pair.theirs
        self.reference = pair.reference
        self.pair = pair
        self.failed = False

    def step(self, argv):
        """Carries it out in both; what differs, or nothing."""
        want, text = self.pair.carry_out(argv)
        self.failed = want.code != 0
        return text or self.difference() or self.check()

    def seen(self, directory):
        """What the reference says of the image."""
        end = self.reference(directory, "info", "--output=json", "image")
        state = {"info": SHOWN.sub("", end.text)}
        end = self.reference(directory, "map", "--output=json", "image")
        state["map"] = layers(end.text)
        end = self.reference(directory, "check", "--output=json", "image")
        state["check"] = SHOWN.sub("", end.text)
        if self.failed:
            del state["check"]  # the reference leaves leaks behind
        listed = self.reference(directory, "snapshot", "-l", "image").text
        choices = [[]] + [["-l", f"snapshot.id={line.split()[0]}"]
                          for line in listed.splitlines()[2:]]
        for choice in choices:
            self.reference(directory, "convert", "-O", "raw", *choice,
                           "image", "out.raw")
            data = (directory / "out.raw").read_bytes()
            (directory / "out.raw").unlink()
            state[" ".join(choice) or "now"] = hashlib.sha256(data).hexdigest()
        return state

    def difference(self):
        want, got = self.seen(self.theirs), self.seen(self.ours)
        for key in want.keys() | got.keys():
            if want.get(key) != got.get(key):
                return (f"{key}: expected {want.get(key)}, "
                        f"got {got.get(key)}")
        return ""

    def check(self):
        end = self.reference(self.ours, "check", "-q", "image")
        return "" if end.code == 0 else f"check: {end.describe()}"


class Snapshots(cases.Cases):
    kind = "snapshot"
    what = "histories of snapshots"

    def one(self, number, pair, log):
        r = self.random(number)
        comparison = Comparison(pair)
        history = History(r)
        pair.both(["sh", "-c", f"yes base | head -c {history.size} >base.raw"])
        argv = history.make()
        log.append(" ".join(argv))
        pair.both([self.args.ref, *argv])
        for _ in range(r.randint(4, 16)):
            if r.random() < 0.4:
                argv = history.write()
                log.append(" ".join(argv))
                pair.both(argv)
                continue
            argv = history.step()
            log.append("qemu-img " + " ".join(argv))
            text = comparison.step(argv)
            if text:
                return text
            if comparison.failed:
                # What the reference left behind would tell the two apart.
                pair.both([self.args.ref, "check", "-q", "-r", "leaks",
                           "image"])
        return ""


if __name__ == "__main__":
    sys.exit(cases.main(__doc__, 40, Snapshots))
