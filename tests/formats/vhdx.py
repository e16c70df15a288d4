"""Images in Hyper-V's VHDX format, after MS-VHDX."""

import os
import struct
import subprocess
import uuid

FORMAT = "vhdx"

KIB = 1024
MIB = 1024 * KIB
TIB = 1024 * 1024 * MIB

BAT_REGION = uuid.UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA_REGION = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")
FILE_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
VIRTUAL_SIZE = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
PAGE_83 = uuid.UUID("beca12ab-b2e6-4523-93ef-c309e000c746")
LOGICAL_SECTOR = uuid.UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
PHYSICAL_SECTOR = uuid.UUID("cda348c7-445d-4471-9cc9-e9885251c556")
PARENT_LOCATOR = uuid.UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
UNKNOWN = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
LOG_GUID = uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")

HEADERS = (64 * KIB, 128 * KIB)
REGION_TABLES = (192 * KIB, 256 * KIB)
SECTOR = 4096

IS_USER, IS_VIRTUAL_DISK, IS_REQUIRED = 1, 2, 4

(NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED, STATE_4, UNMAPPED_V5,
 FULL, PARTIAL) = range(8)


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC_TABLE = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def sealed(record, at=4):
    """`record` with its checksum in the four bytes at `at`."""
    record = bytearray(record)
    record[at:at + 4] = bytes(4)
    record[at:at + 4] = struct.pack("<I", crc32c(record))
    return bytes(record)


def header(sequence, log_guid=None, log_length=MIB, log_offset=MIB,
           signature=b"head", version=1, log_version=0, **fields):
    guids = [fields.get(name, uuid.UUID(int=number + 1)).bytes_le
             for number, name in enumerate(("file_guid", "data_guid"))]
    log = log_guid.bytes_le if log_guid else bytes(16)
    record = struct.pack("<4sIQ16s16s16sHHIQ", signature, 0, sequence, *guids,
                         log, log_version, version, log_length, log_offset)
    return sealed(record.ljust(SECTOR, b"\0"))


def region_table(entries, signature=b"regi", count=None):
    """`entries`: (guid, offset, length, required)."""
    record = struct.pack("<4sIII", signature, 0,
                         len(entries) if count is None else count, 0)
    for guid, offset, length, required in entries:
        record += struct.pack("<16sQII", guid.bytes_le, offset, length,
                              required)
    return sealed(record.ljust(64 * KIB, b"\0"))


def metadata_table(items, signature=b"metadata", count=None):
    """`items`: (guid, flags, data). Their data follows at 64 KiB."""
    record = struct.pack("<8sHH20x", signature, 0,
                         len(items) if count is None else count)
    data = b""
    for guid, flags, item in items:
        record += struct.pack("<16sIIII", guid.bytes_le,
                              64 * KIB + len(data), len(item), flags, 0)
        data += item
    return record.ljust(64 * KIB, b"\0") + data


def log_entry(sequence, pieces, tail=0, guid=LOG_GUID, **fields):
    """One entry; `pieces`: (offset, 4 KiB of data) or (offset, number of
    zeroes)."""
    descriptors = b""
    sectors = b""
    for offset, what in pieces:
        if isinstance(what, int):
            descriptors += struct.pack("<4sIQQQ", b"zero", 0, what, offset,
                                       sequence)
            continue
        descriptors += struct.pack("<4s4s8sQQ", b"desc", what[-4:], what[:8],
                                   offset, sequence)
        sectors += struct.pack("<4sI", b"data", sequence >> 32)
        sectors += what[8:-4] + struct.pack("<I", sequence & 0xFFFFFFFF)
    head_bytes = -(-(64 + len(descriptors)) // SECTOR) * SECTOR
    length = fields.get("length", head_bytes + len(sectors))
    record = struct.pack("<4sIIIQII16sQQ", b"loge", 0, length, tail, sequence,
                         fields.get("count", len(pieces)), 0, guid.bytes_le,
                         fields.get("flushed", 0), fields.get("last", 0))
    return sealed((record + descriptors).ljust(head_bytes, b"\0") + sectors)


class Image:
    """A VHDX file in the making; every attribute may be changed."""

    def __init__(self, size, block=MIB, **options):
        self.size = size
        self.block = block
        self.sector = options.get("sector", 512)
        self.physical = options.get("physical", 512)
        self.flags = options.get("flags", 0)  # 1: fixed, 2: has a parent
        self.log_length = options.get("log_length", MIB)
        self.log_guid = options.get("log_guid")
        self.bat_at = options.get("bat_at", 1 * MIB + self.log_length)
        ratio = self.chunk_ratio()
        blocks = -(-size // block)
        self.entries = [0] * (blocks + (blocks - 1) // ratio)
        self.bat_length = options.get(
            "bat_length", max(1, -(-len(self.entries) * 8 // MIB)) * MIB)
        self.metadata_at = options.get("metadata_at",
                                       self.bat_at + self.bat_length)
        self.end = max(self.metadata_at, self.bat_at) + MIB
        self.pieces = []  # (offset, bytes)
        self.items = [
            (FILE_PARAMETERS, IS_REQUIRED,
             struct.pack("<II", block, self.flags)),
            (VIRTUAL_SIZE, IS_REQUIRED | IS_VIRTUAL_DISK,
             struct.pack("<Q", size)),
            (PAGE_83, IS_REQUIRED | IS_VIRTUAL_DISK, uuid.UUID(int=7).bytes),
            (LOGICAL_SECTOR, IS_REQUIRED | IS_VIRTUAL_DISK,
             struct.pack("<I", self.sector)),
            (PHYSICAL_SECTOR, IS_REQUIRED | IS_VIRTUAL_DISK,
             struct.pack("<I", self.physical)),
        ]
        self.regions = [(BAT_REGION, self.bat_at, self.bat_length, 1),
                        (METADATA_REGION, self.metadata_at, MIB, 1)]
        self.headers = [self.header(1), self.header(2)]
        self.tables = None
        self.metadata = None
        self.log = []  # (offset in the log, bytes)

    def chunk_ratio(self):
        return max(1, (1 << 23) * self.sector // self.block)

    def header(self, sequence, **fields):
        fields.setdefault("log_guid", self.log_guid)
        fields.setdefault("log_length", self.log_length)
        return header(sequence, **fields)

    def entry_of(self, block):
        return block + block // self.chunk_ratio()

    def set_state(self, block, state, offset=0):
        self.entries[self.entry_of(block)] = offset | state

    def append(self, block, data, state=FULL):
        """Gives a block a place behind everything else."""
        self.set_state(block, state, self.end)
        self.pieces.append((self.end, data.ljust(self.block, b"\0")
                            if len(data) * 2 > self.block else data))
        self.end += -(-self.block // MIB) * MIB

    def bat_bytes(self):
        return struct.pack("<%dQ" % len(self.entries), *self.entries)

    def save(self, path):
        tables = self.tables or [region_table(self.regions)] * 2
        with open(path, "wb") as file:
            file.truncate(self.end)
            pieces = [(0, b"vhdxfile" + "generator".encode("utf-16-le"))]
            pieces += zip(HEADERS, self.headers)
            pieces += zip(REGION_TABLES, tables)
            pieces += [(MIB + at, data) for at, data in self.log]
            pieces += [(self.bat_at, self.bat_bytes()),
                       (self.metadata_at,
                        self.metadata or metadata_table(self.items))]
            for offset, data in pieces + self.pieces:
                file.seek(offset)
                file.write(data)
            # Else the file's disk size may still change.
            file.flush()
            os.fsync(file.fileno())
        return path


def _basic(size=8 * MIB, block=MIB, **options):
    image = Image(size, block, **options)
    image.append(0, bytes([0xA5]) * MIB)
    image.append(3 if size > 3 * block else 0, b"text " * 1000)
    return image


def _headers():
    for name, change in (
            ("first_damaged", lambda i: [bytes(SECTOR), i.header(1)]),
            ("second_damaged", lambda i: [i.header(1), bytes(SECTOR)]),
            ("both_damaged", lambda i: [bytes(SECTOR)] * 2),
            ("first_newer", lambda i: [i.header(9),
                                       i.header(8, log_version=1)]),
            ("same", lambda i: [i.header(5)] * 2),
            ("same_number", lambda i: [i.header(5),
                                       i.header(5, log_guid=LOG_GUID)]),
            ("version", lambda i: [i.header(5, version=2)] * 2),
            ("log_version", lambda i: [i.header(5, log_version=1)] * 2),
            ("log_offset", lambda i: [i.header(5, log_offset=MIB + 512)] * 2),
            ("log_length", lambda i: [i.header(5, log_guid=LOG_GUID,
                                               log_length=SECTOR)] * 2),
            ("log_on_bat", lambda i: [i.header(5, log_length=2 * MIB)] * 2)):
        image = _basic()
        image.headers = change(image)
        yield "headers_" + name, image


def _regions():
    def one(name, change):
        image = _basic()
        change(image)
        return "regions_" + name, image

    def tables(*kinds):
        def change(image):
            good = region_table(image.regions)
            image.tables = [good if kind else bytes(64 * KIB)
                            for kind in kinds]
        return change

    def extra(*entries):
        def change(image):
            image.regions.extend(entries)
        return change

    def replace(index, *entry):
        def change(image):
            image.regions[index] = entry
        return change

    yield one("second_damaged", tables(True, False))
    yield one("first_damaged", tables(False, True))
    yield one("unknown", extra((UNKNOWN, 50 * MIB, MIB, 0)))
    yield one("unknown_required", extra((UNKNOWN, 50 * MIB, MIB, 1)))
    yield one("overlap", extra((UNKNOWN, 2 * MIB + SECTOR, 512, 0)))
    yield one("overlap_block", extra((UNKNOWN, 4 * MIB, MIB, 0)))
    yield one("bat_twice", extra((BAT_REGION, 50 * MIB, MIB, 1)))
    yield one("short_bat", replace(0, BAT_REGION, 2 * MIB, 56, 1))
    yield one("exact_bat", replace(0, BAT_REGION, 2 * MIB, 64, 1))
    yield one("far_bat", replace(0, BAT_REGION, 2**63, MIB, 1))
    yield one("no_metadata", lambda image: image.regions.pop())


def _replace_item(image, guid, data):
    image.items = [(g, f, data if g == guid else d)
                   for g, f, d in image.items]


def _metadata():
    for name, guid, layout, values in (
            ("block", FILE_PARAMETERS, "<Q",
             (0, MIB // 2, 3 * MIB, 256 * MIB, 512 * MIB, MIB | 1 << 32,
              MIB | 2 << 32)),
            ("logical", LOGICAL_SECTOR, "<I", (0, 1024, 4096)),
            ("physical", PHYSICAL_SECTOR, "<I", (0, 513, 4096)),
            ("size", VIRTUAL_SIZE, "<Q",
             (0, 511, 512, 8 * MIB + 1, 8 * MIB - 1024, 2**63, 2**64 - 1))):
        for value in values:
            image = _basic()
            _replace_item(image, guid, struct.pack(layout, value))
            yield "metadata_%s_%d" % (name, value), image
    for name, item in (("unknown", (UNKNOWN, 0, b"12345678")),
                       ("unknown_required", (UNKNOWN, 4, b"12345678")),
                       ("parent_locator", (PARENT_LOCATOR, 4, bytes(20))),
                       ("twice", (PAGE_83, 4, bytes(16)))):
        image = _basic()
        image.items.append(item)
        yield "metadata_" + name, image
    image = _basic()
    image.items.pop()
    yield "metadata_missing", image
    image = _basic(flags=2)
    image.items.append((PARENT_LOCATOR, 4, bytes(20)))
    yield "metadata_differencing", image
    yield "logical_4096", _basic(sector=4096, physical=4096)


def _blocks():
    for state in range(8):
        image = _basic()
        image.set_state(5, state, 4 * MIB)
        yield "state_%d" % state, image
    # A block at offset 0 is left out: qemu-img then reads every request from
    # the file's start, so that what it reads depends on how much it asks for.
    for name, entry in (("shared", 4 * MIB),
                        ("in_bat", 2 * MIB), ("past_end", 1000 * MIB),
                        ("overflow", 2**64 - MIB), ("unaligned", 4 * MIB + 8)):
        image = _basic()
        image.set_state(5, FULL, entry)
        yield "block_" + name, image
    image = _basic()
    image.end -= 700
    yield "truncated", image
    # Sector bitmaps have entries after every 16 blocks.
    image = Image(20 * 256 * MIB, 256 * MIB)
    image.append(18, b"behind the bitmap's entry")
    yield "large_blocks", image
    image = Image(20 * 256 * MIB + 512, 256 * MIB)
    image.entries[16] = 2000 * MIB | FULL
    yield "bitmap_past_end", image
    image = Image(6 * MIB, MIB, flags=1)
    for block in range(6):
        image.append(block, bytes([block + 1]) * MIB)
    yield "fixed", image
    image = Image(5 * MIB, 32 * MIB)
    image.append(0, b"x" * 5 * MIB)
    yield "block_larger_than_disk", image


def _with_log(pieces, at=0, **options):
    """An image and the entry of its log; `pieces` gets the image and its
    BAT's first sector with block 5 stored where block 3 is."""
    image = _basic(log_guid=LOG_GUID)
    image.entries[5] = image.entries[3]
    sector = image.bat_bytes().ljust(SECTOR, b"\0")
    image.entries[5] = 0
    options.setdefault("tail", at)
    return image, log_entry(7, pieces(image, sector), flushed=image.end,
                            last=image.end, **options)


def _logs():
    def bat(image, sector):
        return [(image.bat_at, sector)]

    for at in (0, 2 * SECTOR, MIB - 2 * SECTOR):
        image, entry = _with_log(bat, at)
        image.log = [(at, entry)]
        yield "log_at_%d" % at, image
    image, entry = _with_log(bat, MIB - SECTOR)
    image.log = [(MIB - SECTOR, entry[:SECTOR]), (0, entry[SECTOR:])]
    yield "log_around_the_end", image
    image, entry = _with_log(bat)
    image.log = [(0, entry[:-1] + b"?")]
    yield "log_torn", image
    image, entry = _with_log(bat, guid=UNKNOWN)
    image.log = [(0, entry)]
    yield "log_of_another_guid", image
    image, entry = _with_log(lambda image, sector: [(image.bat_at, SECTOR)])
    image.log = [(0, entry)]
    yield "log_zeroes", image
    image, entry = _with_log(lambda image, sector: [(image.bat_at, 512)])
    image.log = [(0, entry)]
    yield "log_zeroes_unaligned", image
    image, entry = _with_log(lambda image, sector: [])
    image.log = [(0, entry)]
    yield "log_nothing", image
    image, entry = _with_log(lambda image, sector: bat(image, sector) +
                             [(image.bat_at + SECTOR, SECTOR)] * 150)
    image.log = [(0, entry)]
    yield "log_many_descriptors", image
    yield "log_empty", _basic(log_guid=LOG_GUID)


def fixed(folder):
    for images in (_headers, _regions, _metadata, _blocks, _logs):
        for name, image in images():
            yield name, image.save(os.path.join(folder, name + ".vhdx"))
    for name, data in (("empty", b""), ("signature_only", b"vhdxfile"),
                       ("no_signature", b"vhdxfil_" + bytes(2 * MIB))):
        path = os.path.join(folder, name + ".vhdx")
        with open(path, "wb") as file:
            file.write(data)
        yield name, path


def random_image(rng, folder):
    path = os.path.join(folder, "random%d.vhdx" % rng.randrange(10**9))
    size = rng.choice((MIB, 3 * MIB, 8 * MIB, 33 * MIB, 100 * MIB))
    size += 512 * rng.randrange(0, 4096) * rng.randrange(2)
    options = ["subformat=" + rng.choice(("dynamic", "dynamic", "fixed"))]
    if rng.randrange(3):
        options.append("block_size=%dM" % rng.choice((1, 2, 4, 8, 32, 256)))
    if rng.randrange(2):
        options.append("log_size=%dM" % rng.choice((1, 2, 4)))
    if rng.randrange(3) == 0:
        options.append("block_state_zero=" + rng.choice(("on", "off")))
    subprocess.run(["qemu-img", "create", "-q", "-f", "vhdx", "-o",
                    ",".join(options), path, str(size)], check=True)
    commands = []
    for _ in range(rng.randrange(0, 12)):
        at = 512 * rng.randrange(size // 512)
        length = 512 * rng.choice((1, 3, 8, 100, 2048, 5000))
        length = min(length, size - at)
        commands += ["-c", "write -P %d %d %d" % (rng.randrange(256), at,
                                                  length)]
    if commands:
        subprocess.run(["qemu-io", "-f", "vhdx", *commands, path], check=True,
                       stdout=subprocess.DEVNULL)
    return path
