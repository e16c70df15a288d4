"""Damaged images: the program ends by itself, soon, with 0 or 1.

The corpus is made of real qcow2 images with bits flipped and fields replaced
in the header, its extensions and the tables (tests/mutants.py).
"""
import concurrent.futures
import os
import random

import mutants
from cli import case
from limits import memory_test

SECONDS = 8


class HostileImages(case.ProgramTest):

    INFO = [["info", "{image}"]]
    CONVERT = [["convert", "-f", "qcow2", "-O", "qcow2", "{image}",
                "{image}.out"]]

    def setUp(self):
        super().setUp()
        self.seeds = mutants.seeds(self.directory)

    def run_all(self, images, commands):
        """Each command on each mutant, two at a time."""
        def one(item):
            index, image = item
            name = f"m{index}.qcow2"
            self.path(name).write_bytes(image)
            bad = []
            for command in commands:
                args = [a.format(image=name) for a in command]
                end = self.instar(*args, timeout=SECONDS,
                                  preexec_fn=memory_test.limit())
                if not (end.code == 0 or end.code == 1 and end.err):
                    bad.append(f"mutant {index}: {' '.join(args)}: "
                               f"{end.describe()}")
            self.path(name).unlink()
            self.path(f"{name}.out").unlink(missing_ok=True)
            return bad

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            bad = sum(pool.map(one, enumerate(images)), [])
        self.assertEqual(bad, [], "\n".join(bad[:10]))

    def test_header_fields_replaced(self):
        for name in ("plain", "top"):
            self.run_all(mutants.fields_replaced(self.seeds[name]), self.INFO)

    def test_header_fields_replaced_and_converted(self):
        images = list(mutants.fields_replaced(self.seeds["zlib"]))
        self.run_all(images[::2], self.CONVERT)

    def test_header_bits_flipped(self):
        r = random.Random("header")
        for image in self.seeds.values():
            self.run_all(
                mutants.bits_flipped(image, [(0, 0x70), (0x70, 0x200)], 25,
                                     r), self.INFO + self.CONVERT)

    def test_table_bits_flipped(self):
        r = random.Random("tables")
        for image in self.seeds.values():
            cluster = 1 << image[23]
            tables = [(mutants.l1_offset(image), 16),
                      (mutants.l2_offset(image), min(cluster, 512)),
                      (cluster, 8)]
            self.run_all(mutants.bits_flipped(image, tables, 25, r),
                         self.CONVERT)

    def test_table_entries_replaced(self):
        r = random.Random("entries")
        for image in self.seeds.values():
            l1 = mutants.l1_offset(image)
            l2 = mutants.l2_offset(image) or l1
            self.run_all([*mutants.entries_replaced(image, l1, 2, 15, r),
                          *mutants.entries_replaced(image, l2, 32, 25, r)],
                         self.CONVERT)

    def test_compressed_data_damaged(self):
        r = random.Random("compressed")
        for name in ("zlib", "zstd"):
            image = self.seeds[name]
            half = len(image) // 2
            self.run_all(mutants.bits_flipped(image, [(half, half)], 40, r),
                         self.CONVERT)

    def test_cut_at_many_places(self):
        image = self.seeds["plain"]
        lengths = [*range(0, 120, 3), 511, 512, 65535, 65536, 65537, 131072,
                   196608, 262144, len(image) - 1]
        self.run_all([image[:n] for n in lengths], self.INFO + self.CONVERT)
