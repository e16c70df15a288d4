"""Parallels images: both magics, format extensions, in use, damage."""
import hashlib
import pathlib
import struct
import subprocess

FORMAT = "parallels"
OLD, EXTENDED = b"WithoutFreeSpace", b"WithouFreSpacExt"
IN_USE = 0x746F6E59
BITMAP = 0x20385FAE252CB34A
END = struct.pack("<QQII", 0, 0, 0, 0)


def build(path, magic=EXTENDED, bat=(1, 2, 0, 3), tracks=8, sectors=32,
          in_use=0, data_offset=8, extension=b"", length=32768, version=2,
          num_entries=None):
    """Writes an image; an extension goes into the file's last cluster."""
    offset = length // 512 - tracks if extension else 0
    with open(path, "wb") as file:
        file.write(magic + struct.pack(
            "<IIIIIQIIIQ", version, 16, 1, tracks,
            len(bat) if num_entries is None else num_entries, sectors, in_use,
            data_offset, 0, offset))
        file.write(struct.pack(f"<{len(bat)}I", *bat))
        for cluster in range(1, length // 512 // tracks):
            file.seek(cluster * tracks * 512)
            file.write(bytes([cluster]) * min(tracks * 512, 1000))
        file.truncate(length)
        if extension:
            file.seek(offset * 512)
            file.write(extension)
    return path


def extension(*features, magic=0xAB234CEF23DCEA87, good=True):
    body = b"".join(features).ljust(4096 - 24, b"\0")
    digest = hashlib.md5(body).digest() if good else b"x" * 16
    return struct.pack("<Q", magic) + digest + body


def feature(magic, data, flags=0, size=None):
    size = len(data) if size is None else size
    record = struct.pack("<QQII", magic, flags, size, 0) + data
    return record.ljust(-(-len(record) // 8) * 8, b"\0")


def bitmap(sectors=32, granularity=8, table=(1,), entries=None,
           name=b"0123456789abcdef"):
    entries = len(table) if entries is None else entries
    return feature(BITMAP, struct.pack("<Q16sII", sectors, name, granularity,
                                       entries)
                   + struct.pack(f"<{len(table)}Q", *table))


def fixed(folder):
    folder = pathlib.Path(folder)

    def make(name, **options):
        return name, build(folder / f"{name}.hds", **options)

    old = (8, 16, 0, 24)
    yield make("extended")
    yield make("old", magic=OLD, bat=old)
    yield make("old_high_size", magic=OLD, bat=old, sectors=5 << 32 | 32)
    yield make("old_unaligned", magic=OLD, bat=(9, 17, 0, 13))
    yield make("old_data_offset_0", magic=OLD, bat=(8,), data_offset=0)
    yield make("in_a_row", bat=(1, 2, 3, 4))
    yield make("backwards", bat=(4, 3, 2, 1))
    yield make("short_bat", bat=(1, 2))
    yield make("no_bat", bat=())
    yield make("in_use", bat=(1, 2), in_use=IN_USE)
    yield make("duplicates", bat=(1, 2, 1, 2))
    yield make("outside", bat=(1, 100, 0, 3))
    yield make("at_the_end", bat=(1, 8))
    yield make("data_offset_far", data_offset=1000)
    yield make("truncated", length=80)
    yield make("odd_length", bat=(1, 7), length=30725)
    yield make("version_3", version=3)
    yield make("no_tracks", tracks=1, bat=())
    yield make("size_huge", sectors=(1 << 54) - 1)
    yield make("catalog_huge", num_entries=1 << 29)
    for name, content in {
            "empty": extension(END), "checksum": extension(END, good=False),
            "magic": extension(END, magic=0x1234),
            "bitmap": extension(bitmap(), END),
            "bitmaps": extension(bitmap(), bitmap(name=b"x" * 16), END),
            "same_bitmaps": extension(bitmap(), bitmap(), END),
            "bitmap_size": extension(bitmap(sectors=33), END),
            "bitmap_table": extension(bitmap(table=(1, 1)), END),
            "bitmap_table_long": extension(bitmap(entries=2), END),
            "bitmap_short": extension(feature(BITMAP, b"x" * 10), END),
            "flags": extension(feature(0, b"", flags=1)),
            "feature_size": extension(feature(0, b"", size=5000)),
            "unknown": extension(feature(0x77, b""), END),
    }.items():
        yield make(f"extension_{name}", extension=content)


def random_image(rng, folder):
    path = pathlib.Path(folder) / f"random{rng.randrange(1 << 30)}.hds"
    size = rng.randrange(1, 64) * 262144 + rng.randrange(2) * 512
    cluster = rng.choice([512, 4096, 65536, 1 << 20])
    subprocess.run(["qemu-img", "create", "-q", "-f", "parallels", "-o",
                    f"cluster_size={cluster}", path, str(size)], check=True)
    commands = []
    for _ in range(rng.randrange(8)):
        offset = rng.randrange(size // 512) * 512
        length = min(rng.choice([512, 4096, 196608]), size - offset)
        commands += ["-c", f"write -P {rng.randrange(256)} {offset} {length}"]
    if commands:
        subprocess.run(["qemu-io", "-f", "parallels", *commands, path],
                       stdout=subprocess.DEVNULL)
    return path
