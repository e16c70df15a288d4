"""VMDK images: kinds that qemu-img reads and does not create, damaged and odd
ones, and random ones made by qemu-img.

After VMware's "Virtual Disk Format 1.1" (sparse extents, COWD, streams,
descriptors)."""

import os
import struct
import subprocess
import zlib

FORMAT = "vmdk"
SECTOR = 512

RGD, ZERO_GRAIN, COMPRESSED, MARKERS = 2, 4, 1 << 16, 1 << 17
GD_AT_END = 0xFFFFFFFFFFFFFFFF
MARKER_EOS, MARKER_GT, MARKER_GD, MARKER_FOOTER = 0, 1, 2, 3


def descriptor(create_type, extents, cid="12345678", parent="ffffffff",
               extra=""):
    return ("# Disk DescriptorFile\nversion=1\nCID=%s\nparentCID=%s\n"
            "createType=\"%s\"\n%s\n# Extent description\n%s\n"
            "# The Disk Data Base\n#DDB\n\nddb.adapterType = \"ide\"\n"
            % (cid, parent, create_type, extra,
               "".join(line + "\n" for line in extents))).encode()


def header(capacity, grain=128, version=1, flags=3, gtes=512, gd=0, rgd=0,
           overhead=0, desc=1, desc_sectors=20, compress=0):
    packed = b"KDMV" + struct.pack(
        "<IIQQQQIQQQ", version, flags, capacity, grain, desc, desc_sectors,
        gtes, rgd, gd, overhead)
    packed += b"\0\n \r\n" + struct.pack("<H", compress)
    return packed.ljust(SECTOR, b"\0")


def pad(data, unit=SECTOR):
    return data + bytes(-len(data) % unit)


def grain_bytes(index, length):
    return bytes((index * 37 + i // 64) % 251 + 1 for i in range(length))


def sparse(capacity, grains, grain=128, gtes=512, version=1, flags=3,
           cid="12345678", parent="ffffffff", extra="", text=None, **fields):
    """A monolithic sparse image: `grains` maps an index to bytes, to None (a
    zeroed grain) or to an int (the grain's first sector as it is)."""
    coverage = grain * gtes
    tables = max(1, -(-capacity // coverage))
    gd_sectors = -(-tables * 4 // SECTOR)
    gt_sectors = -(-gtes * 4 // SECTOR)
    gd = 21
    first_gt = gd + gd_sectors
    overhead = -(-(first_gt + tables * gt_sectors) // grain) * grain
    entries = [0] * (tables * gtes)
    body = b""
    at = overhead
    for index in sorted(grains):
        content = grains[index]
        if content is None:
            entries[index] = 1
        elif isinstance(content, int):
            entries[index] = content
        else:
            entries[index] = at
            body += content.ljust(grain * SECTOR, b"\0")
            at += grain
    used = [any(entries[t * gtes:(t + 1) * gtes]) for t in range(tables)]
    directory = b"".join(
        struct.pack("<I", first_gt + t * gt_sectors if used[t] else 0)
        for t in range(tables))
    table_bytes = b"".join(
        pad(struct.pack("<%dI" % gtes, *entries[t * gtes:(t + 1) * gtes]))
        for t in range(tables))
    values = dict(grain=grain, version=version, flags=flags & ~RGD, gtes=gtes,
                  gd=gd, overhead=overhead)
    values.update(fields)
    head = header(capacity, **values)
    if text is None:
        text = descriptor("monolithicSparse",
                          ['RW %d SPARSE "self.vmdk"' % capacity], cid, parent,
                          extra)
    image = head + text.ljust(20 * SECTOR, b"\0")
    image += pad(directory) + table_bytes
    return image.ljust(overhead * SECTOR, b"\0") + body


def marker(value, size, kind):
    return struct.pack("<QII", value, size, kind).ljust(SECTOR, b"\0")


def stream(capacity, grains, grain=128, gtes=512, footer=True, level=6,
           short_tail=False):
    """A stream-optimized image with its directory behind the grains."""
    text = descriptor("streamOptimized",
                      ['RW %d SPARSE "self.vmdk"' % capacity])
    common = dict(grain=grain, version=3, gtes=gtes, compress=1,
                  flags=1 | COMPRESSED | MARKERS)
    tables = -(-capacity // (grain * gtes))
    out = text.ljust(20 * SECTOR, b"\0").ljust((grain - 1) * SECTOR, b"\0")
    out = bytes(SECTOR) + out
    entries = [0] * (tables * gtes)
    for index in sorted(grains):
        entries[index] = len(out) // SECTOR
        content = grains[index].ljust(grain * SECTOR, b"\0")
        left = (capacity - index * grain) * SECTOR
        if short_tail and left < len(content):
            content = content[:left]
        packed = zlib.compress(content, level)
        out += pad(struct.pack("<QI", index * grain, len(packed)) + packed)
    directory = []
    for table in range(tables):
        own = entries[table * gtes:(table + 1) * gtes]
        if not any(own):
            directory.append(0)
            continue
        block = pad(struct.pack("<%dI" % gtes, *own))
        out += marker(len(block) // SECTOR, 0, MARKER_GT)
        directory.append(len(out) // SECTOR)
        out += block
    block = pad(struct.pack("<%dI" % tables, *directory))
    out += marker(len(block) // SECTOR, 0, MARKER_GD)
    gd = len(out) // SECTOR
    out += block
    if footer:
        out += marker(1, 0, MARKER_FOOTER)
        out += header(capacity, gd=gd, overhead=grain, **common)
        first = header(capacity, gd=GD_AT_END, overhead=grain, **common)
    else:
        first = header(capacity, gd=gd, overhead=grain, **common)
    out += marker(0, 0, MARKER_EOS)
    return first + out[SECTOR:]


def cowd(capacity, grains, grain=16, text=None, entries_in_directory=None):
    """A COWD extent (VMFS sparse): tables of 4096 grains."""
    tables = -(-capacity // (grain * 4096))
    directory_entries = entries_in_directory or tables
    gd = 4 if text is None else 21
    gd_sectors = -(-directory_entries * 4 // SECTOR)
    at = gd + gd_sectors
    directory = [0] * directory_entries
    blocks = {}
    for index in sorted(grains):
        blocks.setdefault(index // 4096, {})[index % 4096] = grains[index]
    out = b""
    for table in sorted(blocks):
        entries = [0] * 4096
        directory[table] = at
        at += 32
        body = b""
        for index, content in sorted(blocks[table].items()):
            entries[index] = at
            at += grain
            body += content.ljust(grain * SECTOR, b"\0")
        out += struct.pack("<4096I", *entries) + body
    head = b"COWD" + struct.pack("<IIIIIIIIII", 1, 3, capacity, grain, gd,
                                 directory_entries, at, 1, 1, 63)
    head = head.ljust(SECTOR, b"\0")
    if text is not None:
        head += text
    return head.ljust(gd * SECTOR, b"\0") + pad(
        struct.pack("<%dI" % directory_entries, *directory)) + out


def sesparse(capacity, grains, version=0x0000000200000001, dirty=0):
    """A SESPARSE extent: `grains` maps an index to bytes, None (zeroed) or an
    int, the entry as it is."""
    tables = -(-capacity // (8 * 4096))
    gd_sectors = -(-tables * 8 // SECTOR)
    gd, gts = 2, 2 + gd_sectors
    first = gts + tables * 64
    directory = [0] * (gd_sectors * 64)
    entries = [0] * (tables * 4096)
    body = b""
    count = 0
    for index in sorted(grains):
        content = grains[index]
        directory[index // 4096] = 0x1000000000000000 | index // 4096
        if content is None:
            entries[index] = 0x2000000000000000
        elif isinstance(content, int):
            entries[index] = content
        else:
            entries[index] = (3 << 60 | (count & 0xFFF) << 48 | count >> 12)
            body += content.ljust(4096, b"\0")
            count += 1
    head = struct.pack(
        "<26Q", 0xCAFEBABE, version, capacity, 8, 64, 0, 0, 0, 0, 0, 1, 1, 0,
        0, 0, 0, gd, gd_sectors, gts, tables * 64, 0, 0, 0, 0, first,
        max(1, count * 8)).ljust(SECTOR, b"\0")
    volatile = struct.pack("<QQQQ", 0xCAFECAFE, 0, 0, dirty)
    return (head + volatile.ljust(SECTOR, b"\0") +
            struct.pack("<%dQ" % len(directory), *directory) +
            struct.pack("<%dQ" % len(entries), *entries) + body)


def _write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def _some(count, length, step=3):
    return {i: grain_bytes(i, length) for i in range(0, count, step)}


def _sparse_kinds():
    full = 128 * SECTOR
    yield "zeroed", sparse(4096, {0: b"a" * full, 1: None, 3: None, 9: b"z"},
                           version=2, flags=1 | ZERO_GRAIN)
    yield "one-is-a-sector", sparse(4096, {1: 1, 2: b"x"})
    yield "small-grains", sparse(1000, _some(60, 8 * SECTOR), grain=8, gtes=32)
    yield "odd-tables", sparse(5000, _some(80, 24 * SECTOR), grain=24, gtes=7)
    yield "unaligned-size", sparse(133, {0: b"a" * full, 1: b"b" * full})
    yield "version3", sparse(4096, {0: b"v3"}, version=3)
    yield "version4", sparse(4096, {0: b"v4"}, version=4)
    yield "no-capacity", sparse(0, {}, desc=0)
    yield "many-gtes", sparse(4096, {}, gtes=1024)
    yield "no-gtes", sparse(4096, {}) [:44] + bytes(4) + sparse(4096, {})[48:]
    yield "truncated", sparse(4096, {0: b"a"})[:40 * SECTOR]
    yield "grain-past-end", sparse(4096, {0: b"a", 2: 999999})
    yield "table-past-end", _table_past_end()
    yield "huge-grain", sparse(4096, {0: b"a"}, grain=128)[:20] + struct.pack(
        "<Q", 0x200001) + sparse(4096, {0: b"a"})[28:]
    yield "huge-capacity", sparse(4096, {0: b"a"})[:12] + struct.pack(
        "<Q", 1 << 54) + sparse(4096, {0: b"a"})[20:]
    yield "large-capacity", sparse(4096, {0: b"a"})[:12] + struct.pack(
        "<Q", 1 << 22) + sparse(4096, {0: b"a"})[20:]
    yield "no-cid", sparse(4096, {0: b"a"}, text=b"")
    yield "cid-spaces", sparse(4096, {0: b"a"}, cid="  0xAbc",
                               parent="-1")
    yield "cid-long", sparse(4096, {0: b"a"}, cid="123456789abcdef01234")
    yield "cid-bad", sparse(4096, {0: b"a"}, cid="xyz")
    yield "backing-missing", sparse(
        4096, {}, extra='parentFileNameHint="missing.vmdk"')
    yield "backing-open-quote", sparse(
        4096, {}, text=descriptor("x", []) + b'parentFileNameHint="missing')


def _table_past_end():
    image = bytearray(sparse(128 * 512 * 3, {0: b"a", 512: b"b", 1025: b"c"}))
    struct.pack_into("<I", image, 21 * SECTOR + 4, 0x7FFFFFFF)
    return bytes(image)


def _stream_kinds():
    full = 128 * SECTOR
    grains = _some(30, full)
    yield "footer", stream(4096, grains)
    yield "no-footer", stream(4096, grains, footer=False)
    yield "stored", stream(4096, grains, level=0)
    yield "short-tail", stream(133, {0: grain_bytes(0, full), 1: b"tail"},
                               short_tail=True)
    yield "padded-tail", stream(133, {0: grain_bytes(0, full), 1: b"tail"})
    yield "two-tables", stream(128 * 600, {3: b"a", 511: b"b", 555: b"c"})
    plain = stream(4096, grains)
    yield "bad-footer", plain[:-1536] + b"\1" + plain[-1535:-1000] + b"x" * 1000
    broken = bytearray(plain)
    broken[128 * SECTOR + 40] ^= 0x55
    yield "bad-grain", bytes(broken)
    long_grain = bytearray(plain)
    struct.pack_into("<I", long_grain, 128 * SECTOR + 8, 1 << 20)
    yield "long-grain", bytes(long_grain)
    empty = bytearray(plain)
    struct.pack_into("<I", empty, 128 * SECTOR + 8, 0)
    yield "empty-grain", bytes(empty)


def _descriptor_kinds(folder):
    """Descriptors beside extents that they share."""
    _write(folder, "flat.bin", grain_bytes(5, 40 * SECTOR))
    _write(folder, "cowd.bin", cowd(70000, {
        0: grain_bytes(0, 8192), 3: b"three", 4096: b"next", 8000: b"far"}))
    _write(folder, "kdmv.bin", sparse(4096, _some(32, 65536)))
    _write(folder, "odd.bin", sparse(133, {0: b"a" * 65536, 1: b"b" * 65536}))
    _write(folder, "stream.bin", stream(4096, _some(32, 65536)))
    _write(folder, "ses.bin", sesparse(50000, {
        0: grain_bytes(1, 4096), 1: None, 2: 1 << 60, 5: b"five",
        5000: b"far"}))
    _write(folder, "sesbad.bin", sesparse(50000, {0: b"a", 7: 5, 9: 9 << 60}))
    _write(folder, "sesver.bin", sesparse(5000, {}, version=3))
    _write(folder, "sesdirty.bin", sesparse(5000, {}, dirty=1))
    kinds = {
        "flat": ("monolithicFlat", ['RW 40 FLAT "flat.bin" 0']),
        "flat-pieces": ("twoGbMaxExtentFlat",
                        ['RW 8 FLAT "flat.bin" 8', 'RW 9 FLAT "flat.bin" 0',
                         'RW 30 FLAT "flat.bin" 25']),
        "vmfs": ("vmfs", ['RW 33 VMFS "flat.bin"']),
        "vmfssparse": ("vmfsSparse", ['RW 70000 VMFSSPARSE "cowd.bin"']),
        "sesparse": ("seSparse", ['RW 50000 SESPARSE "ses.bin"']),
        "sesparse-bad": ("seSparse", ['RW 50000 SESPARSE "sesbad.bin"']),
        "sesparse-version": ("seSparse", ['RW 5000 SESPARSE "sesver.bin"']),
        "sesparse-dirty": ("seSparse", ['RW 5000 SESPARSE "sesdirty.bin"']),
        "sparse-twice": ("twoGbMaxExtentSparse",
                         ['RW 4096 SPARSE "kdmv.bin"',
                          'RW 70000 SPARSE "cowd.bin"',
                          'RW 4096 SPARSE "kdmv.bin"']),
        "odd-seam": ("twoGbMaxExtentSparse",
                     ['RW 133 SPARSE "odd.bin"', 'RW 4096 SPARSE "kdmv.bin"']),
        "flat-then-sparse": ("twoGbMaxExtentFlat",
                             ['RW 40 FLAT "flat.bin" 0',
                              'RW 4096 SPARSE "kdmv.bin"']),
        "stream-extent": ("twoGbMaxExtentSparse",
                          ['RW 4096 SPARSE "stream.bin"']),
        "zero-lines": ("twoGbMaxExtentFlat",
                       ["RW 63 ZERO", 'RW 40 FLAT "flat.bin" 0',
                        'RDONLY 9 FLAT "flat.bin" 0', "NOACCESS 5 ZERO"]),
        "blank-line-doubles": ("monolithicFlat",
                               ["", 'RW 40 FLAT "flat.bin" 0']),
        "split-line": ("monolithicFlat",
                       ["RW 40", "FLAT", '"flat.bin"', "0"]),
        "itself": ("vmfs", ['RW 1 VMFS "itself.vmdk"']),
        "missing": ("monolithicFlat", ['RW 40 FLAT "missing.bin" 0']),
        "missing-protocol": ("monolithicFlat", ['RW 4 FLAT "nbd:a" 0']),
        "no-offset": ("monolithicFlat", ['RW 40 FLAT "flat.bin"']),
        "offset-past-end": ("monolithicFlat", ['RW 40 FLAT "flat.bin" 900']),
        "wrong-magic": ("vmfs", ['RW 40 SPARSE "flat.bin"']),
        "unknown-type": ("fullDevice", ['RW 40 FLAT "flat.bin" 0']),
        "too-large": ("vmfs", ['RW 18014398509481983 FLAT "flat.bin" 0']),
    }
    for name, (create_type, extents) in kinds.items():
        yield name, descriptor(create_type, extents)
    lines = descriptor("monolithicFlat", ['RW 40 FLAT "flat.bin" 0'])
    yield "crlf", lines.replace(b"\n", b"\r\n")
    yield "trailing-zeroes", lines + bytes(3000)
    yield "no-type", lines.replace(b"createType", b"kind")
    yield "absolute", descriptor("monolithicFlat", [
        'RW 40 FLAT "%s" 0' % os.path.join(os.path.abspath(folder),
                                           "flat.bin")])
    yield "nested", header(0, desc=1) + lines


def _chain(folder):
    base = sparse(4096, _some(32, 65536), cid="0badcafe")
    _write(folder, "base.vmdk", base)
    for name, parent in (("overlay", "0badcafe"), ("overlay-cid", "00000001")):
        yield name, sparse(8192, {1: b"over"}, parent=parent,
                           extra='parentFileNameHint="base.vmdk"')


def fixed(folder):
    kinds = [("cowd", cowd(70000, {
        0: grain_bytes(0, 8192), 1: b"one", 4097: b"next", 8000: b"far"},
        text=descriptor("vmfsSparse", []))),
             ("cowd-short-directory", cowd(
                 70000, {0: b"a"}, text=descriptor("vmfsSparse", []))),
             ("cowd-no-text", cowd(7000, {0: b"a"}))]
    short = bytearray(kinds[1][1])
    struct.pack_into("<I", short, 24, 1)
    kinds[1] = (kinds[1][0], bytes(short))
    kinds += _sparse_kinds()
    kinds += _stream_kinds()
    kinds += _descriptor_kinds(folder)
    kinds += _chain(folder)
    for name, data in kinds:
        yield name, _write(folder, name + ".vmdk", data)


_SUBFORMATS = ["monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse",
               "twoGbMaxExtentFlat", "streamOptimized"]


def _run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def _random_writes(rng, path, size):
    commands = []
    for _ in range(rng.randrange(1, 12)):
        length = rng.choice([512, 4096, 65536, rng.randrange(1, 400) * 512])
        at = rng.randrange(max(1, size // 512)) * 512
        length = min(length, size - at)
        if length <= 0:
            continue
        kind = rng.choice(["write -P %d" % rng.randrange(1, 256),
                           "write -P %d" % rng.randrange(1, 256), "write -z"])
        commands += ["-c", "%s %d %d" % (kind, at, length)]
    if commands:
        _run("qemu-io", "-f", FORMAT, *commands, path)


def random_image(rng, folder):
    subformat = rng.choice(_SUBFORMATS)
    size = rng.choice([rng.randrange(1, 40) * 512,
                       rng.randrange(1, 400) * 65536,
                       rng.randrange(1, 50000) * 512])
    path = os.path.join(folder, "random.vmdk")
    options = "subformat=" + subformat
    flat = subformat.endswith("Flat")
    if not flat and rng.random() < 0.3:
        options += ",zeroed_grain=on"
    if subformat == "streamOptimized":
        raw = os.path.join(folder, "random.raw")
        with open(raw, "wb") as file:
            file.truncate(size)
            for _ in range(rng.randrange(1, 20)):
                file.seek(rng.randrange(size))
                file.write(rng.randbytes(rng.randrange(1, 3000)))
            file.truncate(size)
        _run("qemu-img", "convert", "-O", FORMAT, "-o", options, raw, path)
        os.unlink(raw)
        return path
    if not flat and rng.random() < 0.4:
        base = os.path.join(folder, "below.vmdk")
        _run("qemu-img", "create", "-f", FORMAT, "-o", options, base,
             str(size))
        _random_writes(rng, base, size)
        options += ",backing_file=below.vmdk,backing_fmt=vmdk"
        _run("qemu-img", "create", "-f", FORMAT, "-o", options, path,
             str(size))
    else:
        _run("qemu-img", "create", "-f", FORMAT, "-o", options, path,
             str(size))
    _random_writes(rng, path, size)
    return path
