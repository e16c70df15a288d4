"""amend: messages, status and what images hold as the reference has them."""
import re
import shutil
import struct

import qcow2_bitmaps
from cli import case

SHOWN = re.compile(r"disk size: .*")


class AmendTest(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.image("a")

    def image(self, name, options="", size="4M", more=()):
        args = ["create", "-q", "-f", "qcow2", *more]
        if options:
            args += ["-o", options]
        self.make(*args, name, size)
        self.io(name, "write -P 1 0 1M", "write -z 1M 512k",
                "write -z 256k 128k")

    def both(self, *args, name="a"):
        """Each changes a copy of the image; they say and hold the same."""
        shutil.copy(self.path(name), self.path("kept"))
        want = self.qemu("amend", *args, name)
        theirs = self.facts(name)
        shutil.copy(self.path("kept"), self.path(name))
        got = self.as_reference("amend", *args, name)
        self.assertEqual(got.describe(), want.describe())
        self.assertEqual(self.facts(name), theirs, " ".join(args))
        return got

    def facts(self, name):
        self.qemu("convert", "-O", "raw", name, "out.raw")
        return (SHOWN.sub("", self.qemu("info", name).describe()),
                self.qemu("check", name).describe(),
                self.path("out.raw").read_bytes())

    def field(self, name, fmt, offset):
        data = self.path(name).read_bytes()
        return struct.unpack_from(fmt, data, offset)[0]

    # ---- What it does -------------------------------------------------------

    def test_versions_change_both_ways(self):
        for level in ("0.10", "1.1", "v2", "v2", "v3", "v3"):
            self.both("-o", f"compat={level}")
            self.both("-f", "qcow2", "-o", f"compat={level}")

    def test_zeroes_above_a_backing_file_stay_zeroes_in_version_2(self):
        self.raw("base", 4 << 20, (0, b"base" * (1 << 20)))
        self.image("b", more=("-b", "base", "-F", "raw"))
        self.both("-o", "compat=0.10", name="b")

    def test_zeroes_of_snapshots_are_kept(self):
        self.make("snapshot", "-c", "one", "a")
        self.io("a", "write -z 0 2M", "write -P 5 2M 64k")
        self.make("convert", "-l", "one", "-O", "raw", "a", "before.raw")
        self.make("convert", "-O", "raw", "a", "now.raw")
        self.succeeds(self.instar("amend", "-o", "compat=0.10", "a"))
        for choice, name in ((["-l", "one"], "before.raw"), ([], "now.raw")):
            self.make("convert", *choice, "-O", "raw", "a", "after.raw")
            self.assertTrue(self.path(name).read_bytes() ==
                            self.path("after.raw").read_bytes(), name)
        self.make("check", "-q", "a")
        self.assertEqual(self.field("a", ">I", 4), 2)

    # The reference counts all that a refcount table of one cluster can count,
    # which takes minutes where clusters are large and refcounts small.
    def test_every_width_becomes_every_other(self):
        self.image("w", "cluster_size=4k")
        for bits in (1, 64, 2, 32, 4, 16, 8, 64, 1, 16):
            self.both("-o", f"refcount_bits={bits}", name="w")
            self.make("check", "-q", "w")

    def test_widths_of_small_clusters_and_many_blocks(self):
        self.image("c", "cluster_size=512", "10M")
        self.io("c", "write -P 3 3M 6M")
        for bits in (64, 1, 32, 16):
            self.both("-o", f"refcount_bits={bits}", name="c")

    def test_a_count_that_does_not_fit_is_refused(self):
        self.image("w", "cluster_size=4k")
        for i in range(5):
            self.make("snapshot", "-c", str(i), "w")
        for bits in (1, 2, 4):
            self.both("-o", f"refcount_bits={bits}", name="w")

    def test_lazy_refcounts_come_and_go(self):
        self.image("a", "cluster_size=4k")
        for value in ("on", "on", "off", "on"):
            self.both("-o", f"lazy_refcounts={value}")
        self.both("-o", "compat=0.10")
        self.both("-o", "lazy_refcounts=on")
        self.both("-o", "compat=1.1,lazy_refcounts=on,refcount_bits=8")
        self.both("-o", "compat=0.10,refcount_bits=16")

    def test_the_disk_grows(self):
        self.image("g", "cluster_size=4k")
        for size in ("5M", "5M", "30M", "0", "64M"):
            self.both("-o", f"size={size}", name="g")

    def test_the_disk_shrinks_unasked_and_grows_over_what_was_given_up(self):
        for shape in ("cluster_size=4k", "cluster_size=16k,extended_l2=on",
                      "compat=0.10,cluster_size=512"):
            self.image("g", shape)
            for size in ("1M", "512", "3M", "7000k", "700k"):
                self.both("-o", f"size={size}", name="g")

    def test_sizes_change_with_snapshots_and_not_in_version_2(self):
        for shape in ("compat=1.1", "compat=0.10"):
            self.image("s", shape)
            self.make("snapshot", "-c", "one", "s")
            for options in ("size=6M", "size=4M", "size=1M", "compat=0.10",
                            "compat=1.1,size=2M"):
                self.both("-o", options, name="s")

    def test_a_size_and_other_changes_come_together(self):
        self.image("g", "cluster_size=4k")
        for options in ("size=1M,compat=0.10", "size=2M,compat=1.1",
                        "size=30M,refcount_bits=64,lazy_refcounts=on",
                        "size=1M,compat=0.10,refcount_bits=16",
                        "size=5M,compat=0.10,lazy_refcounts=on",
                        "size=3M,refcount_bits=3", "size=5M,backing_file=x"):
            self.both("-o", options, name="g")

    def test_what_lies_below_a_longer_disk_stays_hidden(self):
        self.raw("base", 8 << 20, (0, b"base" * (2 << 20)))
        below = ("-b", "base", "-F", "raw")
        for shape in ("cluster_size=64k", "cluster_size=16k,extended_l2=on"):
            self.image("b", shape, more=below)
            for options in ("size=4100k", "size=6M", "size=1M", "size=7M"):
                self.both("-o", options, name="b")
        self.image("b", "compat=0.10", more=below)
        for options in ("size=6M", "size=6M,compat=1.1",
                        "size=7M,compat=0.10", "size=9M", "size=2M"):
            self.both("-o", options, name="b")

    def test_the_base_may_be_packed_where_the_old_end_is_in_a_cluster(self):
        self.image("a", size="4M")
        self.make("convert", "-c", "-O", "qcow2", "a", "base")
        self.make("create", "-q", "-f", "qcow2", "-b", "base", "-F", "qcow2",
                  "b", "1000k")
        self.both("-o", "size=3M", name="b")

    def test_bitmaps_follow_the_size(self):
        self.make("create", "-q", "-f", "qcow2", "b", "4M")
        self.make("bitmap", "--add", "b", "b0")
        self.make("bitmap", "--add", "-g", "4k", "b", "b1")
        self.io("b", "write -P 1 0 1M", "write -P 1 3M 1M")
        for size in ("5M", "5M", "1M", "3M"):
            before = self.path("b").read_bytes()
            self.make("amend", "-o", f"size={size}", "b")
            want = qcow2_bitmaps.read(self.path("b"))
            self.path("b").write_bytes(before)
            self.both("-o", f"size={size}", name="b")
            self.assertEqual(qcow2_bitmaps.read(self.path("b")), want, size)

    def test_a_bitmap_in_use_forbids_every_size(self):
        self.make("create", "-q", "-f", "qcow2", "b", "4M")
        self.make("bitmap", "--add", "b", "b0")
        qcow2_bitmaps.set_first_flags(self.path("b"), 1)
        for size in ("5M", "4M", "1M", "1000"):
            self.both("-o", f"size={size}", name="b")

    def test_the_data_file_follows_the_size(self):
        for more in ("", ",data_file_raw=on"):
            self.image("d", "data_file=d.raw" + more)
            for options in ("size=6M", "size=1M", "size=3M",
                            "size=2M,data_file=d.raw"):
                data = self.path("d.raw").read_bytes()
                kept = self.path("d").read_bytes()
                self.make("amend", "-o", options, "d")
                want = self.facts("d"), self.path("d.raw").read_bytes()
                self.path("d").write_bytes(kept)
                self.path("d.raw").write_bytes(data)
                self.succeeds(self.as_reference("amend", "-o", options, "d"))
                self.assertEqual(
                    (self.facts("d"), self.path("d.raw").read_bytes()), want,
                    options)

    def test_sizes_that_cannot_be_are_told_alike(self):
        for size in ("1000", "100000T", "7E", "8E", "-1", "x"):
            self.both("-o", f"size={size}")

    def test_the_name_of_the_data_file_changes(self):
        self.image("d", "data_file=d.raw,data_file_raw=on")
        for options in ("data_file_raw=on", "data_file_raw=off",
                        "data_file_raw=on", "data_file=other", "data_file=",
                        "compat=0.10"):
            self.both("-o", options, name="d")

    def test_dry_calls_write_nothing(self):
        before = self.path("a").read_bytes()
        for options in ("compat=1.1", "refcount_bits=16", "size=4M", "size=0",
                        "lazy_refcounts=off", "data_file_raw=off"):
            self.succeeds(self.instar("amend", "-o", options, "a"))
            self.assertEqual(self.path("a").read_bytes(), before)

    # ---- What it refuses ----------------------------------------------------

    def test_wrong_options_are_told_alike(self):
        for options in ("compat=0.11", "refcount_bits=3", "refcount_bits=0",
                        "refcount_bits=128", "refcount_bits=x",
                        "compat=0.10,refcount_bits=8",
                        "compat=0.10,lazy_refcounts=on", "backing_file=x",
                        "backing_fmt=raw", "backing_file=", "data_file=x",
                        "data_file_raw=on", "encrypt.state=active",
                        "encryption=on", "encrypt.keyslot=x", "size=1000",
                        "cluster_size=4k", "nosuch=1", "extended_l2=on",
                        "preallocation=full", "nocow=on", "compat=1.1,x",
                        "lazy_refcounts=maybe", "size=-1",
                        "data_file=y,compat=0.11", "refcount_bits=3,data_file=y",
                        "backing_file=x,refcount_bits=8", "size=99,compat=1.1"):
            self.both("-o", options)

    def test_the_same_backing_file_is_no_change(self):
        self.raw("base", 4 << 20)
        self.image("b", more=("-b", "base", "-F", "raw"))
        for options in ("backing_file=base", "backing_fmt=raw",
                        "backing_file=base,backing_fmt=raw"):
            self.both("-o", options, name="b")

    def test_what_version_2_cannot_say_is_refused(self):
        self.image("x", "extended_l2=on")
        self.image("z", "compression_type=zstd")
        self.make("convert", "-c", "-O", "qcow2", "-o",
                  "compression_type=zstd", "a", "p")
        self.make("create", "-q", "-f", "qcow2", "s", "4M")
        self.make("snapshot", "-c", "s", "s")
        self.make("resize", "-q", "s", "8M")
        for name in ("x", "z", "p", "s"):
            self.both("-o", "compat=0.10", name=name)

    def test_zstd_was_no_version_2_before_7_0(self):
        self.image("z", "compression_type=zstd")
        end = self.instar("amend", "-o", "compat=0.10", "z",
                          env=self.environment(INSTAR_QEMU_VERSION="6.2"))
        self.fails(end, "incompatible features 0x8 set")

    def test_wrong_calls_are_told_alike(self):
        for args in ([], ["a"], ["-o", ",", "a"], ["-o", "", "a"],
                     ["-o", "compat=1.1"], ["-o", "compat=1.1", "a", "b"],
                     ["-t", "foo", "-o", "compat=1.1", "a"],
                     ["-o", "compat=1.1", "missing"],
                     ["-f", "nosuch", "-o", "help"], ["-o", "help"],
                     ["-f", "raw", "-o", "help"],
                     ["-f", "vmdk", "-o", "help", "a"]):
            self.same("amend", *args)

    def test_formats_without_options_are_told_alike(self):
        for fmt in ("vdi", "vmdk", "qed"):
            self.make("create", "-q", "-f", fmt, fmt, "1M")
            self.same("amend", "-o", "size=2M", fmt)
            self.same("amend", "-f", fmt, "-o", "size=2M", fmt)

    def test_the_help_names_the_options_of_the_reference(self):
        def names(end):
            return [line.split("=")[0] for line in end.text.splitlines()]
        for args in (["-o", "help", "a"], ["-f", "qcow2", "-o", "help"],
                     ["-f", "luks", "-o", "help"], ["-o", "?", "a"]):
            want = self.qemu("amend", *args)
            got = self.as_reference("amend", *args)
            self.assertEqual(names(got), names(want))
            self.assertEqual((got.code, got.err), (want.code, want.err))

    def test_progress_ends_at_a_hundred_whatever_happens(self):
        for options in ("compat=0.10", "refcount_bits=8", "size=8M",
                        "compat=0.10,refcount_bits=8"):
            end = self.as_reference("amend", "-p", "-o", options, "a")
            self.assertTrue(end.text.startswith("    (0.00/100%)\r"), end.text)
            self.assertTrue(end.text.endswith("    (100.00/100%)\r\n"))
        end = self.as_reference("amend", "-p", "-q", "-o", "compat=1.1", "a")
        self.assertEqual(end.text, "")
