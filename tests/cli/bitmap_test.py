"""bitmap and convert --bitmaps: messages, status and bytes as the reference has
them; and what is left behind when an action fails."""
import re
import shutil
import struct
import subprocess

import qcow2_bitmaps
from cli import case

BITMAPS_EXTENSION = 0x23852875
NODE = re.compile(r"#block\d+")  # with random digits
ALL = ["--add", "--remove", "--clear", "--enable", "--disable"]


class BitmapTest(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.make("create", "-q", "-f", "qcow2", "a", "16M")
        self.make("bitmap", "--add", "a", "b0")
        self.io("a", "write -P 1 1M 300k", "write -P 2 9M 4k")
        self.make("bitmap", "--add", "--disable", "-g", "4k", "a", "b1")

    def directory_of(self, name):
        """Offset and bytes of the bitmap directory."""
        data = self.path(name).read_bytes()
        at, = struct.unpack_from(">I", data, 100)
        while True:
            kind, length = struct.unpack_from(">II", data, at)
            self.assertNotEqual(kind, 0, "no bitmaps")
            if kind == BITMAPS_EXTENSION:
                break
            at += 8 + (length + 7) // 8 * 8
        size, offset = struct.unpack_from(">QQ", data, at + 16)
        return offset, data[offset:offset + size]

    def break_first(self, name):
        """Marks the first bitmap as in use, as a crash leaves it."""
        offset, _ = self.directory_of(name)
        with open(self.path(name), "r+b") as f:
            f.seek(offset + 12)
            f.write(struct.pack(">I", 1))

    def both(self, *args):
        """As `same`, each on files of its own, which end the same as well."""
        before = [p for p in self.directory.iterdir() if p.is_file()]
        results = []
        for run in (self.qemu, self.as_reference):
            for path in self.directory.iterdir():
                if path.is_file() and path not in before:
                    path.unlink()
            kept = {p: p.read_bytes() for p in before}
            end = run(*args)
            results.append((NODE.sub("#block", end.describe()), {
                p.name: p.read_bytes() for p in self.directory.iterdir()}))
            self.last = end
            if run == self.qemu:
                for path, data in kept.items():
                    path.write_bytes(data)
        self.assertEqual(results[1][0], results[0][0], " ".join(args))
        self.assertEqual(results[1][1].keys(), results[0][1].keys())
        for name, data in results[0][1].items():
            self.assertTrue(results[1][1][name] == data,
                            f"{' '.join(args)}: bytes of {name} differ")
        return self.last

    def sound(self, *names):
        for name in names:
            self.make("check", "-q", "-f", "qcow2", name)

    # ---- Actions ------------------------------------------------------------

    def test_nothing_below_the_image_is_opened(self):
        self.make("create", "-q", "-f", "qcow2", "-b", "a", "-F", "qcow2",
                  "top")
        self.make("create", "-q", "-f", "qcow2", "other", "16M")
        self.path("a").unlink()
        self.succeeds(self.as_reference("bitmap", "--add", "top", "b"))
        self.make("bitmap", "--remove", "top", "b")
        self.make("bitmap", "--add", "top", "b")
        self.make("bitmap", "--add", "other", "b")
        self.succeeds(self.same("bitmap", "--merge", "b", "-b", "top", "other",
                                "b"))

    def test_every_action_leaves_the_references_bytes(self):
        for action in ALL:
            self.both("bitmap", action, "a", "b0")
            self.both("bitmap", action, "-f", "qcow2", "a", "new")
        self.sound("a")

    def test_actions_are_carried_out_in_order(self):
        self.both("bitmap", "--add", "--merge", "b0", "--disable", "a", "b2")
        self.both("bitmap", "--merge", "b0", "--clear", "--merge", "b2", "a",
                  "b1")
        self.both("bitmap", "--clear", "--merge", "b0", "--remove", "--add",
                  "a", "b1")
        self.sound("a")

    def test_other_granularities_are_merged(self):
        for granularity in ("512", "4k", "64k", "1M", "2G"):
            self.both("bitmap", "--add", "-g", granularity, "--merge", "b0",
                      "a", f"from{granularity}")
            self.both("bitmap", "--merge", f"from{granularity}", "a", "b1")
        self.sound("a")

    def test_bitmaps_of_another_image_are_merged(self):
        self.make("create", "-q", "-f", "qcow2", "-o", "cluster_size=512",
                  "o", "16M")
        self.both("bitmap", "--add", "-g", "1k", "o", "x")
        self.both("bitmap", "--merge", "b0", "-b", "a", "o", "x")
        self.both("bitmap", "--merge", "b0", "--merge", "b1", "-b", "a", "-F",
                  "qcow2", "-f", "qcow2", "o", "x")
        self.sound("a", "o")

    def test_a_failed_action_keeps_what_came_before_it(self):
        self.both("bitmap", "--add", "--add", "a", "new")
        self.both("bitmap", "--clear", "--merge", "nosuch", "a", "b0")
        self.sound("a")

    def test_what_cannot_be_done_is_told_in_the_references_words(self):
        self.raw("r", 1 << 20)
        self.make("create", "-q", "-f", "qcow2", "-o", "compat=0.10", "v2",
                  "1M")
        self.make("create", "-q", "-f", "qcow2", "small", "1M")
        self.make("bitmap", "--add", "small", "b0")
        long_name = "n" * 1030
        for args in [
                ["a", "b0"], ["--add", "a"], ["--add", "a", "b", "c"],
                ["--add", "a", "b0"], ["--add", "a", ""],
                ["--add", "a", long_name], ["--clear", "a", long_name],
                ["--add", "-g", "100", "a", "x"],
                ["--add", "-g", "4G", "a", "x"],
                ["--add", "-g", "none", "a", "x"],
                ["--clear", "-g", "64k", "a", "b0"],
                ["--merge", "b1", "-F", "qcow2", "a", "b0"],
                ["--add", "-b", "a", "a", "x"],
                ["--merge", "nosuch", "a", "b0"],
                ["--merge", "b0", "-b", "nosuch", "a", "b0"],
                ["--merge", "b0", "-b", "nosuch", "nosuch2", "b0"],
                ["--merge", "b0", "-b", "r", "-F", "nosuch", "a", "b0"],
                ["--merge", "b0", "-b", "r", "-F", "raw", "a", "b0"],
                ["--merge", "b0", "-b", "small", "a", "b0"],
                ["--merge", "b0", "-b", "a", "a", "b1"],
                *([action, "-f", "raw", "r", "b"] for action in ALL),
                ["--add", "r", "b"],
                *([action, "v2", "b"] for action in ALL),
                ["--remove", "a", "nosuch"], ["--add", "nosuch", "b"],
                ["--add", "-f", "nosuch", "a", "b"], ["--bad", "a", "b"],
                ["--merge"]]:
            with self.subTest(args=args):
                self.both("bitmap", *args)

    def test_a_bitmap_that_is_inconsistent_can_only_be_removed(self):
        self.break_first("a")
        shutil.copy(self.path("a"), self.path("c"))
        for action in ["--add", "--clear", "--enable", "--disable"]:
            self.assertEqual(self.both("bitmap", action, "a", "b0").code, 1)
        self.both("bitmap", "--merge", "b0", "a", "b1")
        self.both("bitmap", "--merge", "b0", "-b", "c", "a", "b1")
        self.assertEqual(self.both("bitmap", "--remove", "a", "b0").code, 0)
        self.sound("a")

    def test_removing_all_is_an_action_of_11_1(self):
        newest = self.environment(INSTAR_QEMU_VERSION="11.1")
        self.succeeds(self.instar("bitmap", "--remove-all", "a", env=newest))
        self.assertNotIn("bitmaps", self.qemu("info", "a").text)
        self.sound("a")
        self.fails(self.as_reference("bitmap", "--remove-all", "a"),
                   "--remove-all")

    def test_a_locked_image_is_left_alone(self):
        with Holding(self.directory, "a"):
            before = self.path("a").read_bytes()
            self.same("bitmap", "--add", "a", "x")
            self.assertTrue(self.path("a").read_bytes() == before)

    # ---- convert ------------------------------------------------------------

    def test_convert_copies_bitmaps_to_the_byte(self):
        self.make("bitmap", "--add", "-g", "1M", "a", "b2")
        for options in [[], ["-o", "cluster_size=4k"], ["-c"],
                        ["-o", "preallocation=metadata"],
                        ["-o", "extended_l2=on,cluster_size=16k"]]:
            self.path("out").unlink(missing_ok=True)
            if "-c" in options:  # what is packed differs
                self.succeeds(self.as_reference(
                    "convert", "--bitmaps", "-O", "qcow2", *options, "a",
                    "out"))
            else:
                self.both("convert", "--bitmaps", "-O", "qcow2", *options,
                          "a", "out")
            self.sound("out")

    def test_convert_copies_bitmaps_onto_an_image(self):
        self.make("create", "-q", "-f", "qcow2", "out", "16M")
        self.both("convert", "--bitmaps", "-n", "-O", "qcow2", "a", "out")
        self.make("create", "-q", "-f", "qcow2", "out", "17M")
        self.both("convert", "--bitmaps", "-n", "-O", "qcow2", "a", "out")

    def test_bitmaps_of_a_target_record_what_it_gets(self):
        for compressed in ([], ["-c"]):
            self.make("create", "-q", "-f", "qcow2", "out", "16M")
            self.make("bitmap", "--add", "out", "coarse")
            self.make("bitmap", "--add", "-g", "512", "out", "fine")
            self.make("bitmap", "--add", "--disable", "out", "off")
            kept = self.path("out").read_bytes()
            for options in ([], ["--target-is-zero"]):
                stored = []
                for run in (self.qemu, self.as_reference):
                    self.path("out").write_bytes(kept)
                    self.succeeds(run("convert", *compressed, *options, "-n",
                                      "-O", "qcow2", "a", "out"))
                    self.sound("out")
                    stored.append(qcow2_bitmaps.read(self.path("out")))
                self.assertEqual(stored[1], stored[0])

    def test_convert_tells_of_inconsistent_bitmaps_before_data_moves(self):
        self.break_first("a")
        self.both("convert", "--bitmaps", "-O", "qcow2", "a", "out")
        self.assertFalse(self.path("out").exists())
        end = self.both("convert", "--bitmaps", "--skip-broken-bitmaps", "-O",
                        "qcow2", "a", "out")
        self.assertIn("Skipping inconsistent bitmap 'b0'", end.errors)
        self.sound("out")

    def test_convert_refuses_what_has_no_bitmaps(self):
        self.raw("r", 1 << 20)
        for args in [["-f", "raw", "-O", "qcow2", "r", "out"],
                     ["-O", "qcow2", "a", "a", "out"],
                     ["-O", "nosuch", "a", "out"],
                     ["-l", "nosuch", "-O", "qcow2", "a", "out"]]:
            with self.subTest(args=args):
                self.both("convert", "--bitmaps", *args)
        for args in [["-O", "raw", "a", "out"],
                     ["-O", "qcow2", "-t", "nosuch", "a", "out"],
                     ["-O", "qcow2", "-o", "compat=0.10", "a", "out"],
                     ["-O", "raw", "a", "nosuch/out"]]:
            with self.subTest(args=args):
                self.same("convert", "--bitmaps", *args)


class Holding:
    """A process of the reference that has an image open for writing."""

    def __init__(self, directory, image):
        self.directory, self.image = directory, image

    def __enter__(self):
        self.child = subprocess.Popen(
            ["qemu-io", "-f", "qcow2", self.image], cwd=self.directory,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.child.stdin.write(b"read 0 512\n")
        self.child.stdin.flush()
        self.child.stdout.readline()

    def __exit__(self, *_):
        self.child.communicate(b"quit\n")
