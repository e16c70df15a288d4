#!/usr/bin/env -S python3 -B
"""Damaged qcow2 images: the program says of them what the real qemu-img says.

`info` is run on images whose header fields are replaced one by one and whose
header bits are flipped, `convert` on images with damaged tables. Exit status,
stdout, stderr and what a convert made must agree. Images on which the
reference itself crashes or hangs are left out.

  headers.py [--bin PROGRAM] [--seed N] [--jail JAIL]...
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import mutants
import program as programs
import report
from differential import case

SECONDS = 10
QCOW_1 = b"QFI\xfb\0\0\0\1"  # another format, whose reader is not asked here


def header_mutants(seeds, r):
    for name in ("plain", "v2", "top"):
        image = seeds[name]
        found = list(mutants.fields_replaced(image))
        found += mutants.bits_flipped(image, [(0, 0x70), (0x70, 0x180)], 60,
                                      r)
        for i, damaged in enumerate(found):
            if damaged[:8] != QCOW_1:
                yield f"{name}-header-{i}", damaged


def table_mutants(seeds, r):
    for name, image in seeds.items():
        l1, l2 = mutants.l1_offset(image), mutants.l2_offset(image)
        found = [*mutants.entries_replaced(image, l1, 2, 8, r),
                 *mutants.entries_replaced(image, l2 or l1, 32, 16, r)]
        for i, damaged in enumerate(found):
            yield f"{name}-table-{i}", damaged


class Headers:
    def __init__(self, args, tally, directory):
        self.tally = tally
        self.directory = directory
        self.jails = programs.jails(args.jail or programs.JAILS, tally,
                                    "damaged images")
        self.runner = case.Runner(os.path.abspath(args.bin), args.ref,
                                  directory)

    def _run(self, program, args, image, jail):
        """Runs a command on a fresh copy: an image may be marked corrupt."""
        name = args[-2] if args[0] == "convert" else args[-1]
        (self.directory / name).write_bytes(image)
        return programs.run(program, ["qemu-img", *args], self.directory,
                            self.runner.environment(jail), timeout=SECONDS)

    def compare(self, name, image, make_args):
        """Both write to a directory of their own, under the same names."""
        args = make_args(f"{name}.qcow2", f"{name}.out")
        out = self.directory / f"{name}.out"
        want = self._run(self.runner.reference, args, image, None)
        wanted = self.directory / f"{name}.ref"
        if out.exists():
            out.rename(wanted)
        for jail in self.jails if want.code in (0, 1) else ():
            got = self._run(self.runner.program, args, image, jail)
            text = case.printed_difference(want, got)
            if not text and want.code == 0 and wanted.exists():
                at = case.first_difference(wanted, out)
                text = "" if at is None else f"bytes differ, first at {at}"
            if text:
                label = f"{name}-{jail}"
                self.tally.fail(f"{label}: qemu-img {' '.join(args)}", text)
                self._keep(label, image)
            else:
                self.tally.ok()
            out.unlink(missing_ok=True)
        wanted.unlink(missing_ok=True)
        (self.directory / f"{name}.qcow2").unlink()

    def _keep(self, label, image):
        folder = programs.ROOT / "build" / "failures" / "headers"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{label}.qcow2").write_bytes(image)


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default=programs.PROGRAM)
    p.add_argument("--ref", default=programs.REFERENCE)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    args = p.parse_args()
    tally = report.Tally()
    r = random.Random(f"headers/{args.seed}")
    with tempfile.TemporaryDirectory(prefix="headers-") as name:
        directory = pathlib.Path(name)
        headers = Headers(args, tally, directory)
        seeds = mutants.seeds(directory)
        work = [(n, image, lambda a, _: ["info", a])
                for n, image in header_mutants(seeds, r)]
        # One coroutine: with more, which error comes first is chance.
        work += [(n, image, lambda a, b: ["convert", "-m", "1", "-f", "qcow2",
                                          "-O", "raw", a, b])
                 for n, image in table_mutants(seeds, r)]
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for _ in pool.map(lambda item: headers.compare(*item), work):
                pass
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
