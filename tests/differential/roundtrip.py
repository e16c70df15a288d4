#!/usr/bin/env -S python3 -B
"""Random content through random formats: what was put in comes out.

A case makes content, and takes it through one to three images, each of a
random format with random options, written by the program or by the real
qemu-img. The bytes that either of them reads of each image must be those that
were put in, and the reference's check must find nothing. What is expected
follows from the seed alone: no program is asked for it. A failing case is kept
in build/failures.

  roundtrip.py [--bin PROGRAM] [--seed N] [--cases N] [--jail JAIL]...
               [FORMAT...]
  roundtrip.py --seed N --only CASE [FORMAT...]
"""
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import program as programs
from differential import case, cases, export

KIB, MIB = 1 << 10, 1 << 20
CHECKED = ("qcow2", *export.CHECKED)
OURS, THEIRS = "ours", "theirs"


class Failed(Exception):
    """A command failed, or bytes are not what they should be."""


# ---- Content ----------------------------------------------------------------

def random_size(r):
    kind = r.random()
    if kind < 0.1:
        return 512 * r.randint(1, 64)
    if kind < 0.9:
        return 512 * r.randint(64, 16 * KIB)
    return 512 * r.randint(16 * KIB, 100 * KIB)


def random_bytes(r, length):
    kind = r.random()
    if kind < 0.35:
        return r.randbytes(length)
    if kind < 0.6:
        return bytes([r.randrange(256)]) * length
    if kind < 0.8:
        return (b"%08x " % r.randrange(1 << 32) * (length // 9 + 1))[:length]
    piece = bytes([r.randrange(256)]) * 512 + bytes(512 * r.randint(1, 9))
    return (piece * (length // len(piece) + 1))[:length]


def random_runs(r, size):
    """Where content lies, in whole sectors."""
    for _ in range(r.randint(0, 24)):
        length = 512 * r.choice([1, 2, 7, 8, 9, 64, 128, 129, 512, 1500])
        length = min(length, size)
        place = r.random()
        offset = 0 if place < 0.1 else size - length
        if place < 0.85:
            offset = 512 * r.randint(0, (size - length) // 512)
        yield offset, length


# ---- Options ----------------------------------------------------------------

def qcow2_options(r):
    old = r.random() < 0.2
    options = ["compat=0.10"] if old else []
    bits = r.choice([16, 16, r.randint(9, 21)])
    if bits != 16:
        options.append(f"cluster_size={1 << bits}")
    if not old and r.random() < 0.3:
        options.append(f"refcount_bits={1 << r.randint(0, 6)}")
    if not old and r.random() < 0.2:
        options.append("lazy_refcounts=on")
    if not old and bits >= 14 and r.random() < 0.25:
        options.append("extended_l2=on")
    if not old and r.random() < 0.25:
        options.append("compression_type=zstd")
    return options


def qcow2_extra(r, name, options):
    """Options that exclude packing."""
    kind = r.random()
    if "compat=0.10" in options:
        return []
    if kind < 0.1:
        return ["preallocation=" + r.choice(["metadata", "falloc", "full"])]
    if kind < 0.2:
        raw = ["data_file_raw=on"] if r.random() < 0.5 else []
        return [f"data_file={name}.data", *raw]
    return []


def raw_options(r):
    mode = r.choice(["falloc", "full"])
    return [f"preallocation={mode}"] if r.random() < 0.2 else []


def vmdk_options(r):
    """Those that the subformat allows."""
    subformat = r.choice(["monolithicSparse", "monolithicFlat",
                          "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
                          "streamOptimized"])
    options = [f"subformat={subformat}"]
    if r.random() < 0.3:
        options.append("adapter_type=" + r.choice(
            ["ide", "lsilogic", "buslogic", "legacyESX"]))
    if r.random() < 0.2:
        options.append(r.choice(["compat6=on", "hwversion=9"]))
    if "Flat" not in subformat and r.random() < 0.3:
        options.append("zeroed_grain=on")
    return options


def qed_options(r):
    """Not table_size=1: of such an empty image the reference says that it is
    damaged."""
    options = []
    if r.random() < 0.4:
        options.append(f"cluster_size={4096 << r.randint(0, 6)}")
    if r.random() < 0.3:
        options.append(f"table_size={2 << r.randint(0, 3)}")
    return options


OPTIONS = {**export.OPTIONS, "raw": raw_options, "qcow2": qcow2_options,
           "vmdk": vmdk_options, "qed": qed_options}
FORMATS = tuple(sorted(OPTIONS)) + ("qcow2", "vmdk", "vmdk")


class Case:
    """One content on its way."""

    def __init__(self, seed, formats, runner, jail):
        self.random = random.Random(f"roundtrip/{seed}")
        self.formats = formats or FORMATS
        self.runner = runner
        self.jail = jail
        self.log = []
        self.room = 0  # bytes by which an output may be longer than needed
        self.content = bytearray(random_size(self.random))

    def run(self):
        r = self.random
        name, fmt = self.first()
        for step in range(r.choice([1, 1, 2, 3])):
            who = OURS if step == 0 or r.random() < 0.6 else THEIRS
            name, fmt = self.step(f"i{step}", name, fmt, who)
            self.verify(name, fmt)

    # ---- Commands -----------------------------------------------------------

    def call(self, who, *args):
        program = (self.runner.program if who == OURS
                   else self.runner.reference)
        self.log.append(" ".join([who, "qemu-img", *args]))
        end = self.runner.run(program, args,
                              self.jail if who == OURS else None)
        if end.code != 0 or end.err:
            raise Failed(f"{self.log[-1]}\n{end.describe()}")

    def io(self, fmt, commands, name):
        argv = ["qemu-io", "-f", fmt]
        for command in commands:
            argv += ["-c", command]
        self.log.append(" ".join([*argv, name]))
        end = programs.run("/usr/bin/qemu-io", [*argv, "-c", "flush", name],
                           self.runner.directory)
        if end.code != 0:
            raise Failed(f"{self.log[-1]}\n{end.describe()}")

    def path(self, name):
        return self.runner.directory / name

    # ---- Steps --------------------------------------------------------------

    def first(self):
        """The content in a raw file, or in an image of the reference's."""
        fmt = self.random.choice([*self.formats, *["raw"] * 8])
        options = OPTIONS[fmt](self.random)
        if fmt == "raw" or "subformat=streamOptimized" in options:
            return self.first_raw(), "raw"
        self.call(THEIRS, "create", "-q", "-f", fmt,
                  *(["-o", ",".join(options)] if options else []), "first",
                  str(len(self.content)))
        commands = []
        for offset, length in random_runs(self.random, len(self.content)):
            pattern = self.random.randrange(256)
            how = "-z" if pattern == 0 else f"-P {pattern}"
            commands.append(f"write {how} {offset} {length}")
            self.content[offset:offset + length] = bytes([pattern]) * length
        self.io(fmt, commands, "first")
        return "first", fmt

    def first_raw(self):
        for offset, length in random_runs(self.random, len(self.content)):
            data = random_bytes(self.random, length)
            self.content[offset:offset + length] = data
        with open(self.path("first"), "wb") as f:
            for at in range(0, len(self.content), 64 * KIB):
                piece = self.content[at:at + 64 * KIB]
                if any(piece):  # the rest are holes
                    f.seek(at)
                    f.write(piece)
            f.truncate(len(self.content))
        return "first"

    def step(self, name, source, source_fmt, who):
        r = self.random
        fmt = r.choice(self.formats)
        is_new = r.random() < 0.85
        options = OPTIONS[fmt](r)
        packed = fmt == "qcow2" and r.random() < 0.4
        if fmt == "qcow2" and not packed:
            options += qcow2_extra(r, name, options)
        asked = ["-o", ",".join(options)] if options else []
        if r.random() < 0.12:
            self.call(who, "dd", "-f", source_fmt, "-O", fmt,
                      f"bs={r.choice(['512', '4k', '64k', '1M', '3M'])}",
                      f"if={source}", f"of={name}")
            return name, fmt
        # What -n does not write: packed streams, and images with data files.
        is_new = is_new or packed or any(
            o.startswith(("data_file", "subformat=stream")) for o in options)
        args = ["convert", "-f", source_fmt, "-O", fmt,
                *(["-c"] if packed else [])]
        if r.random() < 0.3:
            args += ["-S", r.choice(["0", "512", "4k", "64k"])]
        if r.random() < 0.2:
            how = r.choice([["-W"], ["-m", "1"], ["-m", "16"]])
            # The reference may fail an assertion of its own there.
            args += [] if fmt == "qed" and how == ["-W"] else how
        if is_new:
            args += asked
        else:
            self.existing(name, fmt, asked)
            args.append("-n")
        self.call(who, *args, source, name)
        return name, fmt

    def existing(self, name, fmt, asked):
        """An output that is there, with something in it; longer, as vpc
        makes its disks longer."""
        size = len(self.content)
        self.room += 2 * MIB
        self.call(THEIRS, "create", "-q", "-f", fmt, *asked, name,
                  str(size + self.room))
        offset = 512 * self.random.randint(0, (size - 1) // 512)
        self.io(fmt, [f"write -P 99 {offset} {min(70 * KIB, size - offset)}"],
                name)

    # ---- What must hold -----------------------------------------------------

    def verify(self, name, fmt):
        for who in (THEIRS, OURS):
            self.call(who, "convert", "-f", fmt, "-O", "raw", name, "back")
            self.compare(name, self.path("back").read_bytes(), who)
            self.path("back").unlink()
        if fmt in CHECKED:
            self.call(THEIRS, "check", "-q", "-f", fmt, name)

    def compare(self, name, got, who):
        """A format may only make a disk longer."""
        want = bytes(self.content)
        if got[:len(want)] != want:
            at = next(i for i in range(len(want))
                      if got[i:i + 1] != want[i:i + 1])
            raise Failed(f"{name}, read by {who}: differs at {at}; "
                         f"{len(got)} bytes of {len(want)}")
        if any(got[len(want):]):
            raise Failed(f"{name}, read by {who}: data behind the end")


class Roundtrip:
    def __init__(self, args, tally):
        self.args = args
        self.tally = tally
        self.jails = programs.jails(args.jail or programs.JAILS, tally,
                                    "round trips", args.cases)

    def run_case(self, number):
        for jail in self.jails:
            self.run_in(number, jail)

    def run_in(self, number, jail):
        seed = f"{self.args.seed}/{number}"
        with tempfile.TemporaryDirectory(prefix="roundtrip-") as name:
            runner = case.Runner(os.path.abspath(self.args.bin),
                                 self.args.ref, pathlib.Path(name))
            trip = Case(seed, self.args.formats, runner, jail)
            try:
                trip.run()
                self.tally.ok()
            except Failed as failure:
                text = "\n".join([str(failure), "after", *trip.log])
                self.tally.fail(f"{seed} ({jail})", text)
                self.keep(name, f"{self.args.seed}-{number}-{jail}", text)

    @staticmethod
    def keep(directory, name, text):
        folder = programs.ROOT / "build/failures" / f"roundtrip-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["mkdir", "-p", folder.parent], check=True)
        subprocess.run(["cp", "-r", "--sparse=auto", directory, folder],
                       check=True)
        (folder / "difference.txt").write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(cases.main(__doc__, 100, Roundtrip))
