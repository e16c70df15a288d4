#!/usr/bin/env -S python3 -B
"""Random images and random commands: the program against the real qemu-img.

Each seed makes a set of source images; `info` is run on every image and
several random `convert` commands on the set, by the reference and by the
program in each jail. Exit status, stdout, stderr and the bytes of the outputs
must agree; where -W, -n or -c leave a qcow2's bytes open, what it holds and
that `check` finds it clean. A failing case is kept in build/failures.

  convert.py [--bin PROGRAM] [--seed N] [--cases N] [--jail JAIL]...
  convert.py --seed N --only SET[/CASE]      one set of images, or one command
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import program as programs
import report
from differential import case, images, options

CASES_A_SET = 8
MAX_KEPT = 25
TMPFS = pathlib.Path("/dev/shm")


class Differential:
    def __init__(self, args, tally):
        self.args = args
        self.tally = tally
        self.jails = programs.jails(
            args.jail or programs.JAILS, tally, "random cases", args.cases)
        self.kept = 0

    def scratch(self, number):
        """Most sets live in memory; each fourth on the build's file system."""
        if number % 4 and TMPFS.is_dir() and (
                shutil.disk_usage(TMPFS).free > 4 << 30):
            return TMPFS
        folder = programs.ROOT / "build" / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def run_set(self, number, only_case=None):
        seed = f"{self.args.seed}/{number}"
        with tempfile.TemporaryDirectory(
                prefix="diff-", dir=self.scratch(number)) as name:
            directory = pathlib.Path(name)
            maker = images.Maker(seed, directory)
            chains = maker.make()
            runner = case.Runner(os.path.abspath(self.args.bin),
                                 self.args.ref, directory)
            if only_case is None and not self.args.no_info:
                self._infos(runner, number, chains, maker.log)
            first = number * CASES_A_SET
            for index in range(CASES_A_SET):
                if first + index >= self.args.cases and only_case is None:
                    break
                if only_case in (None, index):
                    self._convert(runner, number, index, chains, maker.log)

    def _convert(self, runner, number, index, chains, log):
        command = options.random_command(
            f"{self.args.seed}/{number}/{index}", chains,
            self.args.features)
        if self.args.print:
            print(f"{number}/{index}: {' '.join(command.args)}", flush=True)
        name = f"{number}-{index}"
        results = list(runner.compare_written(command, self.jails))
        for jail, text in results:
            self._count(runner, name, jail, command.args, command.before,
                        text, log)

    def _infos(self, runner, number, chains, log):
        commands = []
        for chain in chains:
            for layer in chain.layers:
                commands += [["info", layer.name],
                             ["info", "--output=json", layer.name]]
            top = chain.top
            commands += [["info", "-U", "-f", top.format, top.name],
                         ["info", "--backing-chain", top.name],
                         ["info", "--backing-chain", "--output=json",
                          top.name]]
        for index, args in enumerate(commands):
            for jail, text in runner.compare_printed(args, self.jails):
                self._count(runner, f"{number}-info-{index}", jail, args, [],
                            text, log)

    def _count(self, runner, name, jail, args, before, text, log):
        if not text:
            return self.tally.ok()
        label = f"{self.args.seed}-{name}-{jail}"
        folder = programs.ROOT / "build" / "failures" / label
        self.tally.fail(f"{label}: qemu-img {' '.join(args)}", text)
        if self.kept < MAX_KEPT:
            self.kept += 1
            case.keep(folder, runner, args, before, jail, text, log)
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
    p.add_argument("--cases", type=int, default=520,
                   help="convert commands, in each jail")
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--only", metavar="SET[/CASE]")
    p.add_argument("--features", type=lambda s: s.split(","), default=["compress"],
                   help="default: compress (-c)")
    p.add_argument("--no-info", action="store_true")
    p.add_argument("--print", action="store_true", help="print the commands")
    args = p.parse_args()
    print(f"seed {args.seed}", flush=True)
    tally = report.Tally()
    differential = Differential(args, tally)
    if args.only:
        number, _, index = args.only.partition("/")
        differential.run_set(int(number), int(index) if index else None)
        return tally.finish()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        sets = range(-(-args.cases // CASES_A_SET))
        for done in [pool.submit(differential.run_set, n) for n in sets]:
            done.result()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
