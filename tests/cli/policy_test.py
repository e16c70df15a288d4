"""INSTAR_POLICY=strict: an image makes the host open nothing from outside its
own directory."""
from cli import case


class Strict(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.path("in").mkdir()
        self.make("create", "-q", "-f", "qcow2", "base.qcow2", "1M")
        self.make("create", "-q", "-f", "qcow2", "in/base.qcow2", "1M")
        self.io("base.qcow2", "write -P 65 0 64k")

    def overlay(self, backing, name="in/top.qcow2"):
        self.make("create", "-q", "-f", "qcow2", "-u", "-b", backing, "-F",
                  "qcow2", name, "1M")
        return name

    def strict(self, *args):
        return self.instar(*args, env=self.environment(
            INSTAR_POLICY="strict"))

    def refused(self, name):
        self.fails(self.strict("info", "--backing-chain", name))
        self.fails(self.strict("convert", "-O", "raw", name, "out.raw"))
        if self.path("out.raw").exists():
            self.assertNotIn(b"A" * 512, self.path("out.raw").read_bytes())

    def test_a_backing_file_beside_the_image_is_opened(self):
        top = self.overlay("base.qcow2")
        self.succeeds(self.strict("info", "--backing-chain", top))
        self.succeeds(self.strict("convert", "-O", "raw", top, "out.raw"))

    def test_a_backing_file_above_the_image_is_refused(self):
        self.refused(self.overlay("../base.qcow2"))

    def test_an_absolute_backing_file_elsewhere_is_refused(self):
        self.refused(self.overlay(str(self.path("base.qcow2"))))

    def test_a_link_that_leads_outside_is_refused(self):
        self.path("in/link.qcow2").symlink_to("../base.qcow2")
        self.refused(self.overlay("link.qcow2"))

    def test_a_directory_link_that_leads_outside_is_refused(self):
        self.path("in/up").symlink_to("..")
        self.refused(self.overlay("up/base.qcow2"))

    def test_a_data_file_outside_is_refused(self):
        self.make("create", "-q", "-f", "qcow2", "-o",
                  f"data_file={self.path('secret')}", "in/d.qcow2", "1M")
        self.fails(self.strict("convert", "-O", "raw", "in/d.qcow2",
                               "out.raw"))

    def test_without_it_such_a_backing_file_is_opened(self):
        top = self.overlay("../base.qcow2")
        self.succeeds(self.instar("info", "--backing-chain", top))

    def test_strict_is_the_default_under_the_name_instar(self):
        top = self.overlay("../base.qcow2")
        self.fails(self.instar("info", "--backing-chain", top,
                               name="instar"))

    def unguessed(self, *args, words):
        """Refused by strict, as the name or by request, and not otherwise."""
        self.fails(self.strict(*args), words)
        self.fails(self.instar(*args, name="instar"), words)
        self.succeeds(self.instar(*args))

    def test_a_raw_image_must_be_called_raw(self):
        self.raw("in/r.img", 1 << 20, (0, b"no partition table"))
        self.unguessed("info", "in/r.img", words="policy")
        self.unguessed("convert", "-O", "qcow2", "in/r.img", "out.qcow2",
                       words="policy")
        self.unguessed("measure", "in/r.img", words="policy")
        self.succeeds(self.strict("info", "-f", "raw", "in/r.img"))

    def test_a_raw_image_with_a_partition_table_needs_no_format(self):
        self.raw("in/r.img", 1 << 20, (510, b"\x55\xaa"))
        self.succeeds(self.strict("info", "in/r.img"))

    def test_a_recorded_format_of_the_backing_file_is_enough(self):
        self.raw("in/r.img", 1 << 20, (0, b"no partition table"))
        self.make("create", "-q", "-f", "qcow2", "-b", "r.img", "-F", "raw",
                  "in/top.qcow2")
        self.succeeds(self.strict("info", "--backing-chain", "in/top.qcow2"))

    def test_a_backing_file_without_a_recorded_format_is_refused(self):
        top = self.overlay("base.qcow2")
        image = self.path(top).read_bytes()
        # The extension is still there, as one that nobody knows.
        name = (0xe2792aca).to_bytes(4, "big")
        self.assertEqual(image.count(name), 1)
        self.path(top).write_bytes(image.replace(name, b"none"))
        self.unguessed("info", "--backing-chain", top, words="policy")
        self.unguessed("convert", "-O", "raw", top, "out.raw",
                       words="policy")

    def test_a_disk_beyond_64_tib_is_refused(self):
        self.make("create", "-q", "-f", "qcow2", "-o", "cluster_size=2M",
                  "in/large.qcow2", "65T")
        self.unguessed("info", "in/large.qcow2", words="policy")


class References(case.ProgramTest):
    """What no policy lets an image do."""

    def test_a_data_file_name_is_a_literal_local_name(self):
        self.make("create", "-q", "-f", "qcow2", "-o", "data_file=x.data",
                  "d.qcow2", "64k")
        image = self.path("d.qcow2").read_bytes()
        self.raw("secret", 65536, (0, b"SECRET" * 100))
        for name in (b"json:{}", b"nbd:x:1"):
            with self.subTest(name=name):
                evil = image.replace(b"x.data".ljust(8, b"\0"),
                                     name.ljust(8, b"\0"))
                self.path("evil.qcow2").write_bytes(evil)
                self.fails(self.instar("convert", "-O", "raw", "evil.qcow2",
                                       "out.raw"))

    def test_info_opens_no_data_file(self):
        self.make("create", "-q", "-f", "qcow2", "-o", "data_file=x.data",
                  "d.qcow2", "64k")
        self.path("x.data").unlink()
        self.succeeds(self.instar("info", "d.qcow2"))

    def test_a_chain_that_loops_ends(self):
        self.make("create", "-q", "-f", "qcow2", "-u", "-b", "b.qcow2", "-F",
                  "qcow2", "a.qcow2", "1M")
        self.make("create", "-q", "-f", "qcow2", "-u", "-b", "a.qcow2", "-F",
                  "qcow2", "b.qcow2", "1M")
        self.fails(self.instar("info", "--backing-chain", "a.qcow2",
                               timeout=10))
        self.fails(self.instar("convert", "-O", "raw", "a.qcow2", "out.raw",
                               timeout=10))
