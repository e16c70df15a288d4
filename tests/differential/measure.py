#!/usr/bin/env -S python3 -B
"""Random `measure` and `convert -l` commands: the program against the real
qemu-img.

Sizes alone with random options, random images (those of convert.py, some with
internal snapshots and bitmaps), and options that are wrong. Exit status,
stdout and stderr must agree, and what a convert of a snapshot holds.

  measure.py [--bin PROGRAM] [--seed N] [--cases N] [--jail JAIL]...
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import program as programs
import report
from differential import case, images, options

COMMANDS_A_SET = 12


def random_size(r):
    kind = r.random()
    if kind < 0.2:
        return r.choice([0, 1, 511, 512, 513, 65535, 65536, (1 << 63) - 1,
                         (1 << 63) - 512, 1 << 60, 1 << 55])
    return r.randrange(1 << r.randint(1, 58))


def size_text(r, size):
    if size % 1024 == 0 and size and r.random() < 0.5:
        return f"{size >> 10}k"
    return str(size)


def creation_options(r):
    """Options of qcow2, now and then wrong ones."""
    found = []
    for chance, name, values in (
            (0.6, "cluster_size",
             [str(1 << b) for b in range(9, 22)] + ["4k", "2M", "1", "3000"]),
            (0.3, "refcount_bits",
             [str(1 << b) for b in range(7)] + ["0", "3", "128"]),
            (0.3, "extended_l2", ["on", "off", "yes", "maybe"]),
            (0.3, "compat", ["0.10", "1.1", "1.1", "v3"]),
            (0.3, "preallocation",
             ["off", "metadata", "falloc", "full", "nosuch"]),
            (0.15, "backing_file", ["nosuch", ""]),
            (0.1, "backing_fmt", ["raw", "nosuch"]),
            (0.1, "data_file", ["nosuch"]),
            (0.1, "data_file_raw", ["on"]),
            (0.1, "lazy_refcounts", ["on", "off"]),
            (0.1, "compression_type", ["zlib", "zstd", "nosuch"]),
            (0.05, "encrypt.format", ["luks", "aes", "nosuch"]),
            (0.03, "encrypt.key-secret", ["sec0"]),
            (0.05, "size", ["1M", "5"]),
            (0.05, "nocow", ["on"]),
            (0.05, "extent_size_hint", ["1M", "0"]),
            (0.02, "nosuch", ["1"])):
        if r.random() < chance:
            found.append(f"{name}={r.choice(values)}")
    r.shuffle(found)
    return found


def target(r):
    kind = r.random()
    fmt = "qcow2" if kind < 0.8 else "raw" if kind < 0.95 else r.choice(
        ["vmdk", "vpc", "vdi", "vhdx", "qed", "bochs", "file", "nosuch"])
    args = ["-O", fmt]
    if fmt == "qcow2":
        found = creation_options(r)
        if found:
            args += ["-o", ",".join(found)]
    elif fmt == "raw" and r.random() < 0.3:
        args += ["-o", r.choice(["size=1M", "preallocation=full",
                                 "preallocation=nosuch", "cluster_size=4k"])]
    return args


def snapshot(r, names):
    """A random argument of -l."""
    name = r.choice([*names, "nosuch", "1", "2", ""])
    kind = r.random()
    if kind < 0.5:
        return name
    if kind < 0.7:
        return f"snapshot.name={name}"
    if kind < 0.9:
        return f"snapshot.id={r.randint(0, 3)}"
    return r.choice([f"snapshot.id=1,snapshot.name={name}", "snapshot.id",
                     "snapshot.nosuch=1", f"snapshot.name={name},nosuch"])


def random_measure(r, layers, names):
    args = ["measure"]
    if r.random() < 0.3:
        args.append("--output=json")
    if r.random() < 0.1:
        args.append("-U")
    args += target(r)
    if not layers:
        return [*args, "--size", size_text(r, random_size(r))]
    layer = r.choice(layers)
    if r.random() < 0.3:
        args += ["-f", layer.format if r.random() < 0.9 else "raw"]
    if r.random() < (0.5 if names else 0.05):
        args += ["-l", snapshot(r, names)]
    if r.random() < 0.03:
        args += ["--size", "1M"]
    return [*args, layer.name]


class Differential:
    def __init__(self, args, tally):
        self.args = args
        self.tally = tally
        self.jails = programs.jails(
            args.jail or programs.JAILS, tally, "random cases", args.cases)

    def run_set(self, number):
        seed = f"{self.args.seed}/{number}"
        r = random.Random(f"measure/{seed}")
        scratch = programs.ROOT / "build" / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="measure-",
                                         dir=scratch) as name:
            directory = pathlib.Path(name)
            runner = case.Runner(os.path.abspath(self.args.bin),
                                 self.args.ref, directory)
            maker, top, layers, names = None, None, [], []
            if number % 3:
                maker = images.Maker(seed, directory)
                chains = maker.make()
                layers = [x for c in chains for x in c.layers]
                top = chains[0].top
                names = self._add_parts(r, maker, top)
            for index in range(COMMANDS_A_SET):
                if names and index < 2:
                    self._convert(runner, f"{seed}-{index}", maker,
                                  ["convert", "-l", snapshot(r, names), "-O",
                                   r.choice(["raw", "qcow2"]), top.name,
                                   options.OUT])
                else:
                    self._measure(runner, f"{seed}-{index}", maker,
                                  random_measure(r, layers, names))

    def _add_parts(self, r, maker, top):
        """Snapshots and bitmaps; returns the snapshots' names."""
        if top.format != "qcow2":
            return []
        for i in range(r.choice([0, 0, 1, 3])):
            maker._call("qemu-img", "bitmap", "--add", "-g",
                        str(512 << r.randint(3, 12)), top.name,
                        "b" * r.randint(1, 60) + str(i))
        names = []
        for _ in range(r.choice([0, 1, 2])):
            name = r.choice(["first", "2", "a,b"]) + "x" * len(names)
            if maker._call("qemu-img", "snapshot", "-c", name, top.name):
                break
            names.append(name)
            if r.random() < 0.3:
                maker._call("qemu-img", "resize", top.name, "+3M")
                top.size += 3 << 20
            maker._write(top)
        return names

    def _measure(self, runner, label, maker, args):
        for jail, text in runner.compare_printed(args, self.jails):
            self._count(label, jail, maker, args, text)

    def _convert(self, runner, label, maker, args):
        command = options.Command(args, args[args.index("-O") + 1])
        for jail, text in runner.compare_written(command, self.jails):
            self._count(label, jail, maker, args, text)

    def _count(self, label, jail, maker, args, text):
        if not text:
            return self.tally.ok()
        made = "\n".join(maker.log) if maker else ""
        return self.tally.fail(f"{label}-{jail}: qemu-img {' '.join(args)}",
                               f"{text}\n{made}")


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default=programs.PROGRAM)
    p.add_argument("--ref", default=programs.REFERENCE)
    p.add_argument("--seed", type=int,
                   default=random.SystemRandom().randrange(1 << 31),
                   help="default: a new one, which is printed")
    p.add_argument("--cases", type=int, default=360)
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    args = p.parse_args()
    print(f"seed {args.seed}", flush=True)
    tally = report.Tally()
    differential = Differential(args, tally)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        sets = range(-(-args.cases // COMMANDS_A_SET))
        for done in [pool.submit(differential.run_set, n) for n in sets]:
            done.result()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
