#!/usr/bin/env -S python3 -B
"""Random histories of persistent bitmaps: the program against the real
qemu-img.

Two equal directories; in each the same images are made and written to by the
reference, and the same actions on bitmaps are carried out, in one by the
program and in the other by the reference. After each action exit status,
messages and the bytes of every file must agree, and the reference must find
nothing wrong with any image.

  bitmap.py [--bin PROGRAM] [--seed N] [--cases N] [--jail JAIL]...
  bitmap.py --seed N --only CASE
"""
import pathlib
import random
import struct
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from differential import cases

NAMES = ["a", "b", "longer-name"]
ACTIONS = ["--add", "--remove", "--clear", "--enable", "--disable", "--merge"]
BITMAPS_EXTENSION, IN_USE = 0x23852875, 1


def mark_inconsistent(path, r):
    """Marks a bitmap as in use, as a program that crashed leaves it."""
    with open(path, "r+b") as f:
        head = f.read(1 << 16)
        if head[:4] != b"QFI\xfb" or head[7] < 3:
            return
        at, = struct.unpack_from(">I", head, 100)
        while at + 8 <= len(head):
            kind, length = struct.unpack_from(">II", head, at)
            if kind == BITMAPS_EXTENSION:
                break
            if kind == 0:
                return
            at += 8 + (length + 7) // 8 * 8
        _, _, size, directory = struct.unpack_from(">IIQQ", head, at + 8)
        f.seek(directory)
        entries = f.read(size)
        places, place = [], 0
        while place < size:
            places.append(place)
            place += (24 + struct.unpack_from(">H", entries, place + 18)[0]
                      + 7) // 8 * 8
        f.seek(directory + r.choice(places) + 12)
        f.write(struct.pack(">I", IN_USE | r.choice([0, 2])))


class History:
    """What is done to the images, step by step."""

    def __init__(self, r):
        self.r = r
        self.sizes = [self.size()]
        self.sizes.append(r.choice([self.sizes[0], self.sizes[0],
                                    self.size()]))

    def size(self):
        return self.r.choice(
            [self.r.randint(1, 40000) * 512, self.r.randint(1, 200) << 18,
             self.r.randint(1, 40) << 30])

    def make(self, name, size):
        r = self.r
        options = []
        if r.random() < 0.6:
            options.append(
                f"cluster_size={r.choice([512, 1024, 4096, 8192, 1 << 21])}")
            size = min(size, 1 << 26)
        if r.random() < 0.2:
            options.append(f"refcount_bits={r.choice([1, 8, 32, 64])}")
        if r.random() < 0.05:
            options = ["compat=0.10"]
        if r.random() < 0.1:
            options.append(f"preallocation={r.choice(['metadata', 'falloc'])}")
            size = min(size, 1 << 24)
        args = ["create", "-q", "-f", "qcow2"]
        if options:
            args += ["-o", ",".join(options)]
        elif r.random() < 0.2:
            args += ["-b", "base.raw", "-F", "raw"]
        return [*args, name, str(size)], size

    def bitmap(self):
        r = self.r
        args = ["bitmap"]
        merges = False
        if r.random() < 0.3:
            args.append("--add")
        for _ in range(r.choice([1, 1, 1, 2, 3])):
            action = r.choice(ACTIONS + ["--add", "--add", "--merge"])
            args.append(action)
            if action == "--merge":
                merges = True
                args.append(r.choice(NAMES))
        image, other = r.choice([("one", "two"), ("two", "one")])
        if merges and r.random() < 0.5:
            args += ["-b", other]
            if r.random() < 0.5:
                args += ["-F", "qcow2"]
        if "--add" in args and r.random() < 0.6:
            args += ["-g", str(r.choice(
                [512, 1024, 4096, 65536, 1 << 20, 1 << 31, 1000, 4096]))]
        if r.random() < 0.5:
            args += ["-f", "qcow2"]
        return [*args, image, r.choice(NAMES)]

    def convert(self):
        r = self.r
        args = ["convert", "--bitmaps", "-O", "qcow2"]
        if r.random() < 0.5:
            args.append("--skip-broken-bitmaps")
        if r.random() < 0.4:
            args += ["-o", "cluster_size="
                     f"{r.choice([512, 4096, 65536, 1 << 20])}"]
        return [*args, r.choice(["one", "two"]), "copy"]

    def write(self, sizes):
        r = self.r
        which = r.choice([0, 1])
        argv = ["qemu-io", "-f", "qcow2"]
        for _ in range(r.randint(1, 4)):
            length = min(r.choice([512, 4096, 100000, 1 << 20]), sizes[which])
            length = max(512, length // 512 * 512)
            at = r.randint(0, max(0, sizes[which] - length)) // 512 * 512
            argv += ["-c", f"{r.choice(['write', 'write -z', 'discard'])} "
                     f"{at} {length}"]
        return [*argv, ["one", "two"][which]]


class Comparison:
    """What there is to compare in the two directories."""

    def __init__(self, pair):
        self.pair = pair
        self.ours, self.theirs = pair.ours, pair.theirs

    def step(self, argv):
        """Carries it out in both; what differs, or nothing."""
        return self.pair.carry_out(argv)[1] or self.difference()

    def difference(self):
        for path in sorted(self.theirs.iterdir()):
            want = path.read_bytes()
            got = (self.ours / path.name).read_bytes()
            if want != got:
                at = next((i for i, (x, y) in enumerate(zip(want, got))
                           if x != y), min(len(want), len(got)))
                return (f"{path.name}: bytes differ, first at {at}; lengths "
                        f"{len(want)} and {len(got)}")
        return ""

    def check(self):
        for path in sorted(self.ours.glob("[otc]*")):
            end = self.pair.reference(self.ours, "check", "-q", "-f", "qcow2",
                                      path.name)
            if end.code != 0:
                return f"check of {path.name}: {end.describe()}"
        return ""


class Bitmaps(cases.Cases):
    kind = "bitmap"
    what = "histories of bitmaps"

    def one(self, number, pair, log):
        r = self.random(number)
        comparison = Comparison(pair)
        history = History(r)
        pair.both(["truncate", "-s", "1M", "base.raw"])
        sizes = []
        for name, size in zip(("one", "two"), history.sizes):
            argv, size = history.make(name, size)
            sizes.append(size)
            log.append(" ".join(argv))
            pair.both([self.args.ref, *argv])
        damaged = False
        for _ in range(r.randint(4, 14)):
            what = r.random()
            if what < 0.25:
                argv = history.write(sizes)
                log.append(" ".join(argv))
                pair.both(argv)
                continue
            if what < 0.30:
                damaged = True
                log.append("mark inconsistent")
                name, seed = r.choice(["one", "two"]), r.random()
                for where in (pair.ours, pair.theirs):
                    mark_inconsistent(where / name, random.Random(seed))
                continue
            argv = history.convert() if what < 0.4 else history.bitmap()
            log.append("qemu-img " + " ".join(argv))
            text = comparison.step(argv)
            if not text and not damaged:
                text = comparison.check()
            if text:
                return text
        return ""


if __name__ == "__main__":
    sys.exit(cases.main(__doc__, 40, Bitmaps))
