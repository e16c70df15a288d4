#!/usr/bin/env -S python3 -B
"""Random conversions to the formats of other hypervisors, and those of old:
the program against the real qemu-img.

Exit status, stdout, stderr and the bytes of every file that is made must
agree, but for random ids and times; and the reference must read what the
program made as it reads its own, and find nothing wrong with it. A failing
case is kept in build/failures.

  export.py [--bin PROGRAM] [--seed N] [--cases N] [--jail JAIL]... [FORMAT...]
  export.py --seed N --only CASE [FORMAT...]
"""
import os
import pathlib
import random
import re
import shutil
import struct
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import program as programs
from differential import case, cases, images

MAX_BYTES = 96 << 20
CHECKED = ("qed", "vdi", "vhdx", "vmdk", "parallels")
UUID, CHECKSUM = 16, 4


def vpc_ids(data):
    """Time, checksum and UUID of the footer and of its copy in front."""
    found = []
    for at in {0, len(data) - 512, len(data) - 511}:
        if at >= 0 and data[at:at + 8] == b"conectix":
            found += [(at + 24, 4), (at + 64, CHECKSUM), (at + 68, UUID)]
    return found


def vdi_ids(data):
    """UUIDs of the image and of its last snapshot."""
    return [(0x188, UUID), (0x198, UUID)]


def vhdx_ids(data):
    """Of the headers: checksum, sequence number and GUIDs; of the metadata:
    the page 83 data; of the log's entries: checksum, GUID and what is behind
    the descriptors, where qemu-img leaves whatever its memory held."""
    found = [(header + 4, CHECKSUM + 8 + 3 * UUID)
             for header in (64 << 10, 128 << 10)]
    length, log = struct.unpack_from("<IQ", data, (64 << 10) + 68)
    for entry in range(log, log + length, 4096):
        if data[entry:entry + 4] == b"loge":
            count, = struct.unpack_from("<I", data, entry + 24)
            end = min(64 + 32 * count, 4096)
            found += [(entry + 4, CHECKSUM), (entry + 32, UUID),
                      (entry + end, 4096 - end)]
    metadata = data.find(b"metadata", 1 << 20)
    if metadata >= 0:
        found.append((metadata + (64 << 10) + 16, UUID))
    return found


IDS = {"vpc": vpc_ids, "vdi": vdi_ids, "vhdx": vhdx_ids}


def without_content_id(data):
    """A vmdk whose descriptor, if it has one, has no content id: a number
    that is not always as long."""
    start = data.find(b"# Disk DescriptorFile\n", 0, 1 << 16)
    if start < 0:
        return data
    end = data.find(b"\0", start)
    end = len(data) if end < 0 else end
    text = re.sub(rb"(?m)^CID=[0-9a-f]{1,8}$", b"CID=", data[start:end])
    text = text.ljust(end - start, b"\0")
    return data[:start] + text + data[end:]


def masked(fmt, path):
    data = bytearray(path.read_bytes())
    if fmt == "vmdk":
        return without_content_id(bytes(data))
    for at, length in IDS.get(fmt, lambda _: [])(bytes(data)):
        end = min(len(data), at + length)
        data[at:end] = bytes(max(0, end - at))
    return bytes(data)


def vmdk_options(r):
    subformat = r.choice(["monolithicSparse", "monolithicFlat",
                          "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
                          "streamOptimized", None])
    options = [f"subformat={subformat}"] if subformat else []
    if r.random() < 0.3:
        options.append("adapter_type=" + r.choice(
            ["ide", "lsilogic", "buslogic", "legacyESX"]))
    for chance, option in ((0.1, "compat6=on"), (0.2, "zeroed_grain=on"),
                           (0.1, "hwversion=9"), (0.1, "toolsversion=77")):
        if r.random() < chance:
            options.append(option)
    return options


def vhdx_options(r):
    options = []
    if r.random() < 0.4:
        options.append("subformat=" + r.choice(["dynamic", "fixed"]))
    if r.random() < 0.3:
        options.append(f"block_size={r.choice([1, 2, 8, 32])}M")
    if r.random() < 0.2:
        options.append(f"log_size={r.choice([1, 2, 5])}M")
    return options


def vpc_options(r):
    options = []
    if r.random() < 0.4:
        options.append("subformat=" + r.choice(["dynamic", "fixed"]))
    if r.random() < 0.4:
        options.append("force_size=on")
    return options


def qed_options(r):
    options = []
    if r.random() < 0.4:
        options.append(f"cluster_size={4096 << r.randint(0, 6)}")
    if r.random() < 0.3:
        options.append(f"table_size={1 << r.randint(0, 4)}")
    return options


OPTIONS = {
    "vmdk": vmdk_options, "vpc": vpc_options, "vhdx": vhdx_options,
    "vdi": lambda r: r.choice([[], [], ["static=on"]]),
    "qed": qed_options, "qcow": lambda r: [],
    "parallels": lambda r: r.choice([[], ["cluster_size=64k"],
                                     ["cluster_size=4M"]]),
}


def random_arguments(r, fmt, names):
    args = ["convert", "-O", fmt]
    options = OPTIONS[fmt](r)
    if options:
        args += ["-o", ",".join(options)]
    if r.random() < 0.3:
        args += ["-S", r.choice(["0", "512", "4k", "64k", "1M"])]
    if r.random() < 0.1:
        args.append("-p")
    return [*args, *names, "out"]


class Export:
    def __init__(self, args, tally):
        self.args = args
        self.tally = tally
        self.jails = programs.jails(
            args.jail or programs.JAILS, tally, "random exports", args.cases)

    def run_case(self, number):
        seed = f"{self.args.seed}/{number}"
        r = random.Random(f"export/{seed}")
        with tempfile.TemporaryDirectory(prefix="export-") as name:
            directory = pathlib.Path(name)
            maker = images.Maker(seed, directory)
            chains = maker.make()
            chains = [c for c in chains if c.top.size <= MAX_BYTES]
            if not chains:
                return
            fmt = r.choice(self.args.formats or sorted(OPTIONS))
            argv = random_arguments(r, fmt,
                                    [c.top.name for c in chains])
            self.compare(number, directory, fmt, argv, maker.log)

    def compare(self, number, directory, fmt, argv, log):
        runner = case.Runner(os.path.abspath(self.args.bin), self.args.ref,
                             directory)
        want = self.one(runner, self.args.ref, argv, directory / "theirs")
        for jail in self.jails:
            got = self.one(runner, runner.program, argv, directory / "ours",
                           jail)
            text = case.printed_difference(want, got)
            if not text and want.code == 0:
                # What is packed depends on the compressor.
                packed = "streamOptimized" in " ".join(argv)
                text = self.difference(runner, directory, fmt, packed)
            if text:
                self.tally.fail(f"{self.args.seed}-{number}-{jail}: qemu-img "
                                f"{' '.join(argv)}", text)
                case.keep(programs.ROOT / "build/failures" /
                          f"export-{self.args.seed}-{number}-{jail}",
                          runner, argv, [], jail, text, log)
            else:
                self.tally.ok()

    @staticmethod
    def one(runner, program, argv, into, jail=None):
        """Runs, and moves the files that were made, which may be several."""
        end = runner.run(program, argv, jail)
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir()
        for path in runner.directory.glob("out*"):
            path.rename(into / path.name)
        return end

    def difference(self, runner, directory, fmt, packed):
        theirs, ours = directory / "theirs", directory / "ours"
        names = [sorted(p.name for p in d.iterdir()) for d in (theirs, ours)]
        if names[0] != names[1]:
            return f"files: expected {names[0]}, got {names[1]}"
        for name in [] if packed else names[0]:
            want, got = masked(fmt, theirs / name), masked(fmt, ours / name)
            if want != got:
                at = next((i for i, (x, y) in enumerate(zip(want, got))
                           if x != y), min(len(want), len(got)))
                return (f"{name}: bytes differ, first at {at}; lengths "
                        f"{len(want)} and {len(got)}")
        end = runner.run(self.args.ref, ["compare", "-f", fmt, "-F", fmt,
                                         "theirs/out", "ours/out"])
        if end.code != 0:
            return f"content differs: {end.describe()}"
        if fmt in CHECKED:
            end = runner.run(self.args.ref, ["check", "-f", fmt,
                                             "ours/out"])
            if end.code != 0:
                return f"check: {end.describe()}"
        return ""


if __name__ == "__main__":
    sys.exit(cases.main(__doc__, 120, Export))
