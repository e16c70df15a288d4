"""Options are read as getopt_long reads them."""
from cli import case


class Options(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        self.raw("-r.raw", 65536, (512, b"x" * 512))

    def test_options_may_follow_the_file(self):
        self.same("info", "a.qcow2", "--output", "json", "-f", "qcow2")

    def test_two_dashes_end_the_options(self):
        self.same("info", "--", "-r.raw")
        self.same("info", "--", "a.qcow2", "--output=json")

    def test_the_last_of_repeated_options_counts(self):
        self.same("info", "-f", "raw", "-f", "qcow2", "a.qcow2")
        self.same("info", "--output=json", "--output=human", "a.qcow2")

    def test_long_options_may_be_abbreviated(self):
        self.same("info", "--out=json", "a.qcow2")
        self.same("info", "--back", "a.qcow2")

    def test_an_ambiguous_abbreviation_is_refused(self):
        self.same("info", "--o", "json", "a.qcow2", "extra")
        self.same("convert", "--s", "a.qcow2", "b.raw")

    def test_short_options_may_be_joined(self):
        self.same("info", "-Ufqcow2", "a.qcow2")
        self.same("convert", "-qOraw", "a.qcow2", "b.raw")

    def test_an_argument_may_be_attached_or_apart(self):
        self.same("info", "--format=qcow2", "a.qcow2")
        self.same("info", "--format", "qcow2", "a.qcow2")

    def test_option_mistakes(self):
        for args in (["info"], ["info", "-Z", "a.qcow2"],
                     ["info", "--nosuch", "a.qcow2"], ["info", "-f"],
                     ["info", "--output=xml", "a.qcow2"],
                     ["info", "a.qcow2", "b.qcow2"],
                     ["info", "-f", "nosuch", "a.qcow2"],
                     ["create"], ["create", "-f", "nosuch", "x", "1M"],
                     ["create", "-f", "qcow2", "x"],
                     ["create", "-f", "qcow2", "x", "12Q"],
                     ["create", "-Z"], ["convert"], ["convert", "a.qcow2"],
                     ["convert", "-m", "0", "a.qcow2", "x"],
                     ["convert", "-m", "17", "a.qcow2", "x"],
                     ["convert", "-m", "x", "a.qcow2", "x"],
                     ["convert", "-T", "nosuch", "a.qcow2", "x"],
                     ["convert", "-O", "nosuch", "a.qcow2", "x"],
                     ["convert", "-n", "a.qcow2", "x"],
                     ["convert", "-n", "-o", "size=1", "a.qcow2", "x"],
                     ["convert", "--target-is-zero", "a.qcow2", "x"],
                     ["convert", "-B", "a.qcow2", "-O", "qcow2", "a.qcow2",
                      "x"],
                     ["nosuch"], []):
            with self.subTest(args=args):
                self.same_files_after(*args)

    def test_a_bad_cache_mode_is_found_before_the_output_is_made(self):
        # The reference has emptied the output by then: docs/compat.md.
        self.same("convert", "-t", "nosuch", "a.qcow2", "x")
        self.path("x").unlink(missing_ok=True)
        self.as_reference("convert", "-t", "nosuch", "a.qcow2", "x")
        self.assertFalse(self.path("x").exists())

    def same_files_after(self, *args):
        """The same answer, and the file x is made by both or by neither."""
        self.path("x").unlink(missing_ok=True)
        self.qemu(*args)
        made = self.path("x").exists()
        self.path("x").unlink(missing_ok=True)
        self.as_reference(*args)
        self.assertEqual(self.path("x").exists(), made)
        self.path("x").unlink(missing_ok=True)
        self.same(*args)

    def test_a_bad_source_is_told_before_a_bad_target(self):
        bad = ("convert", "-f", "qcow2", "./-r.raw", "o")
        for more in (["-O", "nosuch"], ["-O", "raw", "-c"],
                     ["-O", "qcow2", "-o", "cluster_size=3000"],
                     ["-O", "qcow2", "-o", "nosuch=1"], ["-t", "nosuch"],
                     ["-O", "raw", "-B", "a.qcow2"], ["-l", "none"]):
            with self.subTest(more=more):
                self.same(*bad, *more)
                self.same("convert", "a.qcow2", "o", *more)

    def test_file_names_that_look_odd(self):
        for name in ("a b.img", "ü.img", "a\nb.img", 'q"uote.img', "a,b.img",
                     "-dash.img", "a%sb.img"):
            with self.subTest(name=name):
                self.raw(name, 512)
                self.same("info", "--", name)
                self.same("info", "--output=json", "--", name)

    def test_a_name_that_is_no_utf8(self):
        name = b"\xff\xfe.img"
        with open(bytes(self.directory) + b"/" + name, "wb") as f:
            f.truncate(512)
        want, got = (r("info", "--", name.decode(errors="surrogateescape"))
                     for r in (self.qemu, self.as_reference))
        self.assertEqual((got.code, got.out, got.err),
                         (want.code, want.out, want.err))

    def test_help_names_every_option_and_exits_0(self):
        out = self.succeeds(self.instar("--help"))
        self.assertIn("info", out)
        out = self.succeeds(self.as_reference("--help"))
        for word in ("info [", "[-U]", "filename", "convert [", "create ["):
            self.assertIn(word, out)
