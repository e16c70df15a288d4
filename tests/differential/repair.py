#!/usr/bin/env -S python3 -B
"""Damaged qcow2 images: `check -r` mends what the real qemu-img mends.

Images are damaged as check.py damages them; the program and the reference each
repair a copy. Exit status, stdout and stderr must agree, then what the disk
holds, and what the reference's check finds in what is left. Where the
reference crashes, the image is left out.

  repair.py [--bin PROGRAM] [--seed N] [--count N] [--jail JAIL]...
"""
import argparse
import concurrent.futures
import difflib
import filecmp
import hashlib
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import program as programs
import report
from differential import check

SECONDS = 20
LARGEST = 1 << 26
STATUSES = (0, 1, 2, 3, 63)
# The reference stores bitmaps in new places whenever it closes an image.
END = re.compile(rb"(Image end offset: |\"image-end-offset\": )\d+")


def is_sane(image):
    """A snapshot table at offset 0 is the header, which both overwrite."""
    return (int.from_bytes(image[60:64], "big") == 0
            or int.from_bytes(image[64:72], "big") != 0)


def lines_that_differ(want, got):
    lines = [f"[exit {end.code}]\n{end.text}{end.errors}".splitlines()
             for end in (want, got)]
    return "\n".join(difflib.unified_diff(*lines, "expected", "got",
                                          lineterm="", n=1))


class Side:
    """One of the two directories, with the program that works in it."""

    def __init__(self, directory, program, environment):
        self.directory = directory
        self.program = program
        self.environment = environment
        directory.mkdir(parents=True, exist_ok=True)

    def run(self, program, *args):
        return programs.run(program, ["qemu-img", *args], self.directory,
                            self.environment, timeout=SECONDS)

    def repair(self, args):
        return self.run(self.program, "check", "-f", "qcow2", *args, "image")

    def disk(self, reference):
        """What the disk holds, as the reference reads it."""
        end = self.run(reference, "convert", "-U", "-m", "1", "-f", "qcow2",
                       "-O", "raw", "image", "disk.raw")
        disk = self.directory / "disk.raw"
        digest = ""
        if disk.exists():
            with open(disk, "rb") as f:
                digest = hashlib.file_digest(f, "sha1").hexdigest()
            disk.unlink()
        return end.code, end.err, digest


class Repair:
    def __init__(self, args, tally, directory):
        self.args = args
        self.tally = tally
        self.directory = directory
        self.jails = programs.jails(args.jail or programs.JAILS, tally,
                                    "damaged images")
        self.same_bytes = 0

    def side(self, name, program, jail, image):
        """A directory with the image and what its kind needs."""
        directory = self.directory / name
        side = Side(directory, program, programs.environment(
            directory, INSTAR_JAIL=jail,
            INSTAR_QEMU_VERSION=programs.REFERENCE_VERSION))
        for path in self.directory.iterdir():
            if path.is_file() and path.suffix in (".raw", ".qcow2"):
                shutil.copy(path, directory)
        (directory / "image").write_bytes(image)
        return side

    def difference(self, theirs, ours, args, name):
        """What differs; None where the reference gives no answer."""
        want = theirs.repair(args)
        if want.code not in STATUSES:
            return None
        got = ours.repair(args)
        if (want.code, want.out, want.err) != (got.code, got.out, got.err):
            # What lies behind the end of a file that has to grow is counted
            # here, and was not there when the reference counted.
            return ("" if b"is outside image" in want.err
                    else lines_that_differ(want, got))
        reference = self.args.ref
        want_disk, got_disk = theirs.disk(reference), ours.disk(reference)
        # Stored bitmaps may be in the midst of what else was damaged.
        moved = name.startswith("bitmaps") and want.code != 0
        if want_disk != got_disk and not moved:
            return f"disks: expected {want_disk}\ngot {got_disk}"
        if b"Marking image as corrupt" in want.err:
            return ""  # where it stops, some of what it mended is not stored
        found = [side.run(reference, "check", "-U", "-f", "qcow2", "image")
                 for side in (theirs, ours)]
        texts = [(end.code, END.sub(b"", end.out), end.err) for end in found]
        if texts[0] != texts[1]:
            # Where bitmaps lie decides which clusters are told of.
            if name.startswith("bitmaps") and (
                    moved or found[0].code == found[1].code):
                return ""
            return "check afterwards:\n" + lines_that_differ(*found)
        images = [side.directory / "image" for side in (theirs, ours)]
        if images[0].stat().st_size < LARGEST:
            self.same_bytes += filecmp.cmp(*images, shallow=False)
        return ""

    def run_case(self, name, image):
        r = random.Random(name)
        args = ["-r", r.choice(["leaks", "all", "all", "all"])]
        if r.random() < 0.3:
            args.append("--output=json")
        for jail in self.jails:
            theirs = self.side(f"{name}-ref", self.args.ref, None, image)
            ours = self.side(f"{name}-{jail}", self.args.bin, jail, image)
            text = self.difference(theirs, ours, args, name)
            if text:
                self.tally.fail(f"{name}-{jail}: check {' '.join(args)}", text)
                folder = programs.ROOT / "build" / "failures" / "repair"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{name}.qcow2").write_bytes(image)
            elif text is not None:
                self.tally.ok()
            shutil.rmtree(theirs.directory)
            shutil.rmtree(ours.directory)


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", type=os.path.abspath, default=programs.PROGRAM)
    p.add_argument("--ref", default=programs.REFERENCE)
    p.add_argument("--seed", default="1")
    p.add_argument("--count", type=int, default=300)
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    args = p.parse_args()
    tally = report.Tally()
    r = random.Random(f"repair/{args.seed}")
    with tempfile.TemporaryDirectory(prefix="repair-") as name:
        directory = pathlib.Path(name)
        found = check.seeds(directory)
        work = [(name, image)
                for name, image in check.damaged(found, args.count, r)
                if is_sane(image)]
        for path in directory.glob("*.qcow2"):
            if path.name != "plain.qcow2":  # top's backing file
                path.unlink()
        repair = Repair(args, tally, directory)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for _ in pool.map(lambda item: repair.run_case(*item), work):
                pass
        print(f"{repair.same_bytes} of them to the byte")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
