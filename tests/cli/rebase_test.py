"""rebase: messages, status and what is left in the image, as the reference has
it."""
from cli import layers


class RebaseTest(layers.LayersTest):

    def setUp(self):
        super().setUp()
        self.chain("base", "mid", "top")
        self.make("create", "-q", "-f", "qcow2", "other", "4M")
        self.io("other", "write -P 1 0 1M", "write -P 7 2M 300k")

    def test_what_would_change_is_stored_first(self):
        self.both("rebase", "-b", "other", "-F", "qcow2", "top")
        self.both("rebase", "-b", "base", "-F", "qcow2", "mid")
        self.both("rebase", "-b", "base", "-F", "qcow2", "top")

    def test_without_a_backing_file_the_image_stands_alone(self):
        self.both("rebase", "-b", "", "top")
        self.both("rebase", "-u", "-b", "", "top")
        self.both("rebase", "-u", "top")

    def test_unsafe_mode_changes_the_name_alone(self):
        self.both("rebase", "-u", "-b", "other", "-F", "qcow2", "top")
        self.both("rebase", "-u", "-b", "missing", "-F", "raw", "top")

    def test_lengths_that_differ_are_filled_with_zeroes(self):
        for size in ("1M", "1100k", "6M"):
            with self.subTest(size=size):
                self.make("create", "-q", "-f", "qcow2", "sized", size)
                self.io("sized", "write -P 3 0 900k")
                self.both("rebase", "-b", "sized", "-F", "qcow2", "top")
        self.make("create", "-q", "-f", "qcow2", "-b", "sized", "-F", "qcow2",
                  "long", "9M")
        self.both("rebase", "-b", "base", "-F", "qcow2", "long")
        self.raw("flat", 1234 * 512, (4096, b"x" * 70000))
        self.both("rebase", "-b", "flat", "-F", "raw", "top",
                  formats={"flat": "raw"})

    def test_a_layer_between_that_is_shorter_hides_what_is_below_it(self):
        self.make("create", "-q", "-f", "qcow2", "-b", "base", "-F", "qcow2",
                  "short", "1M")
        self.make("create", "-q", "-f", "qcow2", "-b", "short", "-F", "qcow2",
                  "long", "5M")
        self.both("rebase", "-b", "base", "-F", "qcow2", "long")

    def test_clusters_of_other_sizes_are_compared(self):
        for options in ("cluster_size=512", "cluster_size=2M",
                        "extended_l2=on", "compat=0.10"):
            with self.subTest(options=options):
                self.make("create", "-q", "-f", "qcow2", "-o", options, "-b",
                          "mid", "-F", "qcow2", "other2")
                self.io("other2", "write -P 5 700k 3k")
                self.both("rebase", "-b", "other", "-F", "qcow2", "other2")

    def test_bitmaps_record_what_is_stored(self):
        for options in (["-g", "512", "top", "fine"], ["top", "coarse"],
                        ["--disable", "top", "off"]):
            self.make("bitmap", "--add", *options)
        self.both("rebase", "-b", "other", "-F", "qcow2", "top")
        self.both("rebase", "-b", "", "top")

    def test_qed_images_change_their_backing_file(self):
        self.make("create", "-q", "-f", "qed", "-b", "base", "-F", "qcow2",
                  "qed")
        self.io("qed", "write -P 5 700k 3k", fmt="qed")
        for args in (["-b", "other", "-F", "qcow2"], ["-b", ""],
                     ["-u", "-b", "flat", "-F", "raw"]):
            self.both("rebase", *args, "qed", formats={"qed": "qed"})

    def test_names_fit_or_are_refused(self):
        self.make("create", "-q", "-f", "qcow2", "-o", "cluster_size=512", "-b",
                  "base", "-F", "qcow2", "tiny")
        for length in (10, 300, 380, 1023, 1024, 3000):
            for image in ("tiny", "top"):
                self.both("rebase", "-u", "-b", "n" * length, "-F", "qcow2",
                          image)

    def test_a_wrong_call_is_refused_in_the_references_words(self):
        for args in (["top"], [], ["-b", "base"], ["-u", "a", "b"],
                     ["-b", "base", "-F", "nosuch", "top"],
                     ["-b", "base", "-F", "qcow2", "-t", "bad", "top"],
                     ["-b", "base", "-F", "qcow2", "-T", "bad", "top"],
                     ["-b", "nosuch", "-F", "qcow2", "top"],
                     ["-b", "sub/nosuch", "-F", "qcow2", "top"],
                     ["-b", "base", "top"], ["-u", "-b", "base", "top"],
                     ["-b", "top", "-F", "qcow2", "top"],
                     ["-b", "base", "-F", "qcow2", "missing"],
                     ["-b", "base", "-F", "qcow2", "-f", "raw", "top"],
                     ["-b", "base", "-F", "raw", "-f", "nosuch", "top"]):
            self.same("rebase", *args)

    def test_formats_that_cannot_are_told(self):
        for fmt in ("qcow", "vmdk"):
            below = ["-b", "base", "-F", "qcow2"]
            if fmt == "vmdk":
                self.make("create", "-q", "-f", "vmdk", "low", "4M")
                below = ["-b", "low", "-F", "vmdk"]
            self.make("create", "-q", "-f", fmt, *below, "high")
            self.same("rebase", "-u", "-b", "other", "-F", "qcow2", "high")
            self.same("rebase", "-b", "", "high")

    def test_progress_ends_with_everything(self):
        end = self.as_reference("rebase", "-p", "-b", "other", "-F", "qcow2",
                                "top")
        self.assertTrue(end.text.startswith("    (0.00/100%)\r"), end.text)
        self.assertTrue(end.text.endswith("    (100.00/100%)\r\n"), end.text)

    def test_a_layer_that_is_in_use_is_told(self):
        self.make("create", "-q", "-f", "qcow2", "-b", "other", "-F", "qcow2",
                  "over")
        self.both("rebase", "-b", "other", "-F", "qcow2", "-U", "top")

    def test_before_6_1_a_missing_format_is_a_warning(self):
        end = self.instar("rebase", "-u", "-b", "other", "top",
                          env=self.environment(INSTAR_QEMU_VERSION="6.0"))
        self.assertEqual(end.code, 0)
        self.assertIn("warning: Deprecated use of backing file", end.errors)
