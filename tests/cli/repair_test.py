"""`check -r`, and the repair of images that were not closed properly before
they are changed: as the reference, to the word."""
import shutil
import struct
import subprocess

from cli import case

DIRTY, CORRUPT = 1, 2
COPIED = 1 << 63
CLUSTER = 0x10000


class RepairTest(case.ProgramTest):
    """Images whose tables are where qemu-img puts them: refcount table at
    0x10000, its block at 0x20000, L1 and L2 tables at 0x30000 and 0x40000."""

    def image(self, *options):
        self.make("create", "-q", "-f", "qcow2", *options, "image", "64M")
        self.io("image", "write -P 1 0 256k")

    def poke(self, offset, data, name="image"):
        with open(self.path(name), "r+b") as f:
            f.seek(offset)
            f.write(data)

    def refcount(self, cluster, value):
        self.poke(0x20000 + 2 * cluster, struct.pack(">H", value))

    def entry(self, offset, value):
        self.poke(offset, struct.pack(">Q", value))

    def incompatible(self, name="image"):
        with open(self.path(name), "rb") as f:
            return struct.unpack(">Q", f.read(80)[72:])[0]

    def both(self, *args, fmt="qcow2"):
        """Runs it on two copies; then both hold the same disk."""
        shutil.copy(self.path("image"), self.path("damaged"))
        want = self.qemu(*args)
        self.path("image").rename(self.path("theirs"))
        self.path("damaged").rename(self.path("image"))
        got = self.as_reference(*args)
        self.assertEqual(got.describe(), want.describe())
        self.assertEqual(self.disk("image", fmt), self.disk("theirs", fmt))
        return got

    def disk(self, name, fmt):
        """What the disk holds, or why it cannot be read."""
        end = self.qemu("convert", "-f", fmt, "-O", "raw", name, "raw")
        return end.errors if end.code != 0 else self.path("raw").read_bytes()

    def clean(self):
        self.make("check", "-q", "image")

    # ---- check -r -----------------------------------------------------------

    def test_a_sound_image_stays_as_it_is(self):
        self.image()
        before = self.path("image").read_bytes()
        for kind in ("leaks", "all"):
            self.both("check", "-r", kind, "image")
            self.assertEqual(self.path("image").read_bytes(), before)

    def test_leaks_are_given_up(self):
        self.image()
        self.io("image", "write 1M 64k")
        self.entry(0x40080, 0)
        end = self.both("check", "-r", "leaks", "image")
        self.assertIn("1 leaked clusters", end.text)
        self.clean()

    def test_json_has_what_was_mended(self):
        self.image()
        self.refcount(5, 3)
        end = self.both("check", "-r", "leaks", "--output=json", "image")
        self.assertIn('"leaks-fixed": 1', end.text)

    def test_quiet_prints_problems_only(self):
        self.image()
        self.refcount(5, 3)
        end = self.both("check", "-q", "-r", "leaks", "image")
        self.assertEqual(end.text, "")

    def test_refcounts_that_are_too_low_and_copied_flags(self):
        for kind in ("leaks", "all"):
            self.image()
            self.entry(0x40008, COPIED | 5 * CLUSTER)
            self.both("check", "-r", kind, "image")
        self.clean()

    def test_copied_flags_alone(self):
        for kind in ("leaks", "all"):
            self.image()
            self.entry(0x40000, 5 * CLUSTER)
            self.entry(0x30000, 4 * CLUSTER)
            self.both("check", "-r", kind, "image")
            self.clean()

    def test_a_refcount_of_zero_needs_new_refcounts(self):
        for kind in ("leaks", "all"):
            self.image()
            self.refcount(5, 0)
            self.both("check", "-r", kind, "image")
        self.clean()
        # The same table and block in the same places, all of it.
        self.assertEqual(self.path("image").read_bytes(),
                         self.path("theirs").read_bytes())

    def test_no_refcount_table_at_all(self):
        self.image()
        self.poke(48, bytes(12))
        self.both("check", "-r", "all", "image")
        self.clean()

    def test_refcount_blocks_that_cannot_be(self):
        for value in (0, 0x20200, 0x20001, 0x10000000, 1 << 52,
                      (1 << 64) - (1 << 16)):
            for kind in ("leaks", "all"):
                self.image()
                self.entry(0x10000, value)
                self.both("check", "-r", kind, "image")

    def test_refcounts_of_other_widths(self):
        for bits in (1, 2, 4, 8, 32, 64):
            self.image("-o", f"refcount_bits={bits}")
            self.io("image", "write 1M 192k")
            self.entry(0x40080, 0)
            self.both("check", "-r", "leaks", "image")
            self.clean()
            self.image("-o", f"refcount_bits={bits}")
            self.poke(0x20000, bytes(CLUSTER))
            self.both("check", "-r", "all", "image")
            self.clean()

    def test_preallocated_clusters_that_are_not_aligned(self):
        for kind in ("leaks", "all"):
            self.image()
            self.entry(0x40008, COPIED | 6 * CLUSTER | 0x201)
            self.both("check", "-r", kind, "image")
        self.clean()

    def test_what_cannot_be_mended_is_counted(self):
        for entry in (COPIED | 6 * CLUSTER | 0x200, COPIED | 0x10000000):
            self.image()
            self.entry(0x40008, entry)
            end = self.both("check", "-r", "all", "image")
            self.assertEqual(end.code, 2)

    def test_marks_go_when_nothing_is_wrong(self):
        for mark in (DIRTY, CORRUPT, DIRTY | CORRUPT):
            self.image()
            self.entry(72, mark)
            self.refcount(5, 2)
            self.both("check", "-r", "leaks", "image")
            self.assertEqual(self.incompatible(), 0)

    def test_an_incomplete_snapshot(self):
        self.image("-o", "cluster_size=4k")
        self.make("snapshot", "-c", "one", "image")
        with open(self.path("image"), "rb") as f:
            data = f.read()
        table = struct.unpack(">Q", data[64:72])[0]
        entry = data[table:table + 40 + 24 + 4]
        self.poke(table, entry[:36] + struct.pack(">I", 8) + entry[40:48] +
                  entry[64:] + bytes(16))
        for kind in ("leaks", "all"):
            self.both("check", "-r", kind, "image")
        self.clean()
        self.assertIn("one", self.qemu("snapshot", "-l", "image").text)

    def test_it_is_refused_with_shared_access(self):
        self.image()
        self.same("check", "-U", "-r", "leaks", "image")

    def test_a_missing_image(self):
        self.same("check", "-r", "leaks", "missing")

    def test_an_image_in_use(self):
        self.image()
        holder = subprocess.Popen(
            ["qemu-io", "-f", "qcow2", "image"], cwd=self.directory,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holder.stdin.write(b"length\n")
        holder.stdin.flush()
        holder.stdout.readline()  # it answers, so that the image is open
        self.same("check", "-r", "leaks", "image")
        holder.communicate()

    # ---- Other formats ------------------------------------------------------

    def test_formats_that_cannot_be_repaired(self):
        for fmt in ("raw", "vdi", "vmdk", "vpc", "qcow"):
            self.make("create", "-q", "-f", fmt, f"a.{fmt}", "16M")
            self.same("check", "-f", fmt, "-r", "all", f"a.{fmt}")

    def test_qed_references_that_lead_nowhere(self):
        for kind in ("leaks", "all"):
            self.make("create", "-q", "-f", "qed", "image", "16M")
            self.io("image", "write -P 1 0 1M", fmt="qed")
            with open(self.path("image"), "rb") as f:
                l1 = struct.unpack("<Q", f.read(48)[40:])[0]
                f.seek(l1)
                l2 = struct.unpack("<Q", f.read(8))[0]
            self.poke(l2 + 8, struct.pack("<Q", 0x123))
            self.poke(l1 + 8, struct.pack("<Q", 1 << 40))
            self.poke(16, struct.pack("<Q", 2))  # needs a check
            self.both("check", "-r", kind, "image", fmt="qed")

    def test_sound_images_of_other_formats(self):
        for fmt in ("qed", "vhdx", "parallels"):
            self.make("create", "-q", "-f", fmt, "image", "16M")
            self.io("image", "write -P 1 0 1M", fmt=fmt)
            self.both("check", "-r", "all", "image", fmt=fmt)

    def test_parallels_clusters_that_are_not_there(self):
        for kind in ("leaks", "all"):
            self.make("create", "-q", "-f", "parallels", "image", "16M")
            self.io("image", "write -P 1 0 3M", fmt="parallels")
            self.poke(64 + 4, struct.pack("<I", 0x1000))
            self.poke(44, struct.pack("<I", 0x746f6e59))
            with open(self.path("image"), "ab") as f:
                f.write(bytes(3 << 20))
            self.both("check", "-r", kind, "image", fmt="parallels")

    # ---- Before a change ----------------------------------------------------

    def test_a_dirty_image_is_repaired_before_bitmap_changes_it(self):
        self.image("-o", "lazy_refcounts=on")
        self.entry(72, DIRTY)
        self.refcount(5, 0)
        self.refcount(6, 2)
        end = self.both("bitmap", "--add", "image", "bitmap")
        self.assertIn("Rebuilding refcount structure", end.errors)
        self.assertEqual(self.incompatible(), 0)
        self.clean()

    def test_what_cannot_be_mended_does_not_keep_it_from_that(self):
        self.image("-o", "lazy_refcounts=on")
        self.entry(72, DIRTY)
        self.entry(0x40008, COPIED | 0x10000000)
        self.both("bitmap", "--add", "image", "bitmap")
        self.assertEqual(self.incompatible(), 0)

    def test_a_dirty_image_that_cannot_be_checked(self):
        self.image("-o", "lazy_refcounts=on")
        self.entry(72, DIRTY)
        self.entry(0x10000, 0x20200)
        end = self.both("bitmap", "--add", "image", "bitmap")
        self.assertIn("Could not repair dirty image", end.errors)

    def test_a_corrupt_image_is_not_repaired_on_the_way(self):
        self.image()
        self.entry(72, CORRUPT | DIRTY)
        self.both("bitmap", "--add", "image", "bitmap")
        self.assertEqual(self.incompatible(), CORRUPT | DIRTY)

    def test_a_dirty_target_is_repaired_before_it_is_written(self):
        self.raw("source", 1 << 20, (0, b"x" * 70000))
        self.image("-o", "lazy_refcounts=on")
        self.entry(72, DIRTY)
        self.refcount(5, 3)
        self.both("convert", "-n", "-O", "qcow2", "-f", "raw", "source",
                  "image")
        self.clean()

    def test_a_qed_target_that_needs_a_check(self):
        self.raw("source", 1 << 20, (0, b"x" * 70000))
        self.make("create", "-q", "-f", "qed", "image", "16M")
        self.io("image", "write -P 1 0 1M", fmt="qed")
        self.poke(16, struct.pack("<Q", 2))
        self.both("convert", "-n", "-O", "qed", "-f", "raw", "source",
                  "image", fmt="qed")

    # ---- Layers -------------------------------------------------------------

    def overlay(self, fmt="qed", base="qcow2", size="16M"):
        """`image` above `below`, both with something in them."""
        self.make("create", "-q", "-f", base, "below", "16M")
        self.io("below", "write -P 1 0 1M", fmt=base)
        self.make("create", "-q", "-f", fmt, "-b", "below", "-F", base,
                  "image", size)
        self.io("image", "write -P 2 512k 1M", "write -P 3 4M 128k", fmt=fmt)

    def needs_check(self, name="image"):
        with open(self.path(name), "rb") as f:
            features = f.read(17)[16]
        self.poke(16, bytes([features | 2]), name)

    def features(self, name="image"):
        return self.path(name).read_bytes()[16]

    def test_a_qed_overlay_that_needs_a_check_is_resized(self):
        self.overlay()
        self.needs_check()
        self.both("resize", "image", "64M", fmt="qed")
        self.assertEqual(self.features(), 1)

    def test_a_qed_overlay_that_needs_a_check_is_rebased(self):
        self.make("create", "-q", "-f", "qcow2", "other", "16M")
        for args in (["-b", "other", "-F", "qcow2"], ["-b", ""]):
            self.overlay()
            self.needs_check()
            self.both("rebase", *args, "image", fmt="qed")
            self.assertEqual(self.features() & 2, 0)

    def test_unsafe_rebase_repairs_without_what_is_below(self):
        self.overlay()
        self.needs_check()
        self.path("below").rename(self.path("moved"))
        self.both("rebase", "-u", "-b", "moved", "-F", "qcow2", "image",
                  fmt="qed")
        self.assertEqual(self.features(), 1)

    def committed(self, *args):
        """commit by both, each with layers of its own; then the disks below
        are the same. Returns what it ended with."""
        for name in ("image", "below"):
            shutil.copy(self.path(name), self.path(f"kept-{name}"))
        want = self.qemu("commit", *args, "image")
        theirs = self.disk("below", "qcow2")
        for name in ("image", "below"):
            self.path(f"kept-{name}").rename(self.path(name))
        got = self.as_reference("commit", *args, "image")
        self.assertEqual(got.describe(), want.describe())
        self.assertEqual(self.disk("below", "qcow2"), theirs)
        return got

    def test_a_qed_overlay_that_needs_a_check_is_committed(self):
        self.overlay()
        self.needs_check()
        self.committed()
        self.assertEqual(self.features(), 1)

    def test_a_dirty_overlay_is_committed(self):
        self.overlay("qcow2")
        self.poke(79, b"\1")
        self.refcount(5, 3)
        self.committed()
        self.assertEqual(self.incompatible(), 0)

    def test_a_dirty_base_is_repaired_without_a_word(self):
        for args in ([], ["-d"], ["-b", "below"]):
            self.overlay("qcow2")
            self.poke(79, b"\1", "below")
            self.poke(0x2000a, struct.pack(">H", 3), "below")
            self.committed(*args)
            self.assertEqual(self.incompatible("below"), 0)
            self.make("check", "-q", "below")

    def test_a_dirty_base_without_refcounts_keeps_its_data(self):
        # The reference gives its clusters to others.
        self.overlay("qcow2")
        self.make("convert", "-O", "raw", "image", "wanted")
        self.poke(79, b"\1", "below")
        self.poke(0x2000a, bytes(32), "below")
        self.succeeds(self.as_reference("commit", "-q", "image"))
        self.make("check", "-q", "below")
        self.make("compare", "-q", "-f", "qcow2", "-F", "raw", "below",
                  "wanted")

    def test_a_dirty_base_that_cannot_be_repaired_is_told(self):
        self.overlay("qcow2")
        self.poke(79, b"\1", "below")
        self.entry_in("below", 0x10000, 0x20200)
        before = self.path("below").read_bytes()
        end = self.as_reference("commit", "image")
        self.fails(end, "below", "Could not repair dirty image")
        self.assertEqual(len(end.errors.splitlines()), 1, end.errors)
        self.assertEqual(self.path("below").read_bytes()[:79], before[:79])

    def entry_in(self, name, offset, value):
        self.poke(offset, struct.pack(">Q", value), name)

    def test_a_qed_base_that_needs_a_check_is_written(self):
        for size in ("16M", "32M"):
            self.overlay("qcow2", "qed", size)
            self.make("convert", "-O", "raw", "image", "wanted")
            self.needs_check("below")
            self.same_commit_of_qed()
            self.assertEqual(self.features("below"), 0)

    def same_commit_of_qed(self):
        got = self.as_reference("commit", "image")
        self.assertEqual(self.succeeds(got), "Image committed.\n")
        self.make("check", "-q", "-f", "qed", "below")
        self.make("compare", "-q", "-f", "qed", "-F", "raw", "below", "wanted")

    def test_both_layers_are_repaired(self):
        self.overlay("qed", "qed")
        self.make("convert", "-O", "raw", "image", "wanted")
        self.needs_check()
        self.needs_check("below")
        self.same_commit_of_qed()
        self.assertEqual((self.features(), self.features("below")), (1, 0))

    def test_progress_begins_once_where_the_base_is_repaired(self):
        self.overlay("qcow2")
        self.poke(79, b"\1", "below")
        end = self.as_reference("commit", "-p", "image")
        self.assertEqual(end.text.count("(0.00/100%)"), 1, end.text)
        self.assertTrue(end.text.endswith("Image committed.\n"), end.text)
