"""commit: messages, status and what is left in every layer, as the reference
has it; and which files may be written."""
import os

from cli import layers


class CommitTest(layers.LayersTest):

    def setUp(self):
        super().setUp()
        self.chain("base", "mid", "top")

    def test_what_the_overlay_holds_goes_to_its_backing_file(self):
        end = self.both("commit", "top")
        self.assertEqual(end.text, "Image committed.\n")
        self.both("commit", "-q", "mid")

    def test_the_overlay_is_as_short_as_an_empty_one(self):
        self.make("create", "-q", "-f", "qcow2", "-b", "mid", "-F", "qcow2",
                  "empty")
        self.make("commit", "-q", "empty")
        self.succeeds(self.as_reference("commit", "-q", "top"))
        self.assertEqual(self.path("top").stat().st_size,
                         self.path("empty").stat().st_size)
        self.make("check", "-q", "top")

    def test_a_dropped_overlay_keeps_what_it_has(self):
        before = self.path("top").read_bytes()
        self.both("commit", "-d", "top")
        self.assertEqual(self.path("top").read_bytes(), before)

    def test_the_base_may_be_any_layer_below(self):
        self.both("commit", "-b", "base", "top")
        self.both("commit", "-b", "./mid", "top")
        self.both("commit", "-b", str(self.path("mid")), "top")

    def test_progress_ends_with_everything(self):
        end = self.as_reference("commit", "-p", "top")
        self.assertTrue(end.text.startswith("    (0.00/100%)\r"), end.text)
        self.assertTrue(end.text.endswith(
            "    (100.00/100%)\r\nImage committed.\n"), end.text)
        end = self.as_reference("commit", "-p", "-q", "top")
        self.assertEqual(self.succeeds(end), "")

    def test_a_wrong_call_is_refused_in_the_references_words(self):
        for args in ([], ["a", "b"], ["-t", "bad", "top"], ["-r", "x", "top"],
                     ["base"], ["-b", "nosuch", "top"], ["-b", "", "top"],
                     ["-f", "nosuch", "top"], ["missing"],
                     ["-f", "raw", "top"], ["-b", "top", "top"],
                     ["-b", "mid", "base"], ["-b", "", "base"]):
            self.same("commit", *args)

    def test_a_shorter_base_grows(self):
        for fmt in ("raw", "qcow2", "qed"):
            with self.subTest(format=fmt):
                self.make("create", "-q", "-f", fmt, "small", "1M")
                self.io("small", "write -P 9 0 1M", fmt=fmt)
                self.make("create", "-q", "-f", "qcow2", "-b", "small", "-F",
                          fmt, "large", "5M")
                self.io("large", "write -P 1 1M 64k", "write -P 2 4M 70k")
                self.both("commit", "large", formats={"small": fmt})

    def test_a_grown_base_shows_nothing_of_what_is_below_it(self):
        self.make("create", "-q", "-f", "qcow2", "long", "8M")
        self.io("long", "write -P 9 0 8M")
        self.make("create", "-q", "-f", "qcow2", "-b", "long", "-F", "qcow2",
                  "short", "2100736")
        self.make("create", "-q", "-f", "qcow2", "-b", "short", "-F", "qcow2",
                  "over", "6M")
        self.io("over", "write -P 1 3M 64k")
        self.both("commit", "over")

    def test_subclusters_of_the_base_are_written_in_whole_chunks(self):
        for cluster in ("64k", "1M", "2M"):
            with self.subTest(cluster=cluster):
                self.make("create", "-q", "-f", "qcow2", "-o",
                          f"cluster_size={cluster},extended_l2=on", "small",
                          "4M")
                self.make("create", "-q", "-f", "qcow2", "-o",
                          "cluster_size=4k", "-b", "small", "-F", "qcow2",
                          "above")
                self.io("above", "write -P 1 1234k 4k", "write -z 3000k 100k")
                self.both("commit", "above")

    def test_formats_that_cannot_grow_are_told(self):
        self.make("create", "-q", "-f", "vdi", "small", "1M")
        self.make("create", "-q", "-f", "qcow2", "-b", "small", "-F", "vdi",
                  "large", "5M")
        self.io("large", "write -P 1 1M 64k")
        self.both("commit", "large", formats={"small": "vdi"})

    def test_bases_of_other_formats_are_written(self):
        for fmt in ("raw", "qed", "vmdk", "vdi", "qcow", "vpc", "vhdx"):
            with self.subTest(format=fmt):
                self.make("create", "-q", "-f", fmt, "low", "4M")
                self.make("create", "-q", "-f", "qcow2", "-b", "low", "-F",
                          fmt, "high")
                self.io("high", "write -P 1 1M 200k", "write -z 3M 128k")
                self.both("commit", "high", formats={"low": fmt})

    def test_a_base_that_cannot_be_opened_again_is_told(self):
        self.make("create", "-q", "-f", "parallels", "low", "4M")
        self.make("create", "-q", "-f", "qcow2", "-b", "low", "-F",
                  "parallels", "high")
        self.fails(self.as_reference("commit", "high"),
                   "Block format 'parallels' used by node",
                   "does not support reopening files")

    def test_an_overlay_with_snapshots_keeps_them(self):
        self.make("snapshot", "-c", "s", "top")
        self.io("top", "write -P 5 0 200k")
        self.both("commit", "top")
        self.make("snapshot", "-a", "s", "top")

    def test_old_images_and_packed_clusters_are_emptied(self):
        self.make("create", "-q", "-f", "qcow2", "-o", "compat=0.10", "-b",
                  "base", "-F", "qcow2", "old")
        self.io("old", "write -P 5 1M 200k", "write -c -P 6 0 64k")
        self.both("commit", "old")

    def test_small_clusters_are_emptied_from_a_layout_that_has_grown(self):
        self.make("create", "-q", "-f", "qcow2", "-o", "cluster_size=512", "-b",
                  "base", "-F", "qcow2", "tiny")
        self.io("tiny", "write -P 5 0 3M")
        self.both("commit", "tiny")

    def test_a_read_only_base_is_told(self):
        self.is_root()
        os.chmod(self.path("mid"), 0o444)
        os.chmod(self.directory, 0o755)
        os.chown(self.path("top"), 65534, 65534)
        # Whoever has so few rights may not use KVM either.
        env = self.environment(INSTAR_JAIL="process")
        end = self.instar("commit", "top", env=env, user=65534, group=65534,
                          extra_groups=[])
        self.fails(end, "Could not open 'mid': Permission denied")

    # ---- Policy -------------------------------------------------------------

    def strict(self, *args, **more):
        return self.instar(*args, env=self.environment(
            INSTAR_POLICY="strict", **more))

    def test_the_strict_policy_writes_no_base_that_nobody_named(self):
        before = self.path("mid").read_bytes()
        self.fails(self.strict("commit", "top"), "strict policy")
        self.assertEqual(self.path("mid").read_bytes(), before)

    def test_the_strict_policy_writes_what_is_named_or_allowed(self):
        self.succeeds(self.strict("commit", "-q", "-b", "mid", "top"))
        self.succeeds(self.strict("commit", "-q", "mid",
                                  INSTAR_ALLOW=str(self.directory)))
