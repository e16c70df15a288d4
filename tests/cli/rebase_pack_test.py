"""rebase -c: what must be stored is stored in packed clusters."""
import json
import os

import qcow2_bitmaps
from cli import layers


class RebasePackTest(layers.LayersTest):

    def newest(self, *args):
        return self.instar(*args, env=self.environment(
            INSTAR_QEMU_VERSION="11.1"))

    def contents(self, name):
        self.make("convert", "-O", "raw", name, "contents")
        return self.path("contents").read_bytes()

    def packed_clusters(self, name):
        info = json.loads(self.qemu("check", "--output=json", name).text)
        return info.get("compressed-clusters", 0)

    def stored(self, name):
        """Bytes of the file."""
        return os.path.getsize(self.path(name))

    def layers(self, *options, size="4M", text=b"many equal words "):
        """`top` above `old`, and `new` to be put in its place."""
        length = 3 << 20
        data = (text * (length // len(text) + 1))[:length]
        self.raw("old", 4 << 20, (0, data))
        self.raw("new", 4 << 20, (1 << 20, b"y" * (1 << 20)))
        for name in ("top", "plain"):
            self.make("create", "-q", "-f", "qcow2",
                      *[o for option in options for o in ("-o", option)],
                      "-b", "old", "-F", "raw", name, size)
            self.io(name, "write -P 5 300k 100k", "write -z 1M 64k")

    def rebased(self, *backing):
        """Rebases `top` with -c and `plain` without; what both then hold."""
        wanted = self.contents("top")
        for args, name in ((["-c"], "top"), ([], "plain")):
            self.succeeds(self.newest("rebase", *args, *backing, name))
            self.make("check", "-q", name)
            self.assertTrue(self.contents(name) == wanted, name)
        return wanted

    def test_what_would_change_is_packed(self):
        for options in ([], ["compression_type=zstd"], ["compat=0.10"],
                        ["cluster_size=512"], ["cluster_size=2M"]):
            for backing in (["-b", "new", "-F", "raw"], ["-b", ""]):
                with self.subTest(options=options, backing=backing):
                    self.layers(*options)
                    self.rebased(*backing)
                    self.assertGreater(self.packed_clusters("top"), 0)
                    self.assertEqual(self.packed_clusters("plain"), 0)
                    self.assertLess(self.stored("top"), self.stored("plain"))

    def test_the_last_cluster_may_be_short(self):
        self.layers(size="2900k")
        self.rebased("-b", "")
        # All but the three that are the image's own, and the one of zeroes.
        self.assertEqual(self.packed_clusters("top"), 46 - 4)

    def test_what_grows_smaller_by_nothing_is_stored_as_it_is(self):
        self.layers(text=os.urandom(3 << 20))
        self.rebased("-b", "new", "-F", "raw")
        # Zeroes above the new file's end of data, and nothing else.
        self.assertEqual(self.packed_clusters("top"), 0)

    def test_zeroes_that_must_be_stored_are_packed_too(self):
        self.layers()
        self.raw("new", 4 << 20, (3 << 20, b"z" * (1 << 20)))
        self.rebased("-b", "new", "-F", "raw")
        entries = json.loads(self.qemu("map", "--output=json", "top").text)
        self.assertEqual([e["data"] for e in entries
                          if e["start"] + e["length"] == 4 << 20], [True])

    def test_clusters_of_which_a_part_is_there_are_stored_in_part(self):
        self.layers("extended_l2=on")
        self.io("top", "write -P 6 700k 2k", "write -P 7 1500k 6k")
        self.io("plain", "write -P 6 700k 2k", "write -P 7 1500k 6k")
        self.rebased("-b", "new", "-F", "raw")
        self.assertGreater(self.packed_clusters("top"), 30)

    def test_layers_with_smaller_clusters_are_above_the_new_one(self):
        self.layers()
        self.make("create", "-q", "-f", "qcow2", "-o", "cluster_size=512",
                  "-b", "old", "-F", "raw", "mid")
        self.io("mid", "write -P 8 70k 1k", "write -P 9 1030k 300k")
        for name in ("top", "plain"):
            self.make("create", "-q", "-f", "qcow2", "-b", "mid", "-F",
                      "qcow2", name)
            self.io(name, "write -P 5 1200k 100k")
        self.rebased("-b", "old", "-F", "raw")
        self.assertGreater(self.packed_clusters("top"), 1)

    def test_bitmaps_record_what_is_packed(self):
        self.layers()
        for name in ("top", "plain"):
            self.make("bitmap", "--add", name, "bitmap")
        self.rebased("-b", "new", "-F", "raw")
        top, plain = (qcow2_bitmaps.read(self.path(name))
                      for name in ("top", "plain"))
        self.assertEqual(top, plain)
        self.assertIn("bitmap", repr(top))

    def test_formats_without_packed_clusters_are_refused(self):
        self.layers()
        for fmt in ("qed", "raw"):
            below = ["-b", "old", "-F", "raw"] if fmt == "qed" else []
            self.make("create", "-q", "-f", fmt, *below, "image", "4M")
            for args in (["-b", "new", "-F", "raw"], ["-b", ""], ["-u"],
                         ["-b", "new", "-F", "nosuch"]):
                end = self.newest("rebase", "-f", fmt, "-c", *args, "image")
                self.assertEqual(
                    self.fails(end), "qemu-img: Compression not supported "
                    "for this file format\n")

    def test_external_data_files_hold_nothing_that_is_packed(self):
        self.layers()
        self.make("create", "-q", "-f", "qcow2", "-o", "data_file=data", "-b",
                  "old", "-F", "raw", "top")
        end = self.newest("rebase", "-c", "-b", "new", "-F", "raw", "top")
        self.assertEqual(
            self.fails(end), "qemu-img: Error while writing to COW image: "
            "Operation not supported\n")
        self.succeeds(self.newest("rebase", "-c", "-u", "-b", "new", "-F",
                                  "raw", "top"))

    def test_before_8_2_there_is_no_such_option(self):
        self.layers()
        self.same("rebase", "-c", "-b", "new", "-F", "raw", "top")
        self.same("rebase", "--compress", "-b", "new", "-F", "raw", "top")
