"""snapshot: messages, status and what images hold as the reference has them, and
what a failure leaves behind."""
import re
import shutil
import struct
import subprocess

from cli import case

DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
WARNS_OF_RAW = "WARNING: Image format was not specified"


class SnapshotTest(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.make("create", "-q", "-f", "qcow2", "a", "4M")
        self.io("a", "write -P 1 0 1M", "write -z 2M 512k")

    def both(self, *args, name="a"):
        """Each changes a copy of the image; they say and hold the same."""
        shutil.copy(self.path(name), self.path("kept"))
        want = self.qemu(*args)
        theirs = self.contents(name)
        shutil.copy(self.path("kept"), self.path(name))
        got = self.as_reference(*args)
        self.assertEqual(DATE.sub("", got.describe()),
                         DATE.sub("", want.describe()))
        self.assertEqual(self.contents(name), theirs, " ".join(args))
        return got

    def contents(self, name):
        """The bytes of the present state and of every snapshot."""
        listed = self.qemu("snapshot", "-l", name).text.splitlines()[2:]
        found = []
        for choice in [[]] + [["-l", f"snapshot.id={line.split()[0]}"]
                              for line in listed]:
            self.qemu("convert", "-O", "raw", *choice, name, "out.raw")
            found.append(self.path("out.raw").read_bytes())
        return len(listed), found

    def sound(self, name="a"):
        self.make("check", "-q", "-f", "qcow2", name)

    def field(self, name, fmt, offset):
        data = self.path(name).read_bytes()
        return struct.unpack_from(fmt, data, offset)[0]

    # ---- What it does -------------------------------------------------------

    def test_snapshots_come_and_go_as_with_the_reference(self):
        for args in (["-c", "one"], ["-c", "two"], ["-a", "one"], ["-a", "2"],
                     ["-d", "one"], ["-c", "three"], ["-d", "two"],
                     ["-d", "three"]):
            self.both("snapshot", *args, "a")
            self.sound()
            self.io("a", f"write -P {len(args[1])} 512k 600k")

    def test_the_first_snapshot_makes_the_references_bytes(self):
        shutil.copy(self.path("a"), self.path("b"))
        self.make("snapshot", "-c", "one", "b")
        self.succeeds(self.instar("snapshot", "-c", "one", "a"))
        ours = bytearray(self.path("a").read_bytes())
        theirs = bytearray(self.path("b").read_bytes())
        table = self.field("a", ">Q", 64)
        for data in (ours, theirs):
            data[table + 16:table + 24] = bytes(8)  # the date
        self.assertTrue(ours == theirs, "bytes differ")

    def test_a_new_id_is_above_the_greatest(self):
        for name in ("one", "two", "three"):
            self.make("snapshot", "-c", name, "a")
        self.make("snapshot", "-d", "two", "a")
        self.succeeds(self.instar("snapshot", "-c", "four", "a"))
        listed = self.qemu("snapshot", "-l", "a").text.splitlines()
        self.assertEqual(listed[-1].split()[:2], ["4", "four"])

    def test_a_name_is_cut_as_the_reference_cuts_it(self):
        self.both("snapshot", "-c", "n" * 300, "a")
        self.both("snapshot", "-d", "n" * 300, "a")
        self.both("snapshot", "-d", "n" * 255, "a")

    def test_an_older_size_comes_back(self):
        self.make("snapshot", "-c", "small", "a")
        self.make("resize", "-q", "a", "600M")
        self.io("a", "write -P 9 598M 1M")
        self.make("snapshot", "-c", "large", "a")
        for name in ("small", "large", "small"):
            self.both("snapshot", "-a", name, "a")
            self.sound()
        self.assertEqual(self.field("a", ">Q", 24), 4 << 20)

    def test_unknown_extra_data_of_other_snapshots_stays(self):
        self.make("snapshot", "-c", "one", "a")
        table = self.field("a", ">Q", 64)
        with open(self.path("a"), "r+b") as f:
            f.seek(table)
            record = bytearray(f.read(40 + 24 + 4))
            struct.pack_into(">I", record, 36, 32)
            f.seek(table)
            f.write(record[:64] + b"unknown!" + record[64:])
        self.both("snapshot", "-c", "two", "a")
        table = self.field("a", ">Q", 64)
        self.assertEqual(
            self.path("a").read_bytes()[table + 64:table + 72], b"unknown!")

    def test_compressed_clusters_and_subclusters_are_shared(self):
        self.raw("r", 3 << 20, (0, b"abc" * 100000), (1 << 20, b"x" * 300000))
        for options in (["-c"], ["-o", "extended_l2=on"],
                        ["-c", "-o", "cluster_size=512"],
                        ["-o", "cluster_size=2M"]):
            self.make("convert", "-O", "qcow2", *options, "r", "p")
            for args in (["-c", "one"], ["-c", "two"], ["-a", "one"],
                         ["-d", "one"], ["-d", "two"]):
                self.both("snapshot", *args, "p", name="p")
                self.sound("p")
                self.io("p", "write -P 7 100k 200k")

    def test_an_empty_disk_has_snapshots(self):
        self.make("create", "-q", "-f", "qcow2", "e", "0")
        for args in (["-c", "one"], ["-a", "one"], ["-d", "one"]):
            self.both("snapshot", *args, "e", name="e")
            self.sound("e")

    def test_bitmaps_stay_and_do_not_go_back(self):
        self.make("bitmap", "--add", "a", "b0")
        self.both("snapshot", "-c", "one", "a")
        self.both("snapshot", "-a", "one", "a")
        self.both("snapshot", "-d", "one", "a")
        self.sound()
        self.assertIn("name: b0", self.qemu("info", "a").text)

    # ---- What it prints -----------------------------------------------------

    def test_lists_print_the_same(self):
        self.same("snapshot", "-l", "a")
        self.make("snapshot", "-c", "one", "a")
        self.make("snapshot", "-c", "two words", "a")
        self.same("snapshot", "-l", "a")
        self.same("snapshot", "-l", "-U", "a")
        self.same("snapshot", "-l", "--image-opts",
                  "driver=qcow2,file.filename=a")

    def test_the_list_is_the_default_since_10_1(self):
        self.make("snapshot", "-c", "one", "a")
        listed = self.instar("snapshot", "a")
        self.assertIn("Snapshot list:", self.succeeds(listed))
        self.assertEqual(self.succeeds(self.as_reference("snapshot", "a")), "")

    def test_wrong_calls_are_told_alike(self):
        for args in ([], ["a", "b"], ["-l"], ["-l", "-l", "a"],
                     ["-c", "x", "-d", "y", "a"], ["-c", "x"],
                     ["-f", "qcow2", "-l", "a"], ["-U", "-c", "x", "a"],
                     ["-c", "x", "missing"], ["-l", "missing"]):
            self.same("snapshot", *args)

    def test_missing_snapshots_are_told_alike(self):
        for how in ("-a", "-d"):
            for name in ("nosuch", "", "1"):
                self.both("snapshot", how, name, "a")

    def test_formats_without_snapshots_are_told_alike(self):
        self.make("create", "-q", "-f", "raw", "r", "1M")
        for fmt in ("qed", "vdi", "vmdk", "vpc", "vhdx", "parallels", "qcow"):
            self.make("create", "-q", "-f", fmt, fmt, "1M")
        for name in ("r", "qed", "vdi", "vmdk", "vpc", "vhdx", "parallels",
                     "qcow"):
            for how in ("-c", "-a", "-d"):
                want = self.qemu("snapshot", how, "x", name)
                got = self.as_reference("snapshot", how, "x", name)
                self.assertEqual(got.describe().replace("WARNING", "WarNING"),
                                 want.describe().replace("WARNING", "WarNING"))
            self.same("snapshot", "-l", name)

    def test_errnos_are_numbers_before_8_2(self):
        self.make("create", "-q", "-f", "vdi", "v", "1M")
        text = self.fails(self.instar("snapshot", "-c", "x", "v"))
        self.assertIn("snapshot 'x': Operation not supported", text)
        text = self.fails(self.as_reference("snapshot", "-c", "x", "v"))
        self.assertIn("snapshot 'x': -95 (Operation not supported)", text)

    # ---- What goes wrong ----------------------------------------------------

    def test_a_full_refcount_changes_nothing(self):
        for bits, before in ((1, 0), (2, 2)):
            self.make("create", "-q", "-f", "qcow2", "-o",
                      f"refcount_bits={bits}", "f", "4M")
            self.io("f", "write 0 1M")
            for i in range(before):
                self.make("snapshot", "-c", str(i), "f")
            shutil.copy(self.path("f"), self.path("copy"))
            want = self.qemu("snapshot", "-c", "x", "copy")
            before = self.contents("f")
            got = self.as_reference("snapshot", "-c", "x", "f")
            self.assertEqual(got.describe(), want.describe())
            self.assertEqual(self.contents("f"), before)
            self.sound("f")

    def test_an_external_data_file_has_no_snapshots(self):
        self.make("create", "-q", "-f", "qcow2", "-o", "data_file=d", "e", "1M")
        for how in ("-c", "-a", "-d"):
            self.same("snapshot", how, "x", "e")

    def test_damaged_places_of_snapshots_are_told_and_kept(self):
        self.make("snapshot", "-c", "one", "a")
        table = self.field("a", ">Q", 64)
        for offset, data in ((7, b"\x01"), (8, b"\x7f")):
            shutil.copy(self.path("a"), self.path("d"))
            with open(self.path("d"), "r+b") as f:
                f.seek(table + offset)
                f.write(data)
            before = self.path("d").read_bytes()
            for how in ("-a", "-d"):
                self.same("snapshot", how, "one", "d")
                self.assertEqual(self.path("d").read_bytes(), before)

    def test_an_entry_that_cannot_be_ends_the_creation(self):
        l1 = self.field("a", ">Q", 40)
        l2 = self.field("a", ">Q", l1) & 0xfffffffffffe00
        with open(self.path("a"), "r+b") as f:
            f.seek(l2 + 6)
            f.write(b"\x02")
        end = self.as_reference("snapshot", "-c", "x", "a")
        self.fails(end, "Could not create snapshot 'x': -5 (Input/output error)")
        self.assertEqual(self.field("a", ">I", 60), 0)

    def test_a_writer_elsewhere_is_respected(self):
        self.make("create", "-q", "-f", "qcow2", "l", "1M")
        writer = self.holding_write_lock("l")
        try:
            self.fails(self.as_reference("snapshot", "-c", "x", "l"),
                       "lock")
        finally:
            writer.kill()
            writer.wait()

    def holding_write_lock(self, name):
        writer = subprocess.Popen(
            ["qemu-io", "-f", "qcow2", name], cwd=self.directory,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        writer.stdin.write(b"read 0 512\n")
        writer.stdin.flush()
        writer.stdout.readline()
        return writer
