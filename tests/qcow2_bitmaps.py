"""The persistent bitmaps of a qcow2 image, as its file has them."""
import struct

EXTENSIONS_AT = 100  # where the header says how long it is
BITMAPS = 0x23852875
OFFSET = (1 << 56) - 512


def _directory(f):
    """(number of bitmaps, bytes of the directory, where it lies)."""
    f.seek(0)
    head = f.read(1 << 16)
    if head[:4] != b"QFI\xfb" or head[7] < 3:
        return 0, 0, 0
    at, = struct.unpack_from(">I", head, EXTENSIONS_AT)
    while at + 8 <= len(head):
        kind, length = struct.unpack_from(">II", head, at)
        if kind == BITMAPS:
            count, _, size, offset = struct.unpack_from(">IIQQ", head, at + 8)
            return count, size, offset
        if kind == 0:
            break
        at += 8 + (length + 7) // 8 * 8
    return 0, 0, 0


def _bits(f, table, entries, cluster):
    f.seek(table)
    bits = b""
    for entry in struct.unpack(f">{entries}Q", f.read(8 * entries)):
        if entry & OFFSET:
            f.seek(entry & OFFSET)
            bits += f.read(cluster).ljust(cluster, b"\0")
        else:
            bits += (b"\xff" if entry & 1 else b"\0") * cluster
    return bits.rstrip(b"\0")


def read(path):
    """By the bitmap's name: its flags, the power of two that its granularity
    is, and its bits up to the last that is set."""
    found = {}
    with open(path, "rb") as f:
        count, size, offset = _directory(f)
        f.seek(20)
        cluster = 1 << struct.unpack(">I", f.read(4))[0] if count else 0
        f.seek(offset)
        directory = f.read(size)
        at = 0
        for _ in range(count):
            table, entries, flags, kind, granularity, name, extra = \
                struct.unpack_from(">QIIBBHI", directory, at)
            start = at + 24 + extra
            found[directory[start:start + name]] = (
                flags, kind, granularity, _bits(f, table, entries, cluster))
            at += (24 + extra + name + 7) // 8 * 8
    return found


def set_first_flags(path, flags):
    """Gives the first bitmap of the directory other flags."""
    with open(path, "r+b") as f:
        f.seek(_directory(f)[2] + 12)
        f.write(struct.pack(">I", flags))
