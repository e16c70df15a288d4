"""Apple disk images (UDIF): the trailer, and partitions as "mish" blocks in
the plist or in a resource fork; qemu-img creates none."""

import base64
import bz2
import os
import struct
import zlib

FORMAT = "dmg"

ZERO, RAW, IGNORE = 0, 1, 2
ZLIB, BZIP2, LZFSE = 0x80000005, 0x80000006, 0x80000007
COMMENT, LAST = 0x7ffffffe, 0xffffffff


def text(size, seed):
    out = bytearray()
    while len(out) < size:
        seed = (seed * 1103515245 + 12345) % (1 << 31)
        out += bytes([seed >> 16 & 15, seed >> 8 & 255]) * (1 + seed % 7)
    return bytes(out[:size])


class Image:
    """Collects the data fork and the partitions."""

    def __init__(self, data_fork=0):
        self.data = bytearray(data_fork)
        self.data_fork = data_fork
        self.parts = []
        self.sectors = 0

    def part(self, kinds, first=None, data_offset=0, tail=True):
        """`kinds`: (type, number of sectors, seed) of each chunk."""
        first = self.sectors if first is None else first
        entries, at = [], 0
        for kind, count, seed in kinds:
            plain = text(count * 512, seed)
            packed = {ZLIB: zlib.compress, BZIP2: bz2.compress,
                      RAW: bytes}.get(kind, lambda _: b"")(plain)
            entries.append((kind, at, count,
                            len(self.data) - self.data_fork - data_offset,
                            len(packed)))
            self.data += packed
            at += count
        if tail:
            entries.append((LAST, at, 0, 0, 0))
        self.add(entries, first, data_offset)
        self.sectors = max(self.sectors, first + at)
        return self

    def add(self, entries, first=0, data_offset=0):
        mish = struct.pack(">4sIQQQ", b"mish", 1, first, 0, data_offset)
        mish = mish.ljust(204, b"\0")
        for kind, at, count, offset, length in entries:
            mish += struct.pack(">IIQQQQ", kind, 0, at, count,
                                offset & (1 << 64) - 1, length)
        self.parts.append(mish)

    def koly(self, rsrc=(0, 0), xml=(0, 0), sectors=None):
        out = bytearray(512)
        out[0:4] = b"koly"
        struct.pack_into(">QQ", out, 0x18, self.data_fork,
                         len(self.data) - self.data_fork)
        struct.pack_into(">QQ", out, 0x28, *rsrc)
        struct.pack_into(">QQ", out, 0xd8, *xml)
        struct.pack_into(">Q", out, 0x1ec,
                         self.sectors if sectors is None else sectors)
        return bytes(out)

    def plist(self, wrap=52, indent="\t\t\t\t"):
        out = '<?xml version="1.0"?>\n<plist version="1.0">\n<dict>\n'
        for part in self.parts:
            code = base64.b64encode(part).decode()
            lines = [code[i:i + wrap] for i in range(0, len(code), wrap)]
            out += f"{indent}<data>\n"
            out += "".join(f"{indent}{line}\n" for line in lines)
            out += f"{indent}</data>\n"
        return (out + "</dict>\n</plist>\n").encode()

    def as_xml(self, xml=None, **koly):
        xml = self.plist() if xml is None else xml
        place = (len(self.data), len(xml))
        return bytes(self.data) + xml + self.koly(xml=place, **koly)

    def as_rsrc(self, rsrc=None, **koly):
        if rsrc is None:
            body = b"".join(struct.pack(">I", len(p)) + p for p in self.parts)
            rsrc = struct.pack(">IIII", 256, 256 + len(body), len(body), 50)
            rsrc = rsrc.ljust(256, b"\0") + body + bytes(50)
        place = (len(self.data), len(rsrc))
        return bytes(self.data) + rsrc + self.koly(rsrc=place, **koly)


def mixed():
    return (Image().part([(RAW, 1, 1)]).part([(ZLIB, 63, 2)])
            .part([(ZLIB, 512, n) for n in range(4)] +
                  [(ZERO, 1000, 0), (IGNORE, 24, 0), (ZLIB, 100, 9),
                   (COMMENT, 0, 0), (RAW, 300, 11), (ZLIB, 7, 12)])
            .part([(IGNORE, 5, 0)]))


def unusual():
    one = Image().part([(ZLIB, 8, 1), (ZLIB, 8, 2)])
    gap = Image().part([(ZLIB, 8, 1)]).part([(ZLIB, 8, 2)], first=12)
    short = Image().part([(RAW, 8, 1)])
    swapped = Image()
    swapped.part([(ZLIB, 8, 1)], first=8)
    swapped.part([(ZLIB, 8, 2)], first=0)
    wrong = Image()
    wrong.data += zlib.compress(bytes(4096))
    wrong.add([(ZLIB, 0, 16, 0, len(wrong.data))])
    wrong.sectors = 16
    far = Image()
    far.add([(RAW, 0, 8, 1 << 63, 4096)])
    far.sectors = 8
    nothing = Image()
    nothing.sectors = 8
    yield "gap", gap.as_xml()
    yield "gap-at-end", gap.as_xml(sectors=40)
    yield "swapped", swapped.as_xml()
    yield "wrong-size", wrong.as_xml()
    yield "far", far.as_xml()
    yield "no-table", nothing.data + nothing.koly()
    yield "cut-short", short.as_xml()[:-1]
    yield "shorter", one.as_xml(sectors=5)
    yield "empty", one.as_xml(sectors=0)
    yield "sectors-negative", one.as_xml(sectors=1 << 63)
    yield "sectors-2-54", one.as_xml(sectors=(1 << 54) - 1)
    yield "no-koly", one.as_xml().replace(b"koly", b"kolx")
    yield "tiny", b"koly"
    yield "trailing-300", one.as_xml() + bytes(300)
    yield "trailing-600", one.as_xml() + bytes(600)
    yield "trailing-1100", one.as_xml() + bytes(1100)
    yield "no-data-end", one.as_xml(one.plist().replace(b"</data>", b"<data/>"))
    yield "zero-behind-xml", one.as_xml(one.plist() + b"\0<data>")
    yield "one-line", one.as_xml(one.plist(wrap=1 << 20, indent=""))
    yield "narrow", one.as_xml(one.plist(wrap=1, indent=" "))
    yield "many-tags", one.as_xml(b"<data></data><data>AAAA</data>" + one.plist())
    yield "rsrc-offset", one.as_rsrc(b"\xff" * 300)
    yield "rsrc-length-0", one.as_rsrc(bytes(300))
    yield "rsrc-short", one.as_rsrc(struct.pack(">IIII", 16, 0, 9, 0) +
                                    struct.pack(">IB", 100, 0) + bytes(99))
    yield "rsrc-sum-wraps", one.as_rsrc(
        struct.pack(">IIII", 16, 0, 0xffffffff, 0) + bytes(99))


def limits():
    for name, entry in (
            ("count-max", (ZLIB, 0, 131072, 0, 9)),
            ("zero-count-huge", (ZERO, 0, 1 << 40, 0, 0))):
        image = Image()
        image.add([entry])
        image.sectors = 8
        yield name, image.as_xml()
    for name, count in (("long-64M", 131072), ("long-5M", 10001)):
        yield name, (Image().part([(ZLIB, 3, 1), (ZLIB, count, 2),
                                   (ZLIB, count // 3, 3)]).as_xml())
    yield "many", (Image().part([(ZLIB if n % 3 else RAW, 1 + n % 5, n)
                                 for n in range(3000)]).as_xml())


def fixed(folder):
    images = [("mixed", mixed().as_xml()), ("resource-fork", mixed().as_rsrc()),
              ("data-fork", Image(data_fork=1000).part(
                  [(ZLIB, 8, 1), (RAW, 3, 2)], data_offset=100).as_xml())]
    images += list(unusual()) + list(limits())
    for name, content in images:
        path = os.path.join(folder, name + ".dmg")
        with open(path, "wb") as file:
            file.write(content)
        yield name, path


# What a qemu-img without its modules for bzip2 and lzfse cannot read or warns
# of, so that its answer is not to be compared as a whole.
def unlike(folder):
    images = {
        "bzip2": Image().part([(BZIP2, 8, 1), (ZLIB, 8, 2), (BZIP2, 1800, 3)]),
        "bzip2-long": Image().part([(BZIP2, 20000, 1)]),
        "lzfse": Image().part([(ZLIB, 8, 1), (LZFSE, 8, 2)]),
        "unknown": Image().part([(ZLIB, 8, 1), (0x80000004, 8, 2)]),
    }
    for name, entry in (("count-too-large", (ZLIB, 0, 131073, 0, 9)),
                        ("length-too-large", (RAW, 0, 8, 0, (64 << 20) + 1))):
        images[name] = Image()
        images[name].add([entry])
        images[name].sectors = 8
    for name, image in images.items():
        path = os.path.join(folder, name + ".dmg")
        with open(path, "wb") as file:
            file.write(image.as_xml())
        yield name, path


def random_image(rng, folder):
    return None
