"""The command line of the programs that run random cases by number, the run
itself, and two equal directories of which the program changes one and the
reference the other."""
import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

import program as programs
import report

NODE = re.compile(rb"#block\d+")  # a number and random digits
# What `check` prints of where clusters are.
PLACES = re.compile(rb"[\d.]+% fragmented|(?<=Image end offset: )\d+")


def words(end):
    """How a command ended, without what is left to each program."""
    return end.code, PLACES.sub(b"", end.out), NODE.sub(b"#block", end.err)


class Pair:
    """The two directories."""

    def __init__(self, args, top, jail):
        self.args = args
        self.jail = jail
        self.ours, self.theirs = top / "ours", top / "theirs"
        self.ours.mkdir()
        self.theirs.mkdir()

    def both(self, argv):
        """Runs any command in each."""
        for directory in (self.ours, self.theirs):
            subprocess.run(argv, cwd=directory, check=False,
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)

    def reference(self, directory, *argv):
        return programs.run(self.args.ref, ["qemu-img", *argv], directory)

    def carry_out(self, argv):
        """Does it as qemu-img in each: how the reference ended, and how the
        ends differ, or nothing."""
        want = self.reference(self.theirs, *argv)
        got = programs.run(
            self.args.bin, ["qemu-img", *argv], self.ours,
            programs.environment(
                self.ours, INSTAR_JAIL=self.jail,
                INSTAR_QEMU_VERSION=programs.REFERENCE_VERSION))
        if words(want) != words(got):
            return want, f"expected {want.describe()}got {got.describe()}"
        return want, ""


class Cases:
    """Cases by number, each in every jail. What a failed one leaves is kept in
    build/failures. A case is `one`, whose result is what went wrong, or
    nothing."""
    kind = ""  # a word for the names of files
    what = ""  # the cases, for who reads that they were skipped

    def __init__(self, args, tally):
        self.args = args
        self.tally = tally
        self.jails = programs.jails(args.jail or programs.JAILS, tally,
                                    self.what, args.cases)

    def random(self, number):
        return random.Random(f"{self.kind}/{self.args.seed}/{number}")

    def one(self, number, pair, log):
        """Puts a line in `log` for each step."""
        raise NotImplementedError

    def run_case(self, number):
        for jail in self.jails:
            with tempfile.TemporaryDirectory(prefix=f"{self.kind}-") as name:
                directory = pathlib.Path(name)
                log = []
                text = self.one(number, Pair(self.args, directory, jail), log)
                if not text:
                    self.tally.ok()
                    continue
                text = "\n".join([*log, text])
                self.tally.fail(f"{self.args.seed}-{number}-{jail}", text)
                self.keep(number, jail, directory, text)

    def keep(self, number, jail, directory, text):
        kept = (programs.ROOT / "build/failures" /
                f"{self.kind}-{self.args.seed}-{number}-{jail}")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(directory, kept)
        (kept / "log").write_text(text)


def main(description, cases, make):
    """`make(args, tally)` has a method run_case(number); `cases` is the usual
    number of them. Returns the exit status."""
    p = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("formats", nargs="*", metavar="FORMAT", default=[])
    p.add_argument("--bin", type=os.path.abspath, default=programs.PROGRAM)
    p.add_argument("--ref", default=programs.REFERENCE)
    p.add_argument("--seed", type=int,
                   default=random.SystemRandom().randrange(1 << 31),
                   help="default: a new one, which is printed")
    p.add_argument("--cases", type=int, default=cases, help="in each jail")
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--only", type=int, metavar="CASE")
    args = p.parse_args()
    print(f"seed {args.seed}", flush=True)
    tally = report.Tally()
    runner = make(args, tally)
    if args.only is not None:
        runner.run_case(args.only)
        return tally.finish()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for done in [pool.submit(runner.run_case, n)
                     for n in range(args.cases)]:
            done.result()
    return tally.finish()
