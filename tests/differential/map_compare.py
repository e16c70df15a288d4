#!/usr/bin/env -S python3 -B
"""Random images under `map` and `compare`: the program against the real
qemu-img.

Each seed makes a set of source images, as convert.py does, and of each source
some copies: the same in another format, compressed or preallocated, changed in
one place, longer or shorter. `map` runs on every layer and copy, `compare` on
random pairs, by the reference and by the program in each jail. Exit status,
stdout and stderr must agree. A failing case is kept in build/failures.

  map_compare.py [--bin PROGRAM] [--seed N] [--sets N] [--jail JAIL]...
  map_compare.py --seed N --only SET
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import program as programs
import report
from differential import case, images

COMPARES_A_SET = 12
MAPS_AN_IMAGE = 3
MAX_KEPT = 25


class Copies:
    """Images that hold nearly what a source holds."""

    def __init__(self, rng, directory, log):
        self.rng = rng
        self.directory = directory
        self.log = log
        self.count = 0

    def _call(self, tool, *args):
        self.log.append(" ".join([tool, *map(str, args)]))
        return subprocess.run(
            [f"/usr/bin/{tool}", *map(str, args)], cwd=self.directory,
            env=programs.environment(self.directory),
            stdin=subprocess.DEVNULL, capture_output=True).returncode == 0

    def make(self, source):
        """A Layer, or None where the reference could not make it."""
        r = self.rng
        self.count += 1
        fmt = r.choice(["raw", "qcow2", "qcow2"])
        name = f"copy-{self.count}.img"
        options = []
        if fmt == "qcow2":
            options = r.choice([
                [], ["-c"], ["-o", "cluster_size=4k"],
                ["-o", "extended_l2=on"], ["-o", "preallocation=metadata"],
                ["-o", "compat=0.10"], ["-o", "cluster_size=2M"]])
        if r.random() < 0.2:
            options = [*options, "-S", "0"]
        if not self._call("qemu-img", "convert", "-f", source.format, "-O",
                          fmt, *options, source.name, name):
            return None
        size = source.size
        kind = r.random()
        if kind < 0.3:
            size = self._resize(name, fmt, size)
        if kind > 0.15 and r.random() < 0.7:
            self._change(name, fmt, size)
        return images.Layer(name, fmt, size)

    def _resize(self, name, fmt, size):
        r = self.rng
        size = max(0, size + r.choice([-1, 1]) * r.choice(
            [512, 4096, 65536, r.randrange(512, 4 << 20, 512)]))
        self._call("qemu-img", "resize", "--shrink", "-f", fmt, name, size)
        return size

    def _change(self, name, fmt, size):
        """One write, mostly short, somewhere."""
        r = self.rng
        length = r.choice([1, 1, 512, 700, r.randrange(1, 200_000)])
        if size <= length:
            return
        at = r.choice([0, size - length, r.randrange(size - length),
                       r.randrange(size - length)])
        how = r.choice(["write -P 0", "write -P 77", "write -P 77",
                        "write -z"])
        self._call("qemu-io", "-f", fmt, "-c", f"{how} {at} {length}", name)


def random_map(rng, layer):
    args = ["map"]
    if rng.random() < 0.6:
        args.append("--output=json")
    if rng.random() < 0.4:
        args += ["-f", rng.choice([layer.format, layer.format, "raw"])]
    if rng.random() < 0.3:
        args += ["-s", str(rng.randrange(layer.size + 4096))]
    if rng.random() < 0.3:
        args += ["-l", str(rng.randrange(1, layer.size + 4096))]
    if rng.random() < 0.1:
        args.append("-U")
    if rng.random() < 0.1:
        args = [a for a in args if a not in ("-f", "raw", "qcow2")]
        return [*args, "--image-opts",
                f"driver={layer.format},file.filename={layer.name}"]
    return [*args, layer.name]


def random_compare(rng, layers):
    a, b = rng.choice(layers), rng.choice(layers)
    args = ["compare"]
    for flag, chance in (("-s", 0.3), ("-q", 0.1), ("-U", 0.1)):
        if rng.random() < chance:
            args.append(flag)
    if rng.random() < 0.3:
        args += ["-f", rng.choice([a.format, a.format, "raw"])]
    if rng.random() < 0.3:
        args += ["-F", rng.choice([b.format, b.format, "raw"])]
    if rng.random() < 0.1:
        args += ["-T", "none"]
    return [*args, a.name, b.name]


class Differential:
    def __init__(self, args, tally):
        self.args = args
        self.tally = tally
        self.jails = programs.jails(
            args.jail or programs.JAILS, tally, "random sets", args.sets)
        self.kept = 0

    def run_set(self, number):
        seed = f"{self.args.seed}/{number}"
        folder = programs.ROOT / "build" / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="map-", dir=folder) as name:
            directory = pathlib.Path(name)
            maker = images.Maker(seed, directory)
            chains = maker.make()
            rng = random.Random(f"map/{seed}")
            copies = Copies(rng, directory, maker.log)
            layers = [x for c in chains for x in c.layers]
            for chain in chains:
                made = [copies.make(chain.top) for _ in range(3)]
                layers += [x for x in made if x]
            commands = [random_map(rng, x) for x in layers
                        for _ in range(MAPS_AN_IMAGE)]
            commands += [random_compare(rng, layers)
                         for _ in range(COMPARES_A_SET)]
            runner = case.Runner(os.path.abspath(self.args.bin),
                                 self.args.ref, directory)
            for index, args in enumerate(commands):
                if self.args.print:
                    print(f"{number}/{index}: {' '.join(args)}", flush=True)
                for jail, text in runner.compare_printed(args, self.jails):
                    self._count(runner, f"map-{number}-{index}", jail, args,
                                text, maker.log)

    def _count(self, runner, name, jail, args, text, log):
        if not text:
            return self.tally.ok()
        label = f"{self.args.seed}-{name}-{jail}"
        self.tally.fail(f"{label}: qemu-img {' '.join(args)}", text)
        if self.kept < MAX_KEPT:
            self.kept += 1
            case.keep(programs.ROOT / "build" / "failures" / label, runner,
                      args, [], jail, text, log)
        return None


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default=programs.PROGRAM)
    p.add_argument("--ref", default=programs.REFERENCE)
    p.add_argument("--seed", type=int,
                   default=random.SystemRandom().randrange(1 << 31),
                   help="default: a new one, which is printed")
    p.add_argument("--sets", type=int, default=25)
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--only", type=int, metavar="SET")
    p.add_argument("--print", action="store_true", help="print the commands")
    args = p.parse_args()
    print(f"seed {args.seed}", flush=True)
    tally = report.Tally()
    differential = Differential(args, tally)
    if args.only is not None:
        differential.run_set(args.only)
        return tally.finish()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for done in [pool.submit(differential.run_set, n)
                     for n in range(args.sets)]:
            done.result()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
