#!/usr/bin/env -S python3 -B
"""Images of every format: the program against the real qemu-img.

Each format has a module here. Its fixed images are of kinds that qemu-img does
not create, written from the specification; its random ones are made by the
real qemu-img and qemu-io. On each image `info`, `map`, `check`, `measure`,
`compare` and `convert` to raw and to qcow2 are run by the reference and by the
program; exit status, stdout, stderr and the bytes of the outputs must agree.
A failing image is kept in build/failures.

  run.py [--bin PROGRAM] [--seed N] [--images N] [--jail JAIL]... [FORMAT...]
  run.py --seed N --only NAME FORMAT     one image
"""
import argparse
import concurrent.futures
import importlib
import os
import pathlib
import random
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)
import program as programs
import report
from differential import case

MAX_KEPT = 25
TMPFS = pathlib.Path("/dev/shm")
OUT = "out.img"
WANT = "want.img"


def modules(names):
    found = sorted(p.stem for p in HERE.glob("*.py") if p.stem != "run")
    return [importlib.import_module(f"formats.{n}") for n in names or found]


def printing(rng, path, form):
    """The commands that only print."""
    start, length = rng.randrange(1 << 22), rng.randrange(1, 1 << 22)
    return [
        ["info", path],
        ["info", "--output=json", path],
        ["info", "-U", "-f", form, path],
        ["map", path],
        ["map", "--output=json", path],
        ["map", "-f", form, "--output=json", "-s", str(start), "-l",
         str(length), path],
        ["check", path],
        ["check", "-f", form, "--output=json", path],
        ["measure", "-O", "qcow2", path],
        ["measure", "-f", form, "-O", "raw", "--output=json", path],
    ]


WRITING = [["convert", "-f", "FORMAT", "-O", "raw"],
           ["convert", "-O", "qcow2"]]


class Formats:
    def __init__(self, args, tally):
        self.args = args
        self.tally = tally
        self.jails = programs.jails(args.jail or programs.JAILS, tally,
                                    "images of all formats")
        self.kept = 0

    def scratch(self):
        return tempfile.TemporaryDirectory(
            prefix="formats-",
            dir=TMPFS if TMPFS.is_dir() else programs.ROOT / "build")

    def fixed(self, module):
        with self.scratch() as name:
            folder = pathlib.Path(name)
            for label, path in module.fixed(folder):
                if self.args.only in (None, label):
                    self._image(module, label, folder, path)

    def random(self, module, index):
        label = f"random-{index}"
        if self.args.only not in (None, label):
            return
        rng = random.Random(f"{module.FORMAT}/{self.args.seed}/{index}")
        with self.scratch() as name:
            folder = pathlib.Path(name)
            path = module.random_image(rng, folder)
            if path is not None:
                self._image(module, label, folder, path)

    def _image(self, module, label, folder, path):
        path = os.path.relpath(path, folder)
        runner = case.Runner(os.path.abspath(self.args.bin), self.args.ref,
                             folder)
        rng = random.Random(f"{label}/{self.args.seed}")
        commands = printing(rng, path, module.FORMAT)
        for argv in WRITING:
            argv = [module.FORMAT if a == "FORMAT" else a for a in argv]
            whole = self._write(runner, module, label, argv + [path, OUT])
            want = folder / WANT
            if whole and want.exists() and argv[-1] == "raw":
                want.rename(folder / "raw.img")
                commands.append(["compare", "-F", "raw", path, "raw.img"])
            want.unlink(missing_ok=True)
        for argv in commands:
            if self.args.command and argv[0] not in self.args.command:
                continue
            for jail, text in runner.compare_printed(argv, self.jails):
                self._count(runner, module, label, jail, argv, text)
        (folder / "raw.img").unlink(missing_ok=True)

    def _write(self, runner, module, label, argv):
        """Leaves the reference's output as WANT. Whether it is whole."""
        out, want = runner.directory / OUT, runner.directory / WANT
        out.unlink(missing_ok=True)
        expected = runner.run(self.args.ref, argv)
        if out.exists():
            out.rename(want)
        if self.args.command and "convert" not in self.args.command:
            return expected.code == 0
        for jail in self.jails:
            got = runner.run(runner.program, argv, jail)
            text = case.printed_difference(expected, got)
            if not text and out.exists() != want.exists():
                text = "the output is there" if out.exists() else "no output"
            # How far a failing one got depends on timing.
            if not text and want.exists() and expected.code == 0:
                at = case.first_difference(want, out)
                text = f"the bytes differ at {at}" if at is not None else ""
            self._count(runner, module, label, jail, argv, text)
            out.unlink(missing_ok=True)
        return expected.code == 0

    def _count(self, runner, module, label, jail, argv, text):
        if not text:
            return self.tally.ok()
        name = f"{module.FORMAT}-{self.args.seed}-{label}-{argv[0]}-{jail}"
        self.tally.fail(f"{name}: qemu-img {' '.join(argv)}", text)
        if self.kept < MAX_KEPT:
            self.kept += 1
            case.keep(programs.ROOT / "build" / "failures" / name, runner,
                      argv, [], jail, text, [])
        return None


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("formats", nargs="*", metavar="FORMAT")
    p.add_argument("--bin", default=programs.PROGRAM)
    p.add_argument("--ref", default=programs.REFERENCE)
    p.add_argument("--seed", type=int,
                   default=random.SystemRandom().randrange(1 << 31),
                   help="default: a new one, which is printed")
    p.add_argument("--images", type=int, default=20,
                   help="random images of each format")
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--command", action="append",
                   help="only this one; may be repeated")
    p.add_argument("--only", metavar="NAME")
    args = p.parse_args()
    tally = report.Tally()
    print(f"seed {args.seed}", flush=True)
    runs = Formats(args, tally)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        todo = []
        for module in modules(args.formats):
            todo.append(pool.submit(runs.fixed, module))
            todo += [pool.submit(runs.random, module, i)
                     for i in range(args.images)]
        for done in todo:
            done.result()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
