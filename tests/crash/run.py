#!/usr/bin/env -S python3 -B
"""Crashes of commands that change images in place.

Records every write and flush of a command, builds the states that a power
failure between any two of them can leave (states.py), and has the reference
look at each: it opens, reads as before or as after, and has at most leaks,
which a repair clears.

  run.py [--bin PROGRAM] [--jail JAIL]... [--states N] [--count N]
         [OPERATION...]

OPERATION is a part of a name that --list prints. An operation is one test.
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
from crash import judge, operations, states
from faults import traced

QEMU_IO = "/usr/bin/qemu-io"


class Crash:
    """One operation in one jail."""

    def __init__(self, args, operation, jail, tally):
        self.args = args
        self.operation = operation
        self.jail = jail
        self.tally = tally

    def run(self):
        name = f"{self.operation.name} ({self.jail})"
        with tempfile.TemporaryDirectory(prefix="crash-") as scratch:
            bench = traced.Bench(scratch, self.args.bin)
            try:
                seen = self.run_in(bench, pathlib.Path(scratch) / "log")
                print(f"PASS {name}: {seen} states")
                self.tally.ok()
            except judge.Wrong as wrong:
                self.tally.fail(name, str(wrong))

    def run_in(self, bench, log):
        self.prepare(bench)
        files = read_files(bench)
        before = self.views(bench)
        self.restore(bench, files)
        ran = bench.run(["record", str(log)], self.operation.args, self.jail,
                        name=self.operation.program)
        judge.expect(ran.end.code == 0 or self.operation.damaged,
                     ran.end.describe())
        after = self.views(bench)
        for name, view in after.items():
            judge.expect_usable(view, before[name], name)
        calls = traced.read_log(log)
        shutil.rmtree(log)
        found = states.states(
            files, calls, lambda path: pathlib.Path(path).name,
            random.Random(self.operation.name))
        judged = 0
        for what, state in self.sample(found):
            self.restore(bench, {**files, **state})
            judged += 1
            try:
                judge.judge(bench, self.operation, before, after)
            except judge.Wrong as wrong:
                raise judge.Wrong(f"{what}: {wrong}") from None
        return judged

    def sample(self, found):
        """So many of the states, or all of them one by one: together they may
        be larger than the memory."""
        if self.args.states is None:
            return found
        r = random.Random(self.args.seed)
        chosen = []
        for number, state in enumerate(found):
            if number < self.args.states:
                chosen.append(state)
            elif (place := r.randrange(number + 1)) < self.args.states:
                chosen[place] = state
        return chosen

    def prepare(self, bench):
        for call in self.operation.setup:
            if call[0] == "poke":
                with open(bench.files / call[1], "r+b") as f:
                    f.seek(call[2])
                    f.write(call[3])
                continue
            if call[0].startswith("io"):
                argv = ["qemu-io", "-f", call[0].partition(":")[2] or "qcow2"]
                for command in call[2:]:
                    argv += ["-c", command]
                end = programs.run(QEMU_IO, [*argv, call[1]], bench.files)
            else:
                end = bench.plain(call)
            if end.code != 0:
                raise RuntimeError(f"{call}: {end.describe()}")

    def views(self, bench):
        return {name: judge.View(bench, self.operation, name)
                for name in self.operation.judged}

    @staticmethod
    def restore(bench, files):
        bench.clear()
        for name, data in files.items():
            (bench.files / name).write_bytes(data)


def read_files(bench):
    return {p.name: p.read_bytes() for p in bench.files.iterdir()}


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("operations", nargs="*", metavar="OPERATION")
    p.add_argument("--bin", default=programs.PROGRAM)
    p.add_argument("--jail", action="append",
                   choices=[*programs.JAILS, traced.REFERENCE])
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--states", type=int,
                   help="of an operation, at most; default: all")
    p.add_argument("--count", type=int,
                   help="of operations, chosen by the seed; default: all")
    p.add_argument("--list", action="store_true")
    args = p.parse_args()
    chosen = [o for o in operations.operations()
              if not args.operations
              or any(part in o.name for part in args.operations)]
    if args.count is not None and args.count < len(chosen):
        chosen = random.Random(args.seed).sample(chosen, args.count)
    if args.list:
        print("\n".join(o.name for o in chosen))
        return 0
    tally = report.Tally()
    jails = args.jail if args.jail == [traced.REFERENCE] else programs.jails(
        args.jail or programs.JAILS, tally, "crashes", len(chosen))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for done in [pool.submit(Crash(args, o, jail, tally).run)
                     for o in chosen for jail in jails]:
            done.result()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
