"""The command line of the programs that run random cases by number, and the
run itself."""
import argparse
import concurrent.futures
import os
import random

import program as programs
import report


def main(description, cases, make):
    """`make(args, tally)` has a method run_case(number); `cases` is the usual
    number of them. Returns the exit status."""
    p = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("formats", nargs="*", metavar="FORMAT", default=[])
    p.add_argument("--bin", default=programs.PROGRAM)
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
