"""Commands that write, small enough to interfere with each of their calls."""
import dataclasses
import random

KIB, MIB = 1 << 10, 1 << 20
SIZE = 3 * MIB
SOURCE, BASE, OUT, DATA = "source", "base", "out", "data"


@dataclasses.dataclass
class Task:
    """A command that writes OUT, and maybe other files.

    `reads` says what the output holds in the end: the source's bytes or
    zeroes. `below` is what bytes that were not written yet may read as
    besides zeroes."""
    name: str
    format: str
    args: list
    before: list = dataclasses.field(default_factory=list)
    outputs: tuple = (OUT,)
    reads: str = SOURCE
    below: str = ""

    @property
    def creates(self):
        return "-n" not in self.args


def make_source():
    """Data, text that packs well, holes, and an end in the middle of a
    cluster of most formats."""
    r = random.Random("faults")
    out = bytearray(SIZE)
    for offset, data in ((0, r.randbytes(70 * KIB)),
                         (300 * KIB, b"text " * (20 * KIB)),
                         (MIB + 512, r.randbytes(100 * KIB)),
                         (2 * MIB, b"\x11" * (130 * KIB)),
                         (SIZE - 3 * KIB, r.randbytes(3 * KIB))):
        out[offset:offset + len(data)] = data
    return bytes(out)


def make_base():
    """What lies below or was there before."""
    out = bytearray(SIZE)
    for offset in range(0, SIZE, 256 * KIB):
        out[offset:offset + 100 * KIB] = bytes([0xb0]) * (100 * KIB)
    return bytes(out)


# Format and options of new images; the files besides OUT.
NEW = (
    ("raw", ""), ("raw", "preallocation=full"),
    ("qcow2", ""), ("qcow2", "cluster_size=4k,refcount_bits=1"),
    ("qcow2", "preallocation=metadata"), ("qcow2", "preallocation=falloc"),
    ("qcow2", f"data_file={DATA}"),
    ("vmdk", ""), ("vmdk", "subformat=monolithicFlat"),
    ("vmdk", "subformat=twoGbMaxExtentSparse"),
    ("vmdk", "subformat=streamOptimized"),
    ("vpc", ""), ("vpc", "subformat=fixed"),
    ("vhdx", ""), ("vhdx", "subformat=fixed"),
    ("vdi", ""), ("vdi", "static=on"), ("qed", ""), ("qcow", ""),
    ("parallels", ""),
)
PARTS = {f"data_file={DATA}": (DATA,),
         "subformat=monolithicFlat": (f"{OUT}-flat",),
         "subformat=twoGbMaxExtentSparse": (f"{OUT}-s001",)}
EXISTING = ("raw", "qcow2", "vmdk", "vpc", "vhdx", "vdi", "qed", "qcow",
            "parallels")
DD = ("raw", "qcow2", "vmdk", "vpc", "vhdx", "vdi", "qed", "qcow")


def tasks():
    found = []
    for fmt, options in NEW:
        name = " ".join(filter(None, (fmt, options)))
        asked = ["-o", options] if options else []
        outputs = (OUT, *PARTS.get(options, ()))
        found.append(Task(f"convert {name}", fmt,
                          ["convert", "-f", "raw", "-O", fmt, *asked, SOURCE,
                           OUT], outputs=outputs))
        found.append(Task(f"create {name}", fmt,
                          ["create", "-q", "-f", fmt, *asked, OUT, str(SIZE)],
                          outputs=outputs, reads=""))
    found += [Task(f"convert -c {o}".strip(), "qcow2",
                   ["convert", "-c", "-f", "raw", "-O", "qcow2",
                    *(["-o", o] if o else []), SOURCE, OUT])
              for o in ("", "compression_type=zstd")]
    found.append(Task("convert -B", "qcow2",
                      ["convert", "-f", "raw", "-O", "qcow2", "-B", BASE,
                       "-F", "raw", SOURCE, OUT], below=BASE))
    for fmt in EXISTING:
        found.append(Task(
            f"convert -n {fmt}", fmt,
            ["convert", "-n", "-f", "raw", "-O", fmt, SOURCE, OUT],
            before=["convert", "-f", "raw", "-O", fmt, BASE, OUT],
            below=BASE))
    for fmt in DD:
        found.append(Task(f"dd {fmt}", fmt,
                          ["dd", "-f", "raw", "-O", fmt, "bs=64k",
                           f"if={SOURCE}", f"of={OUT}"]))
    return found
