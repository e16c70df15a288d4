"""The files that are measured, made the same way each time."""
import os
import random
import subprocess

import program as programs
from bench import scattered

MIB = 1 << 20
SIZE = 2048 * MIB
PIECE = 4 * MIB


def _text(r, length):
    """Bytes that compress about as well as text and programs do."""
    words = [r.randbytes(r.randint(3, 9)) for _ in range(2000)]
    block = b"".join(r.choice(words) for _ in range(PIECE // 24))
    return (block * (length // len(block) + 1))[:length]


def mixed(path):
    """A 2 GiB raw image: a third data, half of which compresses well, some
    zeroes that are written out, and the rest holes."""
    if path.exists() and path.stat().st_size == SIZE:
        return
    r = random.Random("mixed")
    text = _text(r, PIECE)
    part = path.with_suffix(".part")
    with open(part, "wb") as f:
        f.truncate(SIZE)
        for start in range(0, SIZE, PIECE):
            kind = r.random()
            if kind < 0.5:
                continue
            f.seek(start)
            if kind < 0.65:
                f.write(bytes(PIECE))
            elif kind < 0.8:
                turn = r.randrange(PIECE)
                f.write(text[turn:] + text[:turn])
            elif kind < 0.95:
                f.write(r.randbytes(PIECE))
            else:  # small files: data and zeroes in turns
                for _ in range(PIECE // 65536):
                    data = r.randrange(1, 17) * 4096
                    f.write(r.randbytes(data) + bytes(65536 - data))
    part.rename(path)


def filled(path, name):
    """A raw image of 1 GiB that is all data."""
    if path.exists() and path.stat().st_size == SIZE // 2:
        return
    r = random.Random(name)
    part = path.with_suffix(".part")
    with open(part, "wb") as f:
        for _ in range(SIZE // 2 // PIECE):
            f.write(r.randbytes(PIECE))
    part.rename(path)


class Workload:
    """The files, in `directory`."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.raw = directory / "mixed.raw"
        mixed(self.raw)
        self.qcow2 = self._made("mixed.qcow2", "convert", "-f", "raw", "-O",
                                "qcow2", self.raw)
        self.zlib = self._made("zlib.qcow2", "convert", "-c", "-f", "raw",
                               "-O", "qcow2", self.raw)
        self.scattered = directory / "scattered.qcow2"
        if not self.scattered.exists():
            part = directory / "scattered.part"
            scattered.make(part)
            part.rename(self.scattered)
        self.small = self._made("small.qcow2", "create", "-q", "-f", "qcow2",
                                after=["1G"])
        self.large = self._made("large.qcow2", "create", "-q", "-f", "qcow2",
                                after=["2T"])
        # As many clusters as the scattered one, in their order.
        self.allocated = self._made("allocated.qcow2", "create", "-q", "-f",
                                    "qcow2", "-o", "preallocation=metadata",
                                    after=["100G"])
        self.snapshotted = directory / "snapshotted.qcow2"
        if not self.snapshotted.exists():
            part = directory / "snapshotted.part"
            subprocess.run(["cp", "--sparse=always", self.allocated, part],
                           check=True)
            subprocess.run([programs.REFERENCE, "snapshot", "-c", "s", part],
                           check=True)
            part.rename(self.snapshotted)

        # 1 GiB of data, and overlays above it: that has nothing, that has all.
        self.base = directory / "base.raw"
        self.other = directory / "other.raw"
        filled(self.base, "base")
        filled(self.other, "other")
        self.empty_overlay = self._made(
            "empty-overlay.qcow2", "create", "-q", "-f", "qcow2", "-b",
            self.base, "-F", "raw")
        self.overlay = self._made(
            "overlay.qcow2", "convert", "-f", "raw", "-O", "qcow2", self.other)
        subprocess.run([programs.REFERENCE, "rebase", "-u", "-b", self.base,
                        "-F", "raw", self.overlay], check=True)

    def _made(self, name, *args, after=()):
        path = self.directory / name
        if not path.exists():
            part = self.directory / f"{name}.part"
            subprocess.run([programs.REFERENCE, *map(str, args), part,
                            *after], check=True)
            part.rename(path)
        return path

    def warm(self):
        """Brings every file into the page cache and settles what is dirty."""
        for path in (self.raw, self.qcow2, self.zlib, self.small, self.base,
                     self.other, self.overlay):
            with open(path, "rb") as f:
                while f.read(16 * MIB):
                    pass
        os.sync()
