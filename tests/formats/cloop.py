"""Compressed loop images, version 2.0 (the header that create_compressed_fs
of the cloop package writes); qemu-img creates none."""

import os
import struct
import zlib

FORMAT = "cloop"

HEAD = b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 "
HEAD += b"/dev/cloop $1\n"


def image(blocks, block_bytes, offsets=None, count=None):
    """`blocks`: packed bytes. `offsets`, `count`: others than the right ones."""
    count = len(blocks) if count is None else count
    if offsets is None:
        at = 136 + 8 * (len(blocks) + 1)
        offsets = [at]
        for block in blocks:
            at += len(block)
            offsets.append(at)
    head = HEAD.ljust(128, b"\0")
    head += struct.pack(">II", block_bytes, count)
    return head + struct.pack(f">{len(offsets)}Q", *offsets) + b"".join(blocks)


def text(size, seed):
    """Bytes that pack well, but not to nothing."""
    out = bytearray()
    while len(out) < size:
        seed = (seed * 1103515245 + 12345) % (1 << 31)
        out += bytes([seed >> 16 & 15, seed >> 8 & 255]) * (1 + seed % 7)
    return bytes(out[:size])


def packed(count, block_bytes, level=9):
    return [zlib.compress(text(block_bytes, n), level) for n in range(count)]


def good_offsets(blocks):
    at = 136 + 8 * (len(blocks) + 1)
    out = [at]
    for block in blocks:
        at += len(block)
        out.append(at)
    return out


def fixed(folder):
    small = packed(9, 1024)
    places = good_offsets(small)
    wrong_sum = small[0][:-1] + bytes([small[0][-1] ^ 1])
    images = {
        "small": image(small, 1024),
        "stored": image(packed(3, 65536, 0), 65536),
        "odd": image(packed(7, 1536), 1536),
        "one": image(packed(1, 1 << 20), 1 << 20),
        "big": image(packed(3, 5 << 20, 1), 5 << 20),
        "biggest": image([zlib.compress(bytes(64 << 20), 1)], 64 << 20),
        "zeroes": image([zlib.compress(bytes(4096))] * 5, 4096),
        "empty": image([], 512),
        "no-blocks-table": image([], 512, offsets=[0]),
        "block-0": image(small, 0),
        "block-513": image(small, 513),
        "block-too-large": image(small, (64 << 20) + 512),
        "count-too-large": image(small, 1024, count=0x20000000),
        "offsets-too-large": image(small, 1024, count=0x4000000),
        "offsets-fall": image(small, 1024,
                              offsets=places[:3] + [5] + places[4:]),
        "packed-too-large": image(
            small, 1024, offsets=places[:-1] + [places[-1] + (1 << 28)]),
        "wrong-sum": image([wrong_sum] + small[1:], 1024),
        "short-block": image([zlib.compress(bytes(512))] + small[1:], 1024),
        "long-block": image(small[:1] + [zlib.compress(bytes(1536))], 1024),
        "empty-block": image([small[0], b"", small[2]], 1024),
        "trailing": image([small[0] + b"garbage", small[1]], 1024),
        "cut": image(small, 1024)[:-40],
        "cut-in-table": image(small, 1024)[:180],
    }
    for name, content in images.items():
        path = os.path.join(folder, name + ".cloop")
        with open(path, "wb") as file:
            file.write(content)
        yield name, path


def random_image(rng, folder):
    return None
