"""The program answers to the name that it is started under."""
from cli import case


class Names(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")

    def test_qemu_img_is_the_newest_version(self):
        out = self.succeeds(self.instar("info", "a.qcow2"))
        self.assertIn("Child node '/file':", out)

    def test_a_versioned_name_pins_the_version(self):
        want = self.qemu("info", "a.qcow2").text
        out = self.succeeds(self.instar("info", "a.qcow2",
                                        name="qemu-img-7.2"))
        self.assertEqual(out, want)

    def test_the_environment_pins_the_version(self):
        want = self.qemu("info", "a.qcow2").text
        out = self.succeeds(self.instar("info", "a.qcow2", env=(
            self.environment(INSTAR_QEMU_VERSION="7.2"))))
        self.assertEqual(out, want)

    def test_a_version_that_is_none_is_an_error(self):
        self.fails(self.instar("info", "a.qcow2", env=(
            self.environment(INSTAR_QEMU_VERSION="seven"))))

    def test_a_path_before_the_name_does_not_matter(self):
        self.same("info", "a.qcow2", name="/some/where/qemu-img")

    def test_messages_begin_with_the_name(self):
        self.same("info", "missing", name="qemu-img-7.2")

    def test_a_link_runs_it(self):
        self.path("qemu-img").symlink_to(self.program)
        end = self.instar("info", "a.qcow2")
        self.program = str(self.path("qemu-img"))
        linked = self.instar("info", "a.qcow2")
        self.assertEqual(linked.describe(), end.describe())

    def test_instar_is_a_name(self):
        out = self.succeeds(self.instar("info", "a.qcow2", name="instar"))
        self.assertIn("file format: qcow2", out)

    def test_a_subcommand_is_a_name(self):
        out = self.succeeds(self.instar("a.qcow2", name="info"))
        self.assertIn("file format: qcow2", out)

    def test_version_line_of_the_pinned_version(self):
        end = self.as_reference("--version")
        self.assertTrue(self.succeeds(end).startswith(
            "qemu-img version 7.2.22"), end.text)
