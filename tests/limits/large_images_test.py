"""Memory does not grow with the image."""
import os
import struct
import subprocess

import program as programs
from cli import case

MIB = 1 << 20
COPIED = 1 << 63


def be64(numbers):
    return struct.pack(f">{len(numbers)}Q", *numbers)


def header(cluster_bits, size, l1_entries, l1, table, table_clusters, order):
    return struct.pack(
        ">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, cluster_bits, size, 0,
        l1_entries, l1, table, table_clusters, 0, 0, 0, 0, 0, order, 104)


def many_clusters(path):
    """An image whose file has 2^30 clusters of 4 KiB, used at both ends."""
    bits, per_block = 12, 8 << 12  # refcounts of one bit
    cluster, total = 1 << bits, 1 << 30
    first_block, table, l1, l2 = 1, 2, 66, 67
    last_block = total - 2
    blocks = [0] * (total // per_block)
    blocks[0] = first_block << bits
    blocks[-1] = last_block << bits
    data = [68, total - 1]
    with open(path, "wb") as f:
        f.truncate(total << bits)
        f.write(header(bits, 2 * MIB, 1, l1 << bits, table << bits, 64, 0))
        f.seek(table << bits)
        f.write(be64(blocks))
        f.seek(l1 << bits)
        f.write(be64([l2 << bits | COPIED]))
        f.seek(l2 << bits)
        f.write(be64([c << bits | COPIED for c in data]))
        for block, used in ((first_block, range(69)),
                            (last_block, range(per_block - 2, per_block))):
            counts = bytearray(cluster)
            for i in used:
                counts[i // 8] |= 1 << i % 8
            f.seek(block << bits)
            f.write(counts)


def many_extents(path, tables):
    """An image of which every cluster is an extent of its own. Its L1 table
    names one L2 table over and over, which only a check would mind."""
    bits, entries = 16, 8192
    l1, l2, table = 1, 2, 3
    with open(path, "wb") as f:
        f.write(header(bits, tables * entries << bits, tables, l1 << bits,
                       table << bits, 1, 4))
        f.seek(l1 << bits)
        f.write(be64([l2 << bits | COPIED] * tables))
        f.seek(l2 << bits)
        f.write(be64([(4 + 2 * i) << bits | COPIED for i in range(entries)]))
        f.truncate((4 + 2 * entries) << bits)


class LargeImages(case.ProgramTest):

    def peak(self, *args, want=0):
        """MiB that a command held at most; its output goes nowhere. A process
        inherits the peak of the one that started it, and this one's may be
        large: build/measure is small."""
        with open(self.path("output"), "wb") as output:
            end = subprocess.run(
                [programs.MEASURE, self.program, "qemu-img", *args],
                cwd=self.directory, env=self.environment(), check=False,
                stdout=output)
        self.assertEqual(end.returncode, want)
        with open(self.path("output"), "rb") as output:
            output.seek(max(os.path.getsize(self.path("output")) - 64, 0))
            return int(output.read().split()[-1]) / 1024

    def test_2_to_the_30_clusters_are_checked_within_256_mib(self):
        many_clusters(self.path("a.qcow2"))
        self.assertLess(self.peak("check", "a.qcow2"), 256)

    def test_a_map_of_17_million_extents_needs_no_more_than_a_short_one(self):
        many_extents(self.path("short.qcow2"), 16)
        many_extents(self.path("long.qcow2"), 2100)
        short = self.peak("map", "--output=json", "short.qcow2")
        self.assertLess(self.peak("map", "--output=json", "long.qcow2"),
                        short + 4)
