"""resize: the words, the contents and the structure that it leaves behind."""
import json
import struct
import subprocess

import mapped
from cli import case
from cli.bitmap_test import Holding

MIB = 1 << 20
SHAPES = [[], ["-o", "cluster_size=512"], ["-o", "cluster_size=2M"],
          ["-o", "cluster_size=4k,refcount_bits=1"],
          ["-o", "cluster_size=16k,extended_l2=on"],
          ["-o", "compat=0.10,cluster_size=4k"]]
# Formats to which qemu-img gives no other size, with options for creation.
OWN = [("vdi", []), ("vdi", ["-o", "static=on"]), ("vpc", []),
       ("vpc", ["-o", "force_size=on"]), ("vpc", ["-o", "subformat=fixed"]),
       ("vpc", ["-o", "subformat=fixed,force_size=on"]), ("vhdx", []),
       ("vhdx", ["-o", "block_size=1M"]), ("vhdx", ["-o", "subformat=fixed"]),
       *(("vmdk", ["-o", f"subformat={kind}"]) for kind in (
           "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse",
           "twoGbMaxExtentFlat"))]


class Resize(case.ProgramTest):

    def both(self, image, *args, options=()):
        """Resizes the image and a copy by the reference: words, contents and
        structure are the same."""
        want = self.path(f"their-{image}")
        # Both are copies, with the same holes: they show in the map.
        for copy in (want.name, "copy"):
            subprocess.run(["cp", image, copy], cwd=self.directory, check=True)
        self.path("copy").rename(self.path(image))
        theirs = self.qemu("resize", *options, want.name, *args)
        ours = self.as_reference("resize", *options, image, *args)
        self.assertEqual(
            ours.describe(), theirs.describe().replace(want.name, image))
        for look in (["info", "--output=json"], ["map", "--output=json"],
                     ["check", "--output=json"]):
            ends = [self.qemu(*look, name).text.replace(want.name, image)
                    for name in (image, want.name)]
            if "info" in look:
                ends = ["\n".join(line for line in end.splitlines()
                                  if "actual-size" not in line)
                        for end in ends]
            if "map" in look:
                ends = [mapped.runs(end) for end in ends]
            self.assertEqual(ends[0], ends[1], (look, options, args))
        end = self.qemu("compare", image, want.name)
        self.assertEqual((end.code, end.text), (0, "Images are identical.\n"),
                         args)
        return ours

    def size_of(self, image, fmt="qcow2"):
        end = self.qemu("info", "--output=json", "-f", fmt, image)
        return json.loads(end.text)["virtual-size"]

    # ---- The command line ---------------------------------------------------

    def test_what_is_asked_wrongly_is_told_in_the_references_words(self):
        self.raw("r", MIB)
        self.make("create", "-q", "-f", "qcow2", "q", "1M")
        for args in [[], ["r"], ["a", "b", "c"], ["r", "2M", "--shrink"],
                     ["-f", "raw", "-1k", "r"], ["-f", "raw", "r", "-1k", "5"],
                     ["-x", "r", "1M"], ["-f"], ["-f", "raw", "r", "1X"],
                     ["-f", "raw", "r", ""], ["-f", "raw", "r", "+"],
                     ["-f", "raw", "r", "+-1k"], ["-f", "raw", "r", "16E"],
                     ["-f", "raw", "r", "15E"], ["-f", "raw", "r", "8E"],
                     ["-f", "raw", "r", "0"], ["-f", "raw", "r", "7E"],
                     ["-f", "raw", "r", "-1k"], ["-f", "raw", "r", "-4M"],
                     ["-f", "raw", "--preallocation=nosuch", "r", "2M"],
                     ["-f", "raw", "--preallocation=metadata", "r", "2M"],
                     ["-f", "raw", "--preallocation=full", "r", "1M"],
                     ["-f", "nosuch", "r", "2M"], ["-f", "qcow2", "r", "2M"],
                     ["--image-opts", "-f", "raw", "r", "2M"],
                     ["nosuch", "2M"], ["q", "1000001"], ["q", "7E"],
                     ["--image-opts", "driver=raw,size=1M,file.filename=r",
                      "2M"]]:
            with self.subTest(args=args):
                self.same("resize", *args)

    def test_releases_from_10_1_take_options_behind_the_operands(self):
        def resize(*args):
            self.raw("r", MIB)
            end = self.instar("resize", *args, env=self.environment(
                INSTAR_QEMU_VERSION="10.1.3"))
            return end, self.path("r").stat().st_size
        for args, size in [(["-f", "raw", "r", "-1k", "--shrink"], MIB - 1024),
                           (["r", "2M", "-f", "raw"], 2 * MIB),
                           (["r", "-f", "raw", "+1k"], MIB + 1024),
                           (["--shrink", "-f", "raw", "--", "r", "-1k"],
                            MIB - 1024)]:
            end, length = resize(*args)
            self.assertEqual(self.succeeds(end), "Image resized.\n", args)
            self.assertEqual(length, size, args)
        for args, words in [
                (["a", "b", "c"], "Extra argument(s) in command line"),
                (["r"], "Expecting image file name and size"),
                (["-f", "raw", "r", "--shrink", "-1k"], "invalid option")]:
            end, length = resize(*args)
            self.fails(end, words)
            self.assertEqual(length, MIB)

    def test_a_locked_image_is_left_alone(self):
        self.make("create", "-q", "-f", "qcow2", "q", "1M")
        with Holding(self.directory, "q"):
            before = self.path("q").read_bytes()
            self.same("resize", "q", "2M")
            self.assertTrue(self.path("q").read_bytes() == before)

    # ---- raw ----------------------------------------------------------------

    def test_raw_files_get_the_length_that_is_asked_for(self):
        for args in [["2M"], ["+1M"], ["-f", "raw", "+1"],
                     ["-f", "raw", "2000001"], ["-q", "-f", "raw", "+64k"],
                     ["-f", "raw", "--preallocation=falloc", "+1M"],
                     ["-f", "raw", "--preallocation=full", "+1M"],
                     ["-f", "raw", "--shrink", "-512k"]]:
            with self.subTest(args=args):
                found = []
                for run in (self.qemu, self.as_reference):
                    self.raw("r", 1000001, (0, b"hello"), (999999, b"x"))
                    end = run("resize", *args[:-1], "r", args[-1])
                    found.append((end.describe(),
                                  self.path("r").read_bytes()))
                self.assertEqual(found[0][0], found[1][0])
                self.assertTrue(found[0][1] == found[1][1])

    def test_a_device_keeps_its_size(self):
        self.is_root()
        self.raw("disk", 4 * MIB)
        end = subprocess.run(["losetup", "-f", "--show", "disk"],
                             cwd=self.directory, check=False, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if end.returncode != 0:
            self.skipTest("no loop device: " + end.stderr.strip())
        name = end.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", name], check=False)
        for args in [["4M"], ["8M"], ["--shrink", "2M"],
                     ["--preallocation=full", "8M"]]:
            self.same("resize", "-f", "raw", *args[:-1], name, args[-1])
        self.make("create", "-q", "-f", "qcow2", name, "1M")
        for args in [["3M"], ["30M"], ["--shrink", "1M"]]:
            self.same("resize", *args[:-1], name, args[-1])
        self.make("check", "-q", name)
        self.fails(self.as_reference("resize", "--preallocation=metadata",
                                     name, "40M"))
        self.assertEqual(self.size_of(name), MIB)

    # ---- qcow2 --------------------------------------------------------------

    def image(self, options, size="16M", name="q"):
        self.make("create", "-q", "-f", "qcow2", *options, name, size)
        self.io(name, "write -P 1 0 100k", "write -P 2 1M 300k",
                "write -P 3 15M 1M")

    def test_images_of_every_shape_grow_and_shrink(self):
        for options in SHAPES:
            with self.subTest(options=options):
                self.image(options)
                self.both("q", "100M")
                self.both("q", "200M" if "=512" in str(options) else "1G")
                self.both("q", "2M", options=["--shrink"])
                self.both("q", "1000448", options=["--shrink"])
                self.both("q", "40M")

    def test_what_is_added_can_be_preallocated(self):
        for options in SHAPES:
            for mode in ("metadata", "falloc", "full"):
                with self.subTest(options=options, mode=mode):
                    self.make("create", "-q", "-f", "qcow2", *options, "q",
                              "15999488")
                    self.io("q", "write -P 1 14M 1000k")
                    self.both("q", "+3M", options=[f"--preallocation={mode}"])
                    self.both("q", "+3000320",
                              options=[f"--preallocation={mode}"])

    def test_snapshots_keep_what_the_image_loses(self):
        for options in SHAPES[:3]:
            with self.subTest(options=options):
                self.image(options)
                self.make("snapshot", "-c", "s", "q")
                self.io("q", "write -P 9 1M 64k")
                self.both("q", "2M", options=["--shrink"])
                self.both("q", "20M")
                self.make("convert", "-l", "s", "-O", "raw", "q", "s.out")
                self.make("convert", "-l", "s", "-O", "raw", "their-q",
                          "their-s.out")
                self.make("compare", "-f", "raw", "-F", "raw", "s.out",
                          "their-s.out")
        self.make("create", "-q", "-f", "qcow2", "-o", "compat=0.10", "v2",
                  "1M")
        self.make("snapshot", "-c", "s", "v2")
        self.same("resize", "v2", "2M")
        self.same("resize", "--shrink", "v2", "64k")

    def test_a_longer_backing_file_does_not_show_through(self):
        self.raw("base", 8 * MIB, (0, b"base" * (2 * MIB)))
        for options in SHAPES:
            for more in ([], ["--preallocation=metadata"],
                         ["--preallocation=falloc"]):
                with self.subTest(options=options, more=more):
                    self.make("create", "-q", "-f", "qcow2", *options, "-b",
                              "base", "-F", "raw", "q", "1000448")
                    if ("compat=0.10" in str(options)
                            and "falloc" not in str(more)):
                        self.refused(more)
                    else:
                        self.both("q", "3M", options=more)

    def refused(self, more):
        """The reference fails too, but leaves clusters behind."""
        before = self.path("q").read_bytes()
        end = self.as_reference("resize", *more, "q", "3M")
        self.fails(end, "Failed to zero out new clusters: Operation not "
                        "supported")
        self.assertEqual(self.path("q").read_bytes(), before)

    def test_data_files_become_as_long_as_the_disk(self):
        for raw in ("on", "off"):
            self.make("create", "-q", "-f", "qcow2", "-o",
                      f"data_file=d,data_file_raw={raw}", "q", "1M")
            for args, size in ((["2M"], 2 * MIB),
                               (["--shrink", "512k"], MIB // 2),
                               (["--preallocation=metadata", "3M"], 3 * MIB),
                               (["--preallocation=falloc", "4M"], 4 * MIB),
                               (["--shrink", "2M"], 2 * MIB),
                               (["2M"], 2 * MIB)):
                with self.subTest(raw=raw, args=args):
                    self.succeeds(self.as_reference(
                        "resize", *args[:-1], "q", args[-1]))
                    self.assertEqual(self.path("d").stat().st_size, size)
                    self.make("check", "-q", "q")
            self.assertEqual(self.size_of("q"), 2 * MIB)

    def test_bitmaps_change_their_length_with_the_image(self):
        for options in SHAPES[:3]:
            with self.subTest(options=options):
                self.image(options)
                self.make("bitmap", "--add", "-g", "64k", "q", "b0")
                self.make("bitmap", "--add", "-g", "1M", "--disable", "q",
                          "b1")
                self.io("q", "write -P 5 3M 200k", "write -P 6 14M 64k")
                self.both("q", "64M")
                self.both("q", "4M", options=["--shrink"])
                self.both("q", "16M")
                self.make("bitmap", "--merge", "b0", "q", "b1")

    def test_inconsistent_bitmaps_keep_an_image_from_changing(self):
        self.image([])
        self.make("bitmap", "--add", "q", "b0")
        data = bytearray(self.path("q").read_bytes())
        at = data.index(struct.pack(">II", 0x23852875, 24)) + 24
        directory, = struct.unpack_from(">Q", data, at)
        data[directory + 12:directory + 16] = struct.pack(">I", 3)
        self.path("q").write_bytes(data)
        self.same("resize", "q", "32M")
        self.assertTrue(self.path("q").read_bytes() == bytes(data))

    # ---- Other formats ------------------------------------------------------

    def test_qed_grows(self):
        self.make("create", "-q", "-f", "qed", "e", "64M")
        for args in [["128M"], ["64T"], ["65T"], ["1000001"],
                     ["--preallocation=full", "+1M"], ["--shrink", "1M"]]:
            self.path("e2").write_bytes(self.path("e").read_bytes())
            theirs = self.qemu("resize", *args[:-1], "e2", args[-1])
            ours = self.as_reference("resize", *args[:-1], "e", args[-1])
            self.assertEqual(ours.describe(), theirs.describe())
            self.assertEqual(self.path("e").read_bytes(),
                             self.path("e2").read_bytes(), args)
        self.make("check", "-q", "e")

    def test_other_formats_keep_their_size_as_they_do_with_qemu_img(self):
        for fmt in ("qcow", "vdi", "vmdk", "vpc", "vhdx", "parallels"):
            self.make("create", "-q", "-f", fmt, f"x.{fmt}", "64M")
            before = self.path(f"x.{fmt}").read_bytes()
            self.same("resize", f"x.{fmt}", "128M")
            self.same("resize", "-f", fmt, "--shrink", f"x.{fmt}", "32M")
            self.assertTrue(self.path(f"x.{fmt}").read_bytes() == before)

    def test_under_the_name_instar_other_formats_grow(self):
        for fmt, options in OWN:
            most = ("1G" if "twoGb" in str(options) else
                    "300G" if fmt == "vdi" and not options else "20G")
            for size, more in ((3 * MIB, "64M"), (16 * MIB, most),
                               (10 * MIB, "+512")):
                with self.subTest(fmt=fmt, options=options, size=size):
                    self.grow(fmt, options, size, more)

    def grow(self, fmt, options, size, more):
        for old in self.directory.glob("x*"):
            old.unlink()
        self.raw("r", size, (0, b"start" * 1000), (size // 2, b"mid" * 50000),
                 (size - 4096, b"last" * 1024))
        self.make("convert", "-f", "raw", "-O", fmt, *options, "r", "x")
        before = self.size_of("x", fmt)
        end = self.instar("resize", "-f", fmt, "x", more, name="instar")
        self.assertEqual(self.succeeds(end), "Image resized.\n")
        after = self.size_of("x", fmt)
        self.assertGreater(after, before)
        self.sound(fmt)
        # Old bytes, then zeroes.
        end = self.qemu("compare", "-f", "raw", "-F", fmt, "r", "x")
        self.assertIn("Images are identical.", end.text)
        # And it can be written to, at its new end.
        self.io("x", f"write -P 7 {after - 512} 512", "write -P 8 0 4096",
                fmt=fmt)
        found = self.qemu("map", "--output=json", "-f", fmt, "x")
        self.assertEqual(found.code, 0)
        self.io("x", f"read -P 7 {after - 512} 512", "read -P 8 0 4096",
                fmt=fmt)
        self.sound(fmt)

    def sound(self, fmt):
        if fmt in ("vdi", "vhdx", "vmdk"):
            self.make("check", "-q", "-f", fmt, "x")

    def test_own_formats_neither_shrink_nor_preallocate(self):
        self.make("create", "-q", "-f", "vdi", "x", "64M")
        self.fails(self.instar("resize", "--shrink", "-f", "vdi", "x", "1M",
                               name="instar"), "can only grow")
        self.fails(self.instar("resize", "--preallocation=full", "-f", "vdi",
                               "x", "+1M", name="instar"), "preallocation")
        self.assertEqual(self.size_of("x", "vdi"), 64 * MIB)
