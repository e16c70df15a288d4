"""Images in VirtualBox's VDI format, version 1.1."""
import os
import struct
import subprocess

FORMAT = "vdi"

MIB = 1 << 20
SECTOR = 512
BLOCK = MIB

DYNAMIC, STATIC = 1, 2
FREE, DISCARDED = 0xFFFFFFFF, 0xFFFFFFFE
LARGEST_DISK = 0x1FFFFF8000000


def header(entries, **fields):
    """The header of an image with a map of `entries`; `fields` change it."""
    count = fields.get("count", len(entries))
    allocated = sum(1 for entry in entries if entry < DISCARDED)
    map_bytes = (len(entries) * 4 + SECTOR - 1) // SECTOR * SECTOR
    record = bytearray(SECTOR)
    struct.pack_into("<64sIIII", record, 0,
                     b"<<< Oracle VM VirtualBox Disk Image >>>\n",
                     fields.get("signature", 0xBEDA107F),
                     fields.get("version", 0x10001), 0x190,
                     fields.get("kind", DYNAMIC))
    struct.pack_into("<II", record, 340, fields.get("map_at", SECTOR),
                     fields.get("data_at", SECTOR + map_bytes))
    struct.pack_into("<I", record, 360, fields.get("sector", SECTOR))
    struct.pack_into("<QIIII", record, 368,
                     fields.get("size", len(entries) * BLOCK),
                     fields.get("block", BLOCK), fields.get("extra", 0),
                     count, fields.get("allocated", allocated))
    struct.pack_into("<16s16s16s16s", record, 392, b"created", b"changed",
                     fields.get("link", b""), fields.get("parent", b""))
    return bytes(record)


def _pattern(seed):
    unit = bytes((seed * 41 + i * 7) & 0xFF for i in range(3072)) + bytes(1024)
    return unit * (BLOCK // len(unit))


def image(entries, blocks=None, **fields):
    """A whole image; `blocks` are in its data area, where not given as many as
    the map uses."""
    if blocks is None:
        used = [entry for entry in entries if entry < len(entries)]
        blocks = max(used, default=-1) + 1
    table = struct.pack(f"<{len(entries)}I", *entries)
    table += bytes(-len(table) % SECTOR)
    data = b"".join(_pattern(i) for i in range(blocks))
    return header(entries, **fields) + table + data


def _sound():
    yield "nothing_stored", image([FREE] * 8)
    yield "no_blocks", image([])
    yield "in_order", image([0, 1, 2])
    yield "out_of_order", image([2, FREE, 0, FREE, 1])
    yield "discarded", image([0, DISCARDED, FREE, 1, DISCARDED])
    yield "odd_size", image([0, 1], size=2 * BLOCK - 700)
    yield "one_byte", image([0], size=1)
    yield "static", image([0, 1, 2, 3], kind=STATIC)
    yield "static_with_free", image([1, FREE, 0, DISCARDED], kind=STATIC)
    yield "static_cut", image([0, 1, 2, 3], 2, kind=STATIC)
    yield "extra_bytes", image([0, 1], extra=512)
    yield "long_map", image([FREE] * 5000 + [0] + [FREE] * 3000 + [1])
    yield "spare_entries", image([0, FREE, FREE, FREE], size=BLOCK)
    for kind in (0, 3, 4, 9):
        yield f"kind_{kind}", image([FREE, 0], kind=kind)


def _odd():
    yield "shared_block", image([0, 1, 1, FREE, 0])
    yield "beyond_the_map", image([0, 9, 1, 5])
    yield "beyond_all", image([0, 0xFFFFFFFD, 1])
    yield "static_beyond_all", image([0, 0xFFFFFFFD, 1], kind=STATIC)
    yield "count_too_high", image([0, 1], allocated=7)
    yield "count_too_low", image([0, 1], allocated=0)
    yield "all_at_once", image([0, 9, 0, DISCARDED, 0xFFFFFFFD, 0],
                               allocated=1)
    yield "data_cut", image([0, 1, 2], 1)
    yield "map_cut", image([FREE] * 6)[:SECTOR]
    yield "header_cut", image([FREE] * 6)[:400]
    yield "map_far_away", image([0, 1], map_at=0xFFFFFE00)
    yield "map_on_header", image([0, 1], map_at=0)
    yield "data_on_header", image([0, 1], data_at=0)


def _refused():
    entries = [0, FREE, FREE]
    for name, fields in {
            "signature": {"signature": 0xBEDA107E},
            "version": {"version": 0x20003},
            "version_1_0": {"version": 0x10000},
            "map_offset": {"map_at": 513},
            "data_offset": {"data_at": 1025},
            "sector": {"sector": 4096},
            "block": {"block": 2 * MIB},
            "block_0": {"block": 0},
            "too_small": {"size": 3 * BLOCK + 1},
            "link": {"link": b"x"},
            "parent": {"parent": b"\0" * 15 + b"x"},
            "link_and_parent": {"link": b"x", "parent": b"x"},
            "too_large": {"size": LARGEST_DISK + 1},
            "largest": {"size": LARGEST_DISK},
            "too_many": {"count": 0x1FFFFF81},
            "far_too_many": {"count": 0xFFFFFFFF},
            "size_before_signature": {"size": 1 << 63, "signature": 0},
            "version_before_sector": {"version": 2, "sector": 1},
            "parent_before_count": {"parent": b"x", "count": 0xFFFFFFFF},
    }.items():
        yield f"bad_{name}", image(entries, 1, **fields)
    yield "empty", b""
    yield "three_bytes", b"abc"


def fixed(folder):
    for group in (_sound, _odd, _refused):
        for name, data in group():
            path = os.path.join(folder, f"{name}.vdi")
            with open(path, "wb") as file:
                file.write(data)
            yield name, path
    path = os.path.join(folder, "static_holes.vdi")
    entries = [1, FREE, 0, 3]
    with open(path, "wb") as file:
        file.write(image(entries, 0, kind=STATIC))
        file.seek(1024 + BLOCK + 65536)
        file.write(_pattern(1)[:70000])
        file.truncate(1024 + 4 * BLOCK)
    yield "static_holes", path


def random_image(rng, folder):
    path = os.path.join(folder, "random.vdi")
    size = rng.choice([rng.randrange(1, 400) * 4096, rng.randrange(1, 40) * MIB,
                       rng.randrange(1, 20 * MIB)])
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "vdi", "-o",
         f"static={rng.choice(['on', 'off', 'off'])}", path, str(size)],
        check=True)
    commands = []
    for _ in range(rng.randrange(0, 12)):
        offset = rng.randrange(0, max(size // 512, 1)) * 512
        length = min(rng.randrange(1, 600) * 512, size - offset)
        kind = rng.choice([f"-P {rng.randrange(1, 256)}", "-P 0", "-z"])
        commands += ["-c", f"write {kind} {offset} {length}"]
    if commands:
        subprocess.run(["qemu-io", "-f", "vdi", *commands, path],
                       check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    return path
