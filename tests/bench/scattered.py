#!/usr/bin/env -S python3 -B
"""Makes a large qcow2 image whose clusters lie scattered, as after years of
use: all tables and refcounts are right, the data clusters are holes.

  scattered.py FILE [--size BYTES] [--clusters N] [--cluster-bits N]
               [--refcount-bits N] [--tables N]

By default 200 GiB with 1.6 million clusters of 64 KiB. With --tables only that
many L2 tables hold them, for images of more clusters than are worth filling.
"""
import argparse
import array
import pathlib
import random
import struct
import sys

GIB = 1 << 30
COPIED = 1 << 63


class Layout:
    """Which host cluster holds what: the tables first, then the data with the
    L2 tables and refcount blocks among it, as writing in a random order
    leaves them."""

    def __init__(self, size, clusters, cluster_bits, refcount_bits, tables):
        self.cluster = 1 << cluster_bits
        self.refcount_bits = refcount_bits
        self.l2_entries = self.cluster // 8
        guest_clusters = -(-size // self.cluster)
        self.size = size
        self.l1_entries = -(-guest_clusters // self.l2_entries)
        self.tables = min(tables or self.l1_entries, self.l1_entries)
        self.data = min(clusters, guest_clusters,
                        self.tables * self.l2_entries)
        self.per_block = self.cluster * 8 // refcount_bits
        self.l1_clusters = -(-self.l1_entries * 8 // self.cluster)
        used = 1 + self.l1_clusters + self.tables + self.data
        blocks = table = 0
        while True:
            total = used + blocks + table
            need = -(-total // self.per_block)
            need_table = -(-need * 8 // self.cluster)
            if (need, need_table) == (blocks, table):
                break
            blocks, table = need, need_table
        self.blocks, self.table_clusters, self.total = blocks, table, total

    def first_free(self):
        return 1 + self.l1_clusters + self.table_clusters


def be64(numbers):
    words = array.array("Q", numbers)
    if sys.byteorder == "little":
        words.byteswap()
    return words.tobytes()


def header(layout):
    order = layout.refcount_bits.bit_length() - 1
    l1 = layout.cluster
    reftable = layout.cluster * (1 + layout.l1_clusters)
    return struct.pack(
        ">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0,
        layout.cluster.bit_length() - 1, layout.size, 0, layout.l1_entries,
        l1, reftable, layout.table_clusters, 0, 0, 0, 0, 0, order, 104)


def guest_clusters(layout, r):
    """The guest clusters that are allocated, in order: about as many in each
    L2 table."""
    share, rest = divmod(layout.data, layout.tables)
    last = -(-layout.size // layout.cluster) - 1
    for table in range(layout.tables):
        first = table * layout.l2_entries
        room = min(layout.l2_entries, last - first + 1)
        count = min(room, share + (1 if table < rest else 0))
        yield table, sorted(r.sample(range(room), count))


def make(path, size=200 * GIB, clusters=1_600_000, cluster_bits=16,
         refcount_bits=16, tables=None):
    """Makes the image in `path`."""
    r = random.Random("scattered")
    layout = Layout(size, clusters, cluster_bits, refcount_bits, tables)
    plan = list(guest_clusters(layout, r))
    data = sum(len(indices) for _, indices in plan)
    total = layout.total - layout.data + data
    # L2 tables and refcount blocks lie anywhere among the data.
    host = list(range(layout.first_free(), total))
    meta = layout.tables + layout.blocks
    places = set(r.sample(host, meta))
    where = r.sample(sorted(places), meta)
    free = [c for c in host if c not in places]
    r.shuffle(free)
    bits = cluster_bits
    with open(path, "wb") as f:
        f.write(header(layout))
        l1 = [0] * layout.l1_entries
        used = 0
        for (table, indices), cluster in zip(plan, where):
            entries = [0] * layout.l2_entries
            for index in indices:
                entries[index] = free[used] << bits | COPIED
                used += 1
            l1[table] = cluster << bits | COPIED
            f.seek(cluster << bits)
            f.write(be64(entries))
        f.seek(layout.cluster)
        f.write(be64(l1))
        blocks = where[layout.tables:]
        f.seek(layout.cluster * (1 + layout.l1_clusters))
        f.write(be64(b << bits for b in blocks))
        for i, cluster in enumerate(blocks):
            count = min(layout.per_block, total - i * layout.per_block)
            f.seek(cluster << bits)
            f.write(ones(layout, max(0, count)))
        f.truncate(total << bits)


def ones(layout, count):
    """A refcount block whose first `count` refcounts are 1."""
    width = layout.refcount_bits
    if width >= 8:
        one = (1).to_bytes(width // 8, "big")
        return (one * count).ljust(layout.cluster, b"\0")
    per_byte = 8 // width
    full = sum(1 << i * width for i in range(per_byte))
    rest = sum(1 << i * width for i in range(count % per_byte))
    out = bytes([full]) * (count // per_byte)
    if rest:
        out += bytes([rest])
    return out.ljust(layout.cluster, b"\0")


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("file", type=pathlib.Path)
    p.add_argument("--size", type=int, default=200 * GIB)
    p.add_argument("--clusters", type=int, default=1_600_000)
    p.add_argument("--cluster-bits", type=int, default=16)
    p.add_argument("--refcount-bits", type=int, default=16)
    p.add_argument("--tables", type=int)
    args = p.parse_args()
    make(args.file, args.size, args.clusters, args.cluster_bits,
         args.refcount_bits, args.tables)


if __name__ == "__main__":
    main()
