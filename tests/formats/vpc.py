"""Images in the VHD format of Virtual PC and Hyper-V ("vpc"), after
Microsoft's "Virtual Hard Disk Image Format Specification" 1.0."""
import os
import struct
import subprocess

FORMAT = "vpc"

MIB = 1 << 20
GIB = 1 << 30
SECTOR = 512

FIXED, DYNAMIC = 2, 3
UNALLOCATED = 0xFFFFFFFF
NO_OFFSET = 0xFFFFFFFFFFFFFFFF
LARGEST_GEOMETRY = (65535, 16, 255)
HEADER_AT = 512
TABLE_AT = 1536

CREATORS = {
    "virtual_pc": b"vpc ", "virtual_server": b"vs  ", "old_qemu": b"qemu",
    "qemu": b"qem2", "hyper_v": b"win ", "disk2vhd": b"d2v ",
    "xen_server": b"tap\0", "citrix": b"CTXS", "converter": b"CXSV",
    "azure": b"wa\0\0", "nobody": bytes(4),
}


def _sealed(record, at):
    """`record` with the inverted sum of its bytes at `at`."""
    record = bytearray(record)
    struct.pack_into(">I", record, at, 0)
    struct.pack_into(">I", record, at, ~sum(record) & 0xFFFFFFFF)
    return bytes(record)


def footer(size, kind, creator=b"win ", geometry=(60, 4, 17),
           data_offset=None):
    if data_offset is None:
        data_offset = NO_OFFSET if kind == FIXED else HEADER_AT
    cylinders, heads, sectors = geometry
    record = struct.pack(
        ">8sIIQI4sI4sQQHBBII16sB", b"conectix", 2, 0x10000, data_offset,
        0x2A5B6C7D, creator, 0x50003, b"Wi2k", size, size, cylinders, heads,
        sectors, kind, 0, bytes(range(16)), 0)
    return _sealed(record.ljust(SECTOR, b"\0"), 64)


def dynamic_header(entries, block=2 * MIB, table_at=TABLE_AT,
                   cookie=b"cxsparse"):
    record = struct.pack(">8sQQIII", cookie, NO_OFFSET, table_at, 0x10000,
                         entries, block)
    return _sealed(record.ljust(1024, b"\0"), 36)


def _pattern(seed, length):
    """Bytes that differ from block to block, a quarter of them zeroes."""
    unit = bytes((seed * 37 + i * 11) & 0xFF for i in range(3072)) + bytes(1024)
    return (unit * (length // len(unit) + 1))[:length]


def dynamic(size, stored, block=2 * MIB, entries=None, **fields):
    """A dynamic disk whose blocks `stored` are in the file, in that order."""
    bitmap = block // 8 // SECTOR + SECTOR - 1 & -SECTOR
    if entries is None:
        entries = (size + block - 1) // block
    first = (TABLE_AT + 4 * entries + SECTOR - 1) // SECTOR
    table = [UNALLOCATED] * entries
    blocks = b""
    for at, index in enumerate(stored):
        table[index] = first + at * (bitmap + block) // SECTOR
        blocks += b"\xff" * bitmap + _pattern(index + 1, block)
    return assemble(size, table, blocks, block, **fields)


def assemble(size, table, blocks, block=2 * MIB, **fields):
    end = footer(size, fields.pop("kind", DYNAMIC), **fields)
    packed = struct.pack(f">{len(table)}I", *table)
    packed += b"\xff" * (-len(packed) % SECTOR)
    return end + dynamic_header(len(table), block) + packed + blocks + end


def _creators():
    for name, creator in CREATORS.items():
        yield f"fixed_{name}", _pattern(3, 2 * MIB) + footer(
            2 * MIB, FIXED, creator)
        yield f"dynamic_{name}", dynamic(2 * MIB, [0], creator=creator)
    for name in ("virtual_pc", "hyper_v"):
        yield f"largest_geometry_{name}", dynamic(
            3 * MIB, [1], creator=CREATORS[name], geometry=LARGEST_GEOMETRY)


def _fixed_disks():
    data = _pattern(5, MIB)
    yield "footer_511", data + footer(MIB, FIXED)[:511]
    yield "footer_300", data + footer(MIB, FIXED)[:300]
    yield "footer_2040_gib", data + footer(2040 * GIB, FIXED)
    yield "footer_too_large", data + footer(2040 * GIB + 512, FIXED)
    yield "footer_huge", data + footer((1 << 64) - 1, FIXED)
    yield "footer_odd_size", data + footer(MIB - 100, FIXED)
    yield "footer_no_size", data + footer(0, FIXED)
    yield "footer_longer_than_data", data + footer(2 * MIB, FIXED)
    yield "footer_shorter_than_data", data + footer(MIB // 2, FIXED)
    yield "footer_wrong_type", data + footer(MIB, DYNAMIC)
    broken = bytearray(footer(MIB, FIXED))
    broken[70] ^= 1
    yield "footer_checksum", data + bytes(broken)
    yield "footer_none", data
    yield "empty", b""
    yield "three_bytes", b"abc"


def _dynamic_disks():
    yield "none_stored", dynamic(16 * MIB, [])
    yield "some_stored", dynamic(15 * MIB, [3, 0, 7])
    yield "all_stored", dynamic(5 * MIB, [2, 1, 0])
    yield "no_blocks", dynamic(0, [])
    yield "spare_entries", dynamic(4 * MIB, [1], entries=300)
    for block in (512, 2048, 4096, 8192, 65536, 4 * MIB):
        size = min(40 * block, 8 * MIB) - 512
        last = (size - 1) // block
        yield f"blocks_of_{block}", dynamic(
            size, sorted({0, last // 2, last}), block)
    yield "blocks_of_2_gib", dynamic(16 * MIB, [], 1 << 31)
    stored = dynamic(8 * MIB, [0, 2])
    shared = bytearray(stored)
    shared[TABLE_AT + 4:TABLE_AT + 8] = stored[TABLE_AT:TABLE_AT + 4]
    yield "shared_block", bytes(shared)
    yield "overlapping_blocks", assemble(
        8 * MIB, [4, 10, UNALLOCATED, 4], _pattern(1, 2 * MIB + 8192))
    yield "block_on_headers", assemble(
        8 * MIB, [0, UNALLOCATED, UNALLOCATED, 1], _pattern(1, 2 * MIB))
    yield "no_footer_at_end", stored[:-512]
    yield "flat_with_headers", dynamic(8 * MIB, [0], kind=FIXED)
    yield "unknown_type", dynamic(8 * MIB, [1], kind=77)


def _damaged():
    good = dynamic(8 * MIB, [0, 2])
    end = footer(8 * MIB, DYNAMIC)
    table = b"\xff" * SECTOR

    def with_header(entries=4, size=8 * MIB, offset=None, **fields):
        first = footer(size, DYNAMIC, data_offset=offset)
        return first + dynamic_header(entries, **fields) + table + end

    checksum = bytearray(good)
    checksum[HEADER_AT + 36] ^= 1
    yield "header_checksum", bytes(checksum)
    yield "header_magic", with_header(cookie=b"cxsparsf")
    for block in (0, 256, 3 * MIB, 0xFFFFFFFF):
        yield f"bad_block_{block}", with_header(block=block)
    yield "small_table", with_header(size=8 * MIB + 512)
    for entries in (0x1FFFFFFF, 0x20000000, 0x80000000, 0xFFFFFFFF):
        yield f"entries_{entries:x}", with_header(entries)
    yield "small_before_large", with_header(
        0x20000000, size=GIB * 1024, block=512)
    for at in (TABLE_AT + 4, 1 << 40, 1 << 62, (1 << 63) - 64, 1 << 63,
               (1 << 64) - 8):
        yield f"table_at_{at:x}", with_header(table_at=at)
    for at in (513, 1 << 40, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
        yield f"header_at_{at:x}", with_header(offset=at)
    for length in (100, 600, 1000, TABLE_AT, TABLE_AT + 8, 1 << 20,
                   len(good) - 1024):
        yield f"cut_at_{length}", good[:length]


def fixed(folder):
    for group in (_creators, _fixed_disks, _dynamic_disks, _damaged):
        for name, data in group():
            path = os.path.join(folder, f"{name}.vhd")
            with open(path, "wb") as file:
                file.write(data)
            yield name, path
    path = os.path.join(folder, "holes.vhd")
    with open(path, "wb") as file:
        file.write(_pattern(1, 65536))
        file.seek(MIB)
        file.write(_pattern(2, 65536 + 512))
        file.seek(5 * MIB)
        file.write(footer(5 * MIB, FIXED))
    yield "holes", path


def random_image(rng, folder):
    path = os.path.join(folder, "random.vhd")
    size = rng.choice([rng.randrange(1, 400) * 4096, rng.randrange(1, 40) * MIB,
                       rng.randrange(1, 20 * MIB)])
    options = [f"subformat={rng.choice(['dynamic', 'dynamic', 'fixed'])}"]
    if rng.random() < 0.5:
        options.append("force_size=on")
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "vpc", "-o", ",".join(options),
         path, str(size)], check=True)
    commands = []
    for _ in range(rng.randrange(0, 12)):
        offset = rng.randrange(0, max(size // 512, 1)) * 512
        length = min(rng.randrange(1, 600) * 512, size - offset)
        if length <= 0:
            continue
        kind = rng.choice([f"-P {rng.randrange(1, 256)}", "-P 0", "-z"])
        commands += ["-c", f"write {kind} {offset} {length}"]
    if commands:
        subprocess.run(["qemu-io", "-f", "vpc", *commands, path],
                       check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    return path
