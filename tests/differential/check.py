#!/usr/bin/env -S python3 -B
"""Damaged qcow2 images: `check` finds what the real qemu-img check finds.

Seeds of many kinds are damaged by fixed rules and at random: entries of L1, L2
and refcount tables, refcounts, the snapshot table, bitmaps, header fields, and
the file's length. Exit status, stdout and stderr must agree. Images on which
the reference itself crashes or hangs are left out.

  check.py [--bin PROGRAM] [--seed N] [--count N] [--jail JAIL]...
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import mutants
import program as programs
import report
from differential import case

SECONDS = 20
STATUSES = (0, 1, 2, 3, 63)
OFFSETS = (1 << 56) - 512
EXTENSION_BITMAPS = 0x23852875


def _make(directory, *args):
    subprocess.run(args, cwd=directory, check=True, stdout=subprocess.DEVNULL)


def _image(directory, name, size, options, *commands):
    """An image made with qemu-img and qemu-io."""
    more = ["-o", ",".join(options)] if options else []
    _make(directory, programs.REFERENCE, "create", "-q", "-f", "qcow2", *more,
          name, size)
    if commands:
        qemu_io = pathlib.Path(programs.REFERENCE).with_name("qemu-io")
        _make(directory, qemu_io, *[x for c in commands for x in ("-c", c)],
              name)


WRITES = ("write -P 1 0 192k", "write -P 2 512k 64k", "write -z 600k 64k",
          "write -P 3 1M 100k")


def seeds(directory):
    """Small sound images: name to bytes."""
    found = dict(mutants.seeds(directory))
    kinds = {
        "c4k": ["cluster_size=4k"], "c2m": ["cluster_size=2M"],
        "r1": ["cluster_size=4k", "refcount_bits=1"],
        "r2": ["cluster_size=512", "refcount_bits=2"],
        "r8": ["cluster_size=16k", "refcount_bits=8"],
        "r32": ["cluster_size=8k", "refcount_bits=32"],
        "r64": ["cluster_size=4k", "refcount_bits=64"],
        "extended": ["cluster_size=16k", "extended_l2=on"],
        "old": ["cluster_size=4k", "compat=0.10"],
        "data": ["cluster_size=4k", "data_file=data.raw"],
        "ahead": ["cluster_size=4k", "preallocation=metadata"],
    }
    for name, options in kinds.items():
        _image(directory, f"{name}.qcow2", "2M", options, *WRITES)
    for name in ("snapshots", "snapshots-old"):
        _image(directory, f"{name}.qcow2", "2M",
               ["cluster_size=4k", *(["compat=0.10"] if "old" in name else [])],
               *WRITES)
        for tag in ("first", "second one"):
            _make(directory, programs.REFERENCE, "snapshot", "-c", tag,
                  f"{name}.qcow2")
        _make(directory, pathlib.Path(programs.REFERENCE).with_name("qemu-io"),
              "-c", "write -P 9 64k 64k", f"{name}.qcow2")
    _image(directory, "bitmaps.qcow2", "2M", ["cluster_size=4k"])
    for tag in ("one", "two"):
        _make(directory, programs.REFERENCE, "bitmap", "--add", "-g", "64k",
              "bitmaps.qcow2", tag)
    _make(directory, pathlib.Path(programs.REFERENCE).with_name("qemu-io"),
          *[x for c in WRITES for x in ("-c", c)], "bitmaps.qcow2")
    for name in [*kinds, "snapshots", "snapshots-old", "bitmaps"]:
        found[name] = (directory / f"{name}.qcow2").read_bytes()
    return found


class Damage:
    """Ways to damage one image."""

    def __init__(self, image, r):
        self.image = bytearray(image)
        self.r = r
        self.cluster = 1 << self.number(20, 4)
        self.l1 = self.number(40)
        self.reftable = self.number(48)
        self.order = self.number(96, 4) if self.number(4, 4) >= 3 else 4

    def number(self, offset, width=8):
        return int.from_bytes(self.image[offset:offset + width], "big")

    def put(self, offset, value, width=8):
        if 0 <= offset and offset + width <= len(self.image):
            self.image[offset:offset + width] = value.to_bytes(width, "big")

    def value(self):
        """An entry that is likely to mean something."""
        r = self.r
        flags = r.choice([0, 0, 1, 1 << 63, 1 << 63, 1 << 62, 3 << 62,
                          1 << 63 | 1, 1 << r.randrange(64)])
        clusters = len(self.image) // self.cluster
        return flags | r.choice([
            0, self.l1, self.reftable, 512,
            r.randrange(clusters + 2) * self.cluster,
            r.randrange(clusters + 2) * self.cluster,
            r.randrange(clusters + 2) * self.cluster,
            r.randrange(clusters * self.cluster) & OFFSETS,
            r.randrange(1 << 56), (1 << 56) - self.cluster])

    def tables(self):
        count = min(self.number(36, 4), 64)
        found = [self.number(self.l1 + 8 * i) & OFFSETS for i in range(count)]
        return [t for t in found if t] or [self.l1]

    def l1_entry(self):
        entry = self.l1 + 8 * self.r.randrange(max(1, self.number(36, 4)))
        self.put(entry, self.r.choice([
            self.value(), self.number(entry) ^ 1 << self.r.randrange(64)]))

    def l2_entry(self):
        table = self.r.choice(self.tables())
        entry = table + 8 * self.r.randrange(
            min(self.cluster // 8, self.r.choice([8, 64, 512])))
        old = self.number(entry)
        self.put(entry, self.r.choice([
            self.value(), old ^ 1 << self.r.randrange(64), old ^ 1 << 63,
            self.r.getrandbits(64), self.number(table)]))

    def reftable_entry(self):
        entry = self.reftable + 8 * self.r.choice([0, 0, 0, 1, 2, 100])
        old = self.number(entry)
        self.put(entry, self.r.choice([
            self.value(), old ^ 1 << self.r.randrange(64), old + 512, old]))

    def refcount(self):
        block = self.number(self.reftable) & OFFSETS
        clusters = len(self.image) // self.cluster
        bits = 1 << self.order
        at = block + self.r.randrange(clusters + 2) * bits // 8
        if bits < 8:
            if at < len(self.image):
                self.image[at] ^= 1 << self.r.randrange(8)
        else:
            self.put(at, self.r.choice([0, 1, 2, 3, (1 << bits) - 1]),
                     bits // 8)

    def snapshot_table(self):
        table = self.number(64)
        if not table:
            return self.put(60, self.r.choice([1, 2, 70000]), 4)
        at = table + self.r.randrange(120)
        if at < len(self.image):
            self.image[at] = self.r.choice([0, 1, 255, self.r.randrange(256)])
        return None

    def header(self):
        offset, width = self.r.choice([
            (24, 8), (36, 4), (40, 8), (48, 8), (56, 4), (60, 4), (64, 8),
            (72, 8), (96, 4)])
        old = self.number(offset, width)
        self.put(offset, self.r.choice([
            old ^ 1 << self.r.randrange(8 * width), (old + self.cluster)
            & ((1 << 8 * width) - 1), old // 2]), width)

    def bitmaps(self):
        head = bytes(self.image[:self.cluster])
        at = head.find(struct.pack(">I", EXTENSION_BITMAPS))
        if at < 0:
            return self.header()
        directory = self.number(at + 24)
        table = self.number(directory)
        in_use = directory + 12
        where = self.r.randrange(4)
        if where:  # bitmaps in use are not loaded at opening
            self.put(in_use, self.number(in_use, 4) | 1, 4)
        if where == 1:
            self.put(table, self.value())
        elif where == 2:
            self.put(directory, self.value() & ~511)
        elif where == 3:
            self.put(directory + 8, self.r.randrange(9), 4)
        else:
            offset = directory + self.r.randrange(48)
            self.put(offset, self.r.randrange(256), 1)
        return None

    def length(self):
        choice = self.r.randrange(4)
        if choice == 0:
            del self.image[self.r.randrange(self.cluster, len(self.image)):]
        elif choice == 1:
            del self.image[-self.r.randrange(1, self.cluster):]
        else:
            self.image += bytes(self.r.choice([1, 512, self.cluster,
                                               3 * self.cluster + 7]))

    def once(self):
        self.r.choice([self.l1_entry, self.l2_entry, self.l2_entry,
                       self.l2_entry, self.reftable_entry, self.refcount,
                       self.refcount, self.snapshot_table, self.header,
                       self.bitmaps, self.length])()


def damaged(found, count, r):
    for i in range(count):
        name = r.choice(sorted(found))
        damage = Damage(found[name], r)
        for _ in range(r.choice([0, 1, 1, 1, 2, 3, 6])):
            damage.once()
        yield f"{name}-{i}", bytes(damage.image)


class Check:
    def __init__(self, args, tally, directory):
        self.tally = tally
        self.directory = directory
        self.jails = programs.jails(args.jail or programs.JAILS, tally,
                                    "damaged images")
        self.runner = case.Runner(os.path.abspath(args.bin), args.ref,
                                  directory)

    def _run(self, program, args, jail):
        return programs.run(program, ["qemu-img", *args], self.directory,
                            self.runner.environment(jail), timeout=SECONDS)

    def compare(self, name, image):
        path = self.directory / f"{name}.img"
        path.write_bytes(image)
        output = random.Random(name).choice(["human", "json"])
        args = ["check", "-f", "qcow2", f"--output={output}", path.name]
        want = self._run(self.runner.reference, args, None)
        for jail in self.jails if want.code in STATUSES else ():
            text = case.printed_difference(
                want, self._run(self.runner.program, args, jail))
            if text:
                self.tally.fail(f"{name}-{jail}: qemu-img {' '.join(args)}",
                                text)
                folder = programs.ROOT / "build" / "failures" / "check"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{name}.qcow2").write_bytes(image)
            else:
                self.tally.ok()
        path.unlink()


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default=programs.PROGRAM)
    p.add_argument("--ref", default=programs.REFERENCE)
    p.add_argument("--seed", default="1")
    p.add_argument("--count", type=int, default=300)
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    args = p.parse_args()
    tally = report.Tally()
    r = random.Random(f"check/{args.seed}")
    with tempfile.TemporaryDirectory(prefix="check-") as name:
        directory = pathlib.Path(name)
        check = Check(args, tally, directory)
        work = list(damaged(seeds(directory), args.count, r))
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for _ in pool.map(lambda item: check.compare(*item), work):
                pass
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
