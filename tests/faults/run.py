#!/usr/bin/env -S python3 -B
"""What is left when a disk fails, is full, or the power goes: every command
that writes, with each of its file calls interfered with.

  run.py [--bin PROGRAM] [--jail JAIL]... [--jobs N] [--full] [TASK...]

TASK is a part of a task's name (tasks.py). Without --full only some of the
calls of a task are tried, others for each fault.
"""
import argparse
import concurrent.futures
import errno
import os
import pathlib
import random
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import program as programs
import report
from faults import remains, tasks, traced

SAMPLE = 1  # calls of a task for each fault and jail, without --full
SIGKILL_CODE = -9

# Mode of the tracer, and what stands behind the number of the call.
FAULTS = (("fail", errno.EIO), ("fail", errno.ENOSPC),
          ("fail-from", errno.EIO), ("fail-from", errno.ENOSPC),
          ("short",), ("kill",))

# Formats whose words for a failed creation tell no reason, as qemu-img's.
SILENT = ("vpc", "vdi")


class Wrong(Exception):
    """What the program did is not what it should have done."""


def expect(condition, text):
    if not condition:
        raise Wrong(text)


class Sweep:
    def __init__(self, args, tally):
        self.args = args
        self.tally = tally
        self.program = os.path.abspath(args.bin)
        self.sources = {tasks.SOURCE: tasks.make_source(),
                        tasks.BASE: tasks.make_base()}

    def run_task(self, task, jail):
        """All faults of one task, in a directory of its own."""
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            bench = traced.Bench(name, self.program)
            final = self.final_content(bench, task)
            self.prepare(bench, task)
            whole = bench.run(["count"], task.args, jail)
            if whole.end.code != 0:
                self.tally.fail(f"{task.name} ({jail})", whole.end.describe())
                return
            for fault in FAULTS:
                for number in self.numbers(task, jail, fault, whole.count):
                    self.one(bench, task, jail, fault, number, final)

    def final_content(self, bench, task):
        """What the output holds when all went well, by the reference."""
        self.prepare(bench, task)
        end = bench.plain(task.args)
        if end.code != 0:
            raise RuntimeError(f"{task.name}: {end.describe()}")
        return remains.read(bench, task)

    def prepare(self, bench, task):
        bench.clear()
        for name, data in self.sources.items():
            (bench.files / name).write_bytes(data)
        if task.before:
            end = bench.plain(task.before)
            if end.code != 0:
                raise RuntimeError(f"{task.name}: {end.describe()}")

    def numbers(self, task, jail, fault, count):
        everything = range(1, count + 1)
        if self.args.full or count <= SAMPLE:
            return everything
        r = random.Random(f"{self.args.seed}/{task.name}/{jail}/{fault}")
        return sorted(r.sample(everything, SAMPLE))

    def one(self, bench, task, jail, fault, number, final):
        mode = [fault[0], str(number), *map(str, fault[1:])]
        name = f"{task.name}: {' '.join(mode)} ({jail})"
        self.prepare(bench, task)
        ran = bench.run(mode, task.args, jail)
        try:
            self.judge(bench, task, fault, ran, final)
            self.tally.ok()
        except Wrong as wrong:
            self.tally.fail(name, f"{wrong}\n{ran.end.describe()}")

    def judge(self, bench, task, fault, ran, final):
        expect(ran.end.out == b"", "something on stdout")
        for name, data in self.sources.items():
            expect((bench.files / name).read_bytes() == data,
                   f"{name} has changed")
        extra = (set(bench.names_left()) - set(self.sources)
                 - set(task.outputs))
        expect(not extra, f"made {sorted(extra)} besides its output")
        if fault[0] == "kill" and ran.acted:
            expect(ran.end.code == SIGKILL_CODE, "was not killed")
        elif fault[0] == "short" or ran.end.code == 0:
            # A call that nobody needs may fail: the output shows it.
            expect(ran.end.code == 0 and ran.end.err == b"", "has failed")
            expect(remains.read(bench, task) == final,
                   "succeeded, but the output is wrong")
            expect(remains.check(bench, task) in remains.CLEAN,
                   "succeeded, but check finds errors")
            return
        else:
            self.judge_message(bench, task, fault, ran)
        wrong = remains.judge(
            bench, task, final, self.sources.get(task.below, b""))
        expect(not wrong, wrong)

    @staticmethod
    def judge_message(bench, task, fault, ran):
        """Exit status 1 and one line that tells the reason."""
        text = ran.end.errors
        expect(ran.acted, "failed without a fault")
        expect(ran.end.code == 1, "another exit status than 1")
        expect(text.startswith("qemu-img: ") and text.count("\n") == 1 and
               text.endswith("\n"), "no line, or more than one")
        creating = task.creates and (
            task.args[0] == "create" or ": error while c" in text)
        if not (creating and task.format in SILENT):
            expect(os.strerror(fault[1]) in text, "does not tell the reason")
        left = [n for n in task.outputs if (bench.files / n).exists()]
        if creating and task.format == "qcow2":
            expect(not left, f"left {left}, which qemu-img removes")
        else:
            expect(tasks.OUT in left, "removed what qemu-img leaves")


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("tasks", nargs="*", metavar="TASK")
    p.add_argument("--bin", default=programs.PROGRAM)
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--full", action="store_true", help="every call")
    args = p.parse_args()
    tally = report.Tally()
    chosen = [t for t in tasks.tasks()
              if not args.tasks or any(n in t.name for n in args.tasks)]
    jails = programs.jails(args.jail or programs.JAILS, tally,
                           "interrupted writes", len(chosen))
    sweep = Sweep(args, tally)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for done in [pool.submit(sweep.run_task, task, jail)
                     for task in chosen for jail in jails]:
            done.result()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
