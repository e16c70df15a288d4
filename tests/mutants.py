"""Damaged qcow2 images, made from real ones by fixed seeds."""
import struct
import subprocess

import program as programs

MIB = 1 << 20
# Offset and width of the header's fields (qcow2.txt, Header).
FIELDS = [(0, 4), (4, 4), (8, 8), (16, 4), (20, 4), (24, 8), (32, 4), (36, 4),
          (40, 8), (48, 8), (56, 4), (60, 4), (64, 8), (72, 8), (80, 8),
          (88, 8), (96, 4), (100, 4), (104, 1), (112, 4), (116, 4)]
VALUES = [0, 1, 2, 4, 7, 9, 20, 21, 22, 63, 64, 104, 105, 112, 511, 512, 1023,
          1024, 65535, 65536, (1 << 31) - 1, (1 << 32) - 1, 1 << 40,
          (1 << 56) - 512, 1 << 62, (1 << 63) - 1, (1 << 64) - 1]


def seeds(directory):
    """Small images, each with something of its own: name to bytes."""
    def make(*args):
        subprocess.run([programs.REFERENCE, *args], cwd=directory, check=True,
                       stdout=subprocess.DEVNULL)

    with open(directory / "r.raw", "wb") as f:
        f.truncate(2 * MIB)
        f.write(b"text" * 65536)
        f.seek(MIB)
        f.write(b"x" * 70000)
    for name, args in (
            ("plain", []), ("zlib", ["-c"]),
            ("zstd", ["-c", "-o", "compression_type=zstd"]),
            ("extl2", ["-o", "extended_l2=on"]),
            ("c512", ["-o", "cluster_size=512"]),
            ("v2", ["-o", "compat=0.10"])):
        make("convert", "-O", "qcow2", *args, "r.raw", f"{name}.qcow2")
    make("create", "-q", "-f", "qcow2", "-b", "plain.qcow2", "-F", "qcow2",
         "top.qcow2")
    make("snapshot", "-c", "one", "top.qcow2")
    return {name: (directory / f"{name}.qcow2").read_bytes()
            for name in ("plain", "zlib", "zstd", "extl2", "c512", "v2",
                         "top")}


def l1_offset(image):
    return int.from_bytes(image[40:48], "big")


def l2_offset(image):
    """Of the first L2 table; 0 where there is none."""
    l1 = l1_offset(image)
    return int.from_bytes(image[l1:l1 + 8], "big") & ((1 << 56) - 512)


def fields_replaced(image):
    """Each header field in turn with each of VALUES."""
    for offset, width in FIELDS:
        for value in VALUES:
            if value < 1 << (8 * width):
                yield (image[:offset] + value.to_bytes(width, "big")
                       + image[offset + width:])


def bits_flipped(image, ranges, count, r):
    """Images with a few bits flipped in `ranges` of (start, length)."""
    for _ in range(count):
        damaged = bytearray(image)
        for _ in range(r.choice([1, 1, 2, 8])):
            start, length = r.choice(ranges)
            at = start + r.randrange(length)
            if at < len(damaged):
                damaged[at] ^= 1 << r.randrange(8)
        yield bytes(damaged)


def entries_replaced(image, table, entries, count, r):
    """Images with a table entry that leads somewhere else."""
    flags = [0, 1, 1 << 63, 1 << 62, 3 << 62, 1 << 63 | 1]
    for _ in range(count):
        at = table + 8 * r.randrange(entries)
        value = r.choice(flags) | r.choice(
            [0, 512, 65536, len(image), table, r.randrange(1 << 24),
             r.randrange(1 << 56), (1 << 56) - 65536])
        yield image[:at] + struct.pack(">Q", value) + image[at + 8:]
