"""Growing redolog images as Bochs makes them (bximage, Bochs' harddrive
chapter and iodev/hdimage: "redolog_header_t"); qemu-img creates none."""

import os
import struct

FORMAT = "bochs"

HEADER_BYTES = 512
UNALLOCATED = 0xffffffff


def image(extents, size, extent_bytes=4096, version=2, catalog=None,
          header_bytes=HEADER_BYTES, bitmap_bytes=None):
    """`extents` maps the index of an extent to {sector in it: 512 bytes}."""
    count = (size + extent_bytes - 1) // extent_bytes
    catalog = count if catalog is None else catalog
    sectors = extent_bytes // 512
    if bitmap_bytes is None:
        bitmap_bytes = (sectors + 7) // 8
    head = bytearray(HEADER_BYTES)
    head[0:22] = b"Bochs Virtual HD Image"
    head[32:39] = b"Redolog"
    head[48:55] = b"Growing"
    struct.pack_into("<IIIII", head, 64, version << 16, header_bytes, catalog,
                     bitmap_bytes, extent_bytes)
    struct.pack_into("<Q", head, 88 if version == 2 else 84, size)
    table = [UNALLOCATED] * catalog
    body = b""
    for place, (index, written) in enumerate(extents.items()):
        table[index] = place
        bitmap = bytearray((bitmap_bytes + 511) // 512 * 512)
        data = bytearray(extent_bytes)
        for sector, content in written.items():
            bitmap[sector // 8] |= 1 << sector % 8
            data[sector * 512:(sector + 1) * 512] = content
        body += bytes(bitmap) + bytes(data)
    out = bytes(head) + bytes(header_bytes - HEADER_BYTES)
    return out + struct.pack(f"<{catalog}I", *table) + body


def sector(byte):
    return bytes([byte]) * 512


def patched(content, offset, value, width=4):
    out = bytearray(content)
    out[offset:offset + width] = value.to_bytes(width, "little")
    return bytes(out)


def plain(version):
    return image({3: {0: sector(1), 1: sector(2), 7: sector(3)},
                  0: {5: sector(4)},
                  1: {n: sector(5 + n) for n in range(8)}},
                 5 * 4096 + 1024, version=version)


def fixed(folder):
    good = plain(2)
    images = {
        "v1": plain(1),
        "v2": good,
        "empty": image({}, 1 << 20),
        "size0": image({}, 0, catalog=4),
        "odd-size": image({0: {0: sector(9)}}, 3 * 512 + 100),
        "small-extents": image({n: {0: sector(n)} for n in range(9)}, 9 * 512,
                               extent_bytes=512),
        "big-extents": image({1: {n: sector(n % 251) for n in range(0, 2048, 3)}},
                             4 << 20, extent_bytes=1 << 20),
        "long-header": image({0: {1: sector(7)}}, 8192, header_bytes=1536),
        "catalog-too-large": patched(good, 72, 0x100001),
        "catalog-too-small": patched(good, 72, 1),
        "extent-0": patched(good, 80, 0),
        "extent-odd": patched(good, 80, 4097),
        "extent-too-large": patched(good, 80, 0x1000000),
        "version-3": patched(good, 64, 0x30000),
        "catalog-far": patched(good, 512, 0xfffffffe),
        "bitmap-0": patched(good, 76, 0),
        "disk-huge": patched(good, 88, (1 << 64) - 1, 8),
        "header-far": patched(good, 68, 0xffffffff),
        "cut": good[:len(good) - 1300],
        "cut-in-catalog": good[:514],
        "bad-subtype": good[:48] + b"Undoable" + good[56:],
    }
    for name, content in images.items():
        path = os.path.join(folder, name + ".bochs")
        with open(path, "wb") as file:
            file.write(content)
        yield name, path


def random_image(rng, folder):
    return None
