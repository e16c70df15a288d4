#!/usr/bin/env -S python3 -B
"""Random sequences of sizes: the program against the real qemu-img.

Two equal directories; in each the same qcow2 image is made and written to by
the reference, and the same sizes are given to it, in one by the program and in
the other by the reference. After each size exit status, messages, contents,
`info`, `map` and `check` must agree. A case of a format to which qemu-img gives
no other size is grown by the program alone: what was there must still be there,
the rest be zeroes, and the reference find nothing wrong.

  resize.py [--bin PROGRAM] [--seed N] [--cases N] [--jail JAIL]... [FORMAT...]
  resize.py --seed N --only CASE
"""
import json
import os
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
from differential import cases

NODE = re.compile(rb"#block\d+")
LOOKS = (["info", "--output=json"], ["map", "--output=json"],
         ["check", "--output=json"])
OWN = {"vdi": ["", "static=on"],
       "vpc": ["", "force_size=on", "subformat=fixed"],
       "vhdx": ["", "block_size=1M", "block_size=64M", "subformat=fixed"],
       "vmdk": ["subformat=monolithicSparse", "subformat=monolithicFlat",
                "subformat=twoGbMaxExtentSparse",
                "subformat=twoGbMaxExtentFlat"]}
SECTOR, MIB = 512, 1 << 20


class Shape:
    """What the qcow2 image of a case is like."""

    def __init__(self, r):
        self.bits = r.choice([9, 9, 10, 12, 14, 16, 16, 16, 18, 21])
        self.old = r.random() < 0.15
        self.extended = not self.old and self.bits >= 14 and r.random() < 0.25
        self.data = not self.old and r.random() < 0.15
        self.backed = not self.data and r.random() < 0.3
        self.options = [f"cluster_size={1 << self.bits}"]
        if self.old:
            self.options.append("compat=0.10")
        elif r.random() < 0.4:
            width = r.choice([1, 2, 4, 8, 32, 64])
            self.options.append(f"refcount_bits={width}")
        if self.extended:
            self.options.append("extended_l2=on")
        if self.data:
            self.options.append(
                f"data_file=data,data_file_raw={r.choice(['on', 'off'])}")
        self.snapshots = (not self.data and r.random() < 0.4
                          and "refcount_bits=1" not in self.options)
        self.bitmaps = not self.old and r.random() < 0.25
        # A table of the smallest clusters maps little.
        self.most = 1 << min(34, 2 * self.bits + 5)

    def size(self, r):
        most = r.choice([1 << self.bits, MIB, 16 * MIB, self.most])
        unit = r.choice([SECTOR, 1 << self.bits, 65536])
        return max(1, r.randint(1, min(most, self.most)) // unit) * unit


class Sequence:
    """One image and what happens to it."""

    def __init__(self, r):
        self.r = r
        self.shape = Shape(r)
        self.size = min(self.shape.size(r), 64 * MIB)
        self.names = 0

    def setup(self):
        shape, r = self.shape, self.r
        args = ["create", "-q", "-f", "qcow2", "-o", ",".join(shape.options)]
        if shape.backed:
            below = r.randint(1, 2 * self.size // SECTOR) * SECTOR
            below = min(below, 64 * MIB)
            yield ["truncate", "-s", str(below), "base"]
            yield ["qemu-io", "-f", "raw", "-c", f"write -P 7 0 {below}",
                   "base"]
            args += ["-b", "base", "-F", "raw"]
        yield ["qemu-img", *args, "image", str(self.size)]
        if shape.bitmaps:
            for name in ("b0", "b1")[:r.randint(1, 2)]:
                granularity = r.choice([512, 65536, MIB])
                yield ["qemu-img", "bitmap", "--add", "-g", str(granularity),
                       "image", name]
        yield self.write()

    def write(self):
        r = self.r
        argv = ["qemu-io", "-f", "qcow2"]
        for _ in range(r.randint(1, 5)):
            length = min(self.size, r.choice([SECTOR, 4096, 100000, MIB]))
            length = max(SECTOR, length // SECTOR * SECTOR)
            most = max(0, self.size - length)
            at = r.choice([0, most, r.randint(0, most)]) // SECTOR * SECTOR
            what = r.choice([f"write -P {r.randint(1, 255)}", "write -z",
                             "write -z -u", "discard"])
            argv += ["-c", f"{what} {at} {length}"]
        return [*argv, "image"]

    def step(self):
        """A command that both run for themselves, or one for the reference."""
        r = self.r
        what = r.random()
        if what < 0.25:
            return None, self.write()
        if what < 0.35 and self.shape.snapshots:
            self.names += 1
            return None, ["qemu-img", "snapshot", "-c", f"s{self.names}",
                          "image"]
        return self.resize(), None

    def resize(self):
        r = self.r
        args = ["resize"]
        size = self.shape.size(r)
        mode = r.choice(["off", "off", "metadata", "falloc", "full"])
        if size <= self.size:
            mode = r.choice(["off"] * 9 + [mode])
            if r.random() < 0.95:
                args.append("--shrink")
        if mode != "off":
            size = min(size, self.size + 24 * MIB)
            args.append(f"--preallocation={mode}")
        text = str(size)
        if size > self.size and r.random() < 0.3:
            text = f"+{size - self.size}"
        return [*args, "image", text]


class Resize:
    def __init__(self, args, tally):
        self.args = args
        self.tally = tally
        self.jails = programs.jails(
            args.jail or programs.JAILS, tally, "sequences of sizes",
            args.cases)

    def run_case(self, number):
        for jail in self.jails:
            with tempfile.TemporaryDirectory(prefix="resize-") as name:
                log = []
                text = self.one(number, jail, pathlib.Path(name), log)
                if not text:
                    self.tally.ok()
                    continue
                self.tally.fail(f"{self.args.seed}-{number}-{jail}",
                                "\n".join(log) + "\n" + text)
                kept = (programs.ROOT / "build/failures" /
                        f"resize-{self.args.seed}-{number}-{jail}")
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(name, kept)
                (kept / "log").write_text("\n".join(log) + "\n" + text)

    def one(self, number, jail, top, log):
        r = random.Random(f"resize/{self.args.seed}/{number}")
        wanted = self.args.formats or ["qcow2"] * 3 + sorted(OWN)
        fmt = r.choice(wanted)
        if fmt != "qcow2":
            return self.own(r, fmt, jail, top, log)
        ours, theirs = top / "ours", top / "theirs"
        ours.mkdir()
        theirs.mkdir()
        sequence = Sequence(r)
        for argv in sequence.setup():
            self.prepare(argv, (ours, theirs), log)
        for _ in range(r.randint(2, 7)):
            args, setup = sequence.step()
            if setup:
                self.prepare(setup, (ours, theirs), log)
                continue
            log.append("qemu-img " + " ".join(args))
            text, goes_on = self.step(args, jail, ours, theirs, sequence)
            if text or not goes_on:
                return text
            sequence.size = self.size(theirs, "image", "qcow2")
        return ""

    def prepare(self, argv, directories, log):
        log.append(" ".join(argv))
        for directory in directories:
            subprocess.run(argv, cwd=directory, check=False,
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)

    def ours(self, argv, jail, directory):
        return programs.run(
            self.args.bin, argv, directory, programs.environment(
                directory, INSTAR_JAIL=jail,
                INSTAR_QEMU_VERSION=programs.REFERENCE_VERSION))

    def ask(self, directory, *args):
        return programs.run(self.args.ref, ["qemu-img", *args], directory)

    def size(self, directory, name, fmt):
        end = self.ask(directory, "info", "-f", fmt, "--output=json", name)
        return json.loads(end.text)["virtual-size"]

    def step(self, args, jail, ours, theirs, sequence):
        """What is wrong, and whether the two are alike enough to go on."""
        if "--preallocation=metadata" in args:
            self.ask(ours, "convert", "-O", "raw", "image", "before")
        want = self.ask(theirs, *args)
        got = self.ours(["qemu-img", *args], jail, ours)
        if b"Cannot use preallocation for shrinking files" in want.err:
            # Its file was longer than it needs; that need not matter.
            return "" if got.code == 0 else got.describe(), False
        if (want.code, want.out, NODE.sub(b"#", want.err)) != (
                got.code, got.out, NODE.sub(b"#", got.err)):
            return f"expected {want.describe()}got {got.describe()}", False
        if want.code != 0:
            # It may leave clusters behind, and it stores bitmaps anew; this
            # program does neither.
            return self.alike(ours, theirs), False
        if "--preallocation=metadata" in args:
            # It shows what clusters held before they were given up.
            text = self.zeroes_follow(ours, sequence.size)
            if text or self.alike(ours, theirs):
                return text, False
        looks = LOOKS
        if sequence.shape.bits < 12:
            # Holes have the size of the host's pages.
            looks = LOOKS[::2]
        for look in looks:
            seen = [self.shown(where, look) for where in (ours, theirs)]
            if look[0] == "map" and all(seen):
                seen = [mapped.runs(text) for text in seen]
            if seen[0] != seen[1]:
                return f"{look}: expected {seen[1]}got {seen[0]}", False
        return self.alike(ours, theirs), True

    def alike(self, ours, theirs):
        end = self.ask(ours, "compare", "image", "../theirs/image")
        if end.code == 0 or self.shows_less(ours, theirs):
            return ""
        return end.describe()

    def shows_less(self, ours, theirs):
        """Clusters that are used again for what is preallocated read as zeroes
        here; in the reference's image, as whatever they held."""
        data = []
        for where in (ours, theirs):
            end = self.ask(where, "convert", "-O", "raw", "image", "read.raw")
            if end.code:
                return False
            data.append((where / "read.raw").read_bytes())
            (where / "read.raw").unlink()
        return len(data[0]) == len(data[1]) and not any(
            data[0][at:at + SECTOR].strip(b"\0")
            for at in range(0, len(data[0]), SECTOR)
            if data[0][at:at + SECTOR] != data[1][at:at + SECTOR])

    def zeroes_follow(self, directory, size):
        """What is wrong where more than zeroes came behind the old end."""
        end = self.ask(directory, "compare", "-f", "raw", "-F", "qcow2",
                       "before", "image")
        stale = size % (1 << 16) != 0 and end.code == 1
        return "" if end.code == 0 or stale else end.describe()

    def shown(self, directory, look):
        text = self.ask(directory, *look, "image").text
        return "\n".join(
            line for line in text.splitlines()
            if "actual-size" not in line and '"date-' not in line)

    # ---- Other formats ------------------------------------------------------

    def own(self, r, fmt, jail, top, log):
        options = r.choice(OWN[fmt])
        size = r.randint(1, 40 * MIB // SECTOR) * SECTOR
        argv = ["create", "-q", "-f", fmt]
        if options:
            argv += ["-o", options]
        argv = ["qemu-img", *argv, "image", str(size)]
        self.prepare(argv, (top,), log)
        for _ in range(r.randint(1, 4)):
            old = self.size(top, "image", fmt)
            self.prepare(self.fill(r, fmt, old), (top,), log)
            self.ask(top, "convert", "-f", fmt, "-O", "raw", "image", "before")
            most = (1 << 30) if "twoGb" in options else (
                40 << 30 if "fixed" not in options and "static" not in options
                else 200 * MIB)
            new = old + r.choice([
                r.randint(1, 100), r.randint(1, 10 * MIB // SECTOR),
                r.randint(1, most // 3 // SECTOR)]) * SECTOR
            if "twoGb" in options:
                new = min(new, 2 << 30)
            if new <= old:
                continue
            args = ["instar", "resize", "-f", fmt, "image", str(new)]
            log.append(" ".join(args))
            text = self.grown(self.ours(args, jail, top), top, fmt, old, new)
            if text:
                return text
        return ""

    def fill(self, r, fmt, size):
        argv = ["qemu-io", "-f", fmt]
        for _ in range(r.randint(1, 4)):
            length = min(size, r.choice([SECTOR, 4096, MIB, 3 * MIB]))
            at = r.choice([0, size - length,
                           r.randint(0, size - length) // SECTOR * SECTOR])
            argv += ["-c", f"write -P {r.randint(1, 255)} {at} {length}"]
        return [*argv, "image"]

    def grown(self, end, top, fmt, old, new):
        if end.code != 0:
            return end.describe()
        size = self.size(top, "image", fmt)
        # A geometry has steps.
        if size < new or (fmt != "vpc" and size != new):
            return f"expected {new} bytes, got {size}"
        end = self.ask(top, "compare", "-f", "raw", "-F", fmt, "before",
                       "image")
        if end.code != 0:
            return end.describe()
        if fmt != "vpc":
            end = self.ask(top, "check", "-q", "-f", fmt, "image")
        return "" if end.code == 0 else end.describe()


if __name__ == "__main__":
    sys.exit(cases.main(__doc__, 40, Resize))
