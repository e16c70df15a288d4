"""What a crash is tried on: an operation, and the images that it starts from.
"""
import dataclasses

IMAGE, BASE, OTHER, SOURCE = "image", "base", "other", "source"
QCOW2 = "qcow2"
SIZE = 4 << 20
OWN_NAME = "instar"  # of the program, where it does more than qemu-img


@dataclasses.dataclass
class Operation:
    """`setup`: commands of qemu-img, or of qemu-io where a list begins with
    "io" or "io:FORMAT", or bytes for a place of the file where it begins with
    "poke". `contents`: what may be read of an image besides what it held before
    and holds after: "sectors", either of the two for each sector. `damaged`:
    the images are so before the command, and may be so until its end.
    `formats`: of images that are not qcow2. `bitmaps`: the rule for those of an
    image, see judge.py. `program`: the name under which the command runs."""
    name: str
    args: list
    setup: list
    images: tuple = (IMAGE,)
    contents: dict = dataclasses.field(default_factory=dict)
    damaged: bool = False
    formats: dict = dataclasses.field(default_factory=dict)
    bitmaps: dict = dataclasses.field(default_factory=dict)
    program: str = "qemu-img"

    @property
    def judged(self):
        """The images that are looked at in any way."""
        return tuple(dict.fromkeys([*self.images, *self.bitmaps]))

    def format_of(self, name):
        return self.formats.get(name, QCOW2)


def create(options, name=IMAGE, size=SIZE, backing=None, fmt=QCOW2,
           below=QCOW2):
    """`size`: None for the backing file's."""
    call = ["create", "-q", "-f", fmt]
    if backing:
        call += ["-b", backing, "-F", below]
    if options:
        call += ["-o", options]
    return call + [name] + ([] if size is None else [str(size)])


def fill(name, *writes, fmt=QCOW2):
    return [f"io:{fmt}", name, *(f"write -P {p} {o} {n}"
                                 for o, n, p in writes)]


def source():
    """The commands that make what is to be written over an image."""
    return [["create", "-q", "-f", "raw", SOURCE, str(SIZE)],
            fill(SOURCE, (64 << 10, 512 << 10, 7), (3 << 20, 200 << 10, 8),
                 fmt="raw")]


DATA_RUNS = ((0, 300 << 10, 1), (1 << 20, 64 << 10, 2),
             (3 << 20, 128 << 10, 3))
DATA = fill(IMAGE, *DATA_RUNS)
MORE = fill(IMAGE, (128 << 10, 64 << 10, 4), (2 << 20, 32 << 10, 5))

# Clusters and refcounts: small tables, the usual ones, and others.
SHAPES = ("cluster_size=512", "cluster_size=4k,refcount_bits=64",
          "cluster_size=64k", "cluster_size=64k,refcount_bits=1",
          "cluster_size=16k,extended_l2=on", "compat=0.10,cluster_size=4k")
SNAPSHOTS = tuple(s for s in SHAPES if "refcount_bits=1" not in s)
