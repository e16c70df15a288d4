"""rebase of vmdk images, under the program's own name: the reference reads the
result."""
import os

from cli import case

DESCRIPTOR, ROOM = 0x200, 20 * 512


class RebaseVmdkTest(case.ProgramTest):

    def setUp(self):
        super().setUp()
        for name, seed in (("old", 1), ("new", 2)):
            self.vmdk(name)
            self.io(name, f"write -P {seed} 0 1M", f"write -P 7 {seed}M 200k",
                    "write -P 9 5M 100k", fmt="vmdk")
        self.vmdk("top", "old")
        self.io("top", "write -P 5 300k 100k", fmt="vmdk")

    def vmdk(self, name, below=None, size="8M", **options):
        args = ["-b", below, "-F", "vmdk"] if below else []
        for key, value in options.items():
            args += ["-o", f"{key}={value}"]
        self.make("create", "-q", "-f", "vmdk", *args, name, size)

    def rebase(self, *args):
        return self.instar("rebase", *args, name="instar")

    def contents(self, name):
        self.make("convert", "-f", "vmdk", "-O", "raw", name, "contents")
        return self.path("contents").read_bytes()

    def text(self, name):
        data = self.path(name).read_bytes()[DESCRIPTOR:DESCRIPTOR + ROOM]
        return data.split(b"\0")[0].decode()

    def content_id(self, name):
        lines = self.text(name).splitlines()
        return next(l[4:] for l in lines if l.startswith("CID="))

    def test_what_would_change_is_stored_first(self):
        wanted = self.contents("top")
        self.succeeds(self.rebase("-b", "new", "-F", "vmdk", "top"))
        self.assertTrue(self.contents("top") == wanted)
        self.make("check", "-q", "top")
        text = self.text("top")
        self.assertIn('createType="monolithicSparse"\n'
                      'parentFileNameHint="new"\n', text)
        self.assertIn(f"\nparentCID={self.content_id('new')}\n", text)
        self.assertEqual(text.count("parent"), 2)
        # The reference reads bytes of the new parent through it.
        self.path("old").unlink()
        self.assertTrue(self.contents("top") == wanted)

    def test_equal_bytes_stay_in_the_parent(self):
        self.vmdk("empty", "old")
        before = os.path.getsize(self.path("empty"))
        self.path("same").write_bytes(self.path("old").read_bytes())
        self.succeeds(self.rebase("-b", "same", "-F", "vmdk", "empty"))
        self.assertEqual(os.path.getsize(self.path("empty")), before)

    def test_without_a_parent_the_image_stands_alone(self):
        wanted = self.contents("top")
        for args in (["-b", "", "top"], ["-b", "", "top"]):
            self.succeeds(self.rebase(*args))
            self.path("old").unlink(missing_ok=True)
            self.assertTrue(self.contents("top") == wanted)
            self.assertIn("\nparentCID=ffffffff\n", self.text("top"))
            self.assertNotIn("parentFileNameHint", self.text("top"))

    def test_unsafe_mode_changes_the_descriptor_alone(self):
        before = self.path("top").read_bytes()
        self.path("copy").write_bytes(self.path("old").read_bytes())
        wanted = self.contents("top")
        self.path("old").unlink()
        self.succeeds(self.rebase("-u", "-b", "copy", "-F", "vmdk", "top"))
        self.assertTrue(self.contents("top") == wanted)
        after = self.path("top").read_bytes()
        self.assertEqual(after[:DESCRIPTOR], before[:DESCRIPTOR])
        self.assertEqual(after[DESCRIPTOR + ROOM:], before[DESCRIPTOR + ROOM:])
        self.succeeds(self.rebase("-u", "-b", "", "top"))
        self.assertEqual(self.path("top").read_bytes()[DESCRIPTOR + ROOM:],
                         before[DESCRIPTOR + ROOM:])

    def test_children_know_the_image_still(self):
        self.vmdk("child", "top")
        wanted = self.contents("child")
        self.succeeds(self.rebase("-b", "new", "-F", "vmdk", "top"))
        self.assertTrue(self.contents("child") == wanted)

    def test_sizes_may_differ(self):
        for size in ("4M", "1M", "16M"):
            with self.subTest(size=size):
                self.vmdk("long", "old", size)
                self.vmdk("other", size="3M")
                self.io("other", "write -P 3 0 3M", fmt="vmdk")
                wanted = self.contents("long")
                self.succeeds(self.rebase("-b", "other", "-F", "vmdk", "long"))
                self.assertTrue(self.contents("long") == wanted)

    def test_grains_of_zeroes_hide_the_new_parent(self):
        self.vmdk("zero", "old", zeroed_grain="on")
        self.io("zero", "write -z 0 128k", fmt="vmdk")
        wanted = self.contents("zero")
        self.succeeds(self.rebase("-b", "new", "-F", "vmdk", "zero"))
        self.assertTrue(self.contents("zero") == wanted)

    def test_a_parent_must_be_a_vmdk_image(self):
        self.make("create", "-q", "-f", "qcow2", "other", "8M")
        before = self.path("top").read_bytes()
        for args in ([], ["-u"]):
            end = self.rebase(*args, "-b", "other", "-F", "qcow2", "top")
            self.fails(end, "backing_file must be a vmdk image")
            self.fails(self.rebase(*args, "-b", "missing", "-F", "vmdk",
                                   "top"), "missing")
        self.assertEqual(self.path("top").read_bytes(), before)

    def test_a_parent_that_was_written_to_since_is_not_read(self):
        self.io("old", "write -P 8 0 64k", fmt="vmdk")
        before = self.path("top").read_bytes()
        self.fails(self.rebase("-b", "new", "-F", "vmdk", "top"),
                   "error while reading from old backing file")
        self.assertEqual(self.path("top").read_bytes(), before)

    def test_names_fit_or_are_refused(self):
        before = self.path("top").read_bytes()
        for name in ('quo"te', "two\nlines"):
            self.path(name).write_bytes(self.path("new").read_bytes())
            self.fails(self.rebase("-u", "-b", name, "-F", "vmdk", "top"),
                       "Invalid argument")
            self.assertEqual(self.path("top").read_bytes(), before)
        long = "./" * 1000 + "new"
        self.succeeds(self.rebase("-u", "-b", long, "-F", "vmdk", "top"))
        self.assertIn(f'parentFileNameHint="{long}"\n', self.text("top"))
        self.contents("top")

    def test_a_text_without_room_is_refused(self):
        with open(self.path("top"), "r+b") as f:
            f.seek(36)
            f.write(b"\1")  # sectors of the descriptor
            text = self.text("top").encode()
            f.seek(DESCRIPTOR)
            f.write(text.ljust(510, b"#"))
        before = self.path("top").read_bytes()
        self.fails(self.rebase("-u", "-b", "./././././new", "-F", "vmdk",
                               "top"), "No space left in the file header")
        self.assertEqual(self.path("top").read_bytes(), before)

    def test_images_of_several_files_are_refused(self):
        for subformat in ("twoGbMaxExtentSparse", "streamOptimized"):
            self.vmdk("parts", "old", subformat=subformat)
            self.fails(self.rebase("-u", "-b", "new", "-F", "vmdk", "parts"),
                       "Operation not supported")

    def test_nothing_is_packed(self):
        self.fails(self.rebase("-c", "-b", "new", "-F", "vmdk", "top"),
                   "Compression not supported for this file format")

    def test_under_the_references_name_it_is_refused(self):
        for args in (["-b", "new", "-F", "vmdk"], ["-b", ""],
                     ["-u", "-b", "new", "-F", "vmdk"]):
            self.same("rebase", *args, "top")
