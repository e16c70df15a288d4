#!/usr/bin/env -S python3 -B
"""Runs the tests of a folder (*_test.py) against the built program.

  run.py [--bin PROGRAM] [--jail JAIL]... [--folder DIR] [NAME...]

NAME is a part of a test's name. The last line counts tests, once a jail.
"""
import argparse
import concurrent.futures
import importlib
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)
import program as programs
import report
from cli import case

SLOW_S = 5


class Result(unittest.TestResult):
    """Passes results on to a tally."""

    def __init__(self, tally, jail):
        super().__init__()
        self.tally = tally
        self.jail = jail

    def _name(self, test):
        return f"{test.id()} ({self.jail})"

    def startTest(self, test):
        self.started = time.monotonic()
        self.ok = True
        super().startTest(test)

    def stopTest(self, test):
        seconds = time.monotonic() - self.started
        if seconds > SLOW_S:
            print(f"slow: {self._name(test)} took {seconds:.1f} s")
        super().stopTest(test)

    def addSuccess(self, test):
        if self.ok:
            self.tally.ok()

    def addFailure(self, test, err):
        self.tally.fail(self._name(test), str(err[1]))

    def addError(self, test, err):
        self.tally.fail(self._name(test),
                        self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        self.tally.skip(self._name(test), reason)

    def addSubTest(self, test, subtest, err):
        if err is not None and self.ok:
            self.ok = False
            self.tally.fail(self._name(subtest), str(err[1]))


def load(folder, names):
    """The tests of a folder, those with one of `names` in their names."""
    suite = []
    for path in sorted(folder.glob("*_test.py")):
        module = importlib.import_module(f"{folder.name}.{path.stem}")
        for group in unittest.defaultTestLoader.loadTestsFromModule(module):
            suite += [t for t in group
                      if not names or any(n in t.id() for n in names)]
    return suite


def run_jail(jail, args):
    """The counts of all tests in that jail."""
    tally = report.Tally()
    case.ProgramTest.program = str(args.bin.resolve())
    case.ProgramTest.jail = jail
    result = Result(tally, jail)
    for test in load(args.folder, args.names):
        test.run(result)
    sys.stdout.flush()
    return tally.passed, tally.failed, tally.skipped


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*", metavar="NAME")
    p.add_argument("--bin", default=programs.PROGRAM, type=pathlib.Path)
    p.add_argument("--folder", default=HERE, type=pathlib.Path)
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--jobs", type=int, default=1,
                   help="so many jails at a time")
    args = p.parse_intermixed_args()
    args.folder = args.folder.resolve()
    tally = report.Tally()
    jails = programs.jails(args.jail or programs.JAILS, tally,
                           f"tests/{args.folder.name}",
                           len(load(args.folder, args.names)))
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        for done in [pool.submit(run_jail, jail, args) for jail in jails]:
            tally.add(*done.result())
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
