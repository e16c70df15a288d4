#!/usr/bin/env -S python3 -B
"""Replays the scenarios of baselines/ under a program, version by version.

A program passes a scenario as version V when each step prints, line for line,
what qemu-img V printed, on the same stream, with the same exit status.

  replay.py replay --bin PROGRAM [--version V]... [--all] [SCENARIO...]
  replay.py show --bin PROGRAM [--version V] SCENARIO...
  replay.py capture --bins DIR [SCENARIO...]

Steps of other subcommands than those compared are run by the reference.
SCENARIO is a part of a scenario's name, or a pattern with * for all of it. The
program runs in the jail that INSTAR_JAIL names. The last line of `replay`
counts scenarios, one for each version.
"""
import argparse
import concurrent.futures
import difflib
import fnmatch
import os
import pathlib
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import program as programs
import report
from baselines import scenario, transcript

BASELINES = programs.ROOT / "baselines"


def selected(args):
    """Pairs of a scenario file and the subcommands of which steps count."""
    found = sorted((args.folder / "scenarios").glob("*.scn"))
    if args.list:
        wanted = [line.split() for line in args.list.read_text().splitlines()
                  if line.strip() and not line.startswith("#")]
        for pattern, *_ in wanted:
            if not any(fnmatch.fnmatch(p.stem, pattern) for p in found):
                raise SystemExit(f"{args.list}: no scenario {pattern}")
    else:
        wanted = [["*", *args.subcommand]]

    def named(stem):
        return not args.names or any(
            fnmatch.fnmatch(stem, n) if "*" in n else n in stem
            for n in args.names)

    pairs = []
    for path in filter(lambda p: named(p.stem), found):
        for pattern, *subcommands in wanted:
            if fnmatch.fnmatch(path.stem, pattern):
                pairs.append((path, subcommands))
                break
    return pairs


def replay(args):
    work = []
    for path, subcommands in selected(args):
        expected = transcript.Expected(
            args.folder / "expected" / f"{path.stem}.json")
        versions = [v for v in expected.versions
                    if not args.version or v in args.version]
        if not args.all:
            versions = expected.profiles(versions, subcommands)
        for version in versions:
            work.append((path, version, subcommands,
                         expected.steps(version)))

    def one(item):
        path, version, subcommands, want = item
        got = scenario.run(path, os.path.abspath(args.bin), args.ref, version,
                           args.env, subcommands)
        return (path.stem, version,
                *(transcript.of_subcommands(t, subcommands)
                  for t in (want, got)))

    tally = report.Tally()
    steps = matching = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, version, want, got in pool.map(one, work):
            steps += len(want)
            matching += sum(a == b for a, b in zip(want, got))
            if want == got:
                tally.ok()
                continue
            difference = difflib.unified_diff(
                [x for s in want for x in s], [x for s in got for x in s],
                lineterm="", n=1)
            shown = list(difference)[2:args.lines + 2]
            tally.fail(f"{name} as {version}",
                       "" if args.quiet else "\n".join(shown))
    print(f"steps matching: {matching} of {steps}")
    return tally.finish()


def show(args):
    for path, _ in selected(args):
        for step in scenario.run(path, os.path.abspath(args.bin), args.ref,
                                 (args.version or [None])[0], args.env):
            print("\n".join(step))
    return 0


def capture(args):
    """Runs every scenario under each DIR/VERSION/qemu-img and stores what it
    printed."""
    bins = {p.parent.name: str(p.absolute())
            for p in pathlib.Path(args.bins).glob("*/qemu-img")}
    versions = sorted(bins, key=lambda v: [int(x) for x in v.split(".")])
    folder = args.folder / "expected"
    folder.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for path, _ in selected(args):
            runs = pool.map(
                lambda v: scenario.run(path, bins[v], args.ref), versions)
            text = transcript.merge(path.name, versions, runs)
            (folder / f"{path.stem}.json").write_text(text)
            print(path.stem, flush=True)
    return 0


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("verb", choices=["replay", "show", "capture"])
    p.add_argument("names", nargs="*", metavar="SCENARIO")
    p.add_argument("--bin", default=programs.PROGRAM,
                   help="the program to run (default: build/instar)")
    p.add_argument("--bins", help="a folder holding VERSION/qemu-img")
    p.add_argument("--folder", type=pathlib.Path, default=BASELINES,
                   help="the folder of scenarios/ and expected/")
    p.add_argument("--ref", default=programs.REFERENCE,
                   help="the reference for set-up steps (qemu-io beside it)")
    p.add_argument("--version", action="append",
                   help="only this version (repeatable)")
    p.add_argument("--subcommand", action="append", default=[],
                   help="compare only this subcommand's steps (repeatable)")
    p.add_argument("--list", type=pathlib.Path,
                   help="a file of patterns of scenario names, each with the "
                   "subcommands of which steps are compared")
    p.add_argument("--all", action="store_true",
                   help="every version, not the newest of each profile")
    p.add_argument("--env", default="INSTAR_QEMU_VERSION",
                   help="the variable that pins the version")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--lines", type=int, default=25,
                   help="lines of each difference to print")
    p.add_argument("--quiet", action="store_true",
                   help="print no differences")
    args = p.parse_intermixed_args()
    if args.verb != "capture" and not os.access(args.bin, os.X_OK):
        p.error(f"no program to run: {args.bin}")
    return {"replay": replay, "show": show, "capture": capture}[args.verb](
        args)


if __name__ == "__main__":
    sys.exit(main())
