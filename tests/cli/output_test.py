"""What goes to stdout and stderr, and when."""
import json
import subprocess

from cli import case

MIB = 1 << 20


class Output(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.raw("a.raw", 4 * MIB, (0, b"data" * MIB * 1), (3 * MIB, b"x"))
        self.make("convert", "-f", "raw", "-O", "qcow2", "a.raw", "a.qcow2")

    def test_success_prints_nothing_on_stderr(self):
        for args in (["info", "a.qcow2"], ["info", "--output=json", "a.raw"],
                     ["create", "-f", "qcow2", "n.qcow2", "1M"],
                     ["create", "-f", "raw", "n.raw", "1M"],
                     ["convert", "-O", "qcow2", "a.raw", "c.qcow2"],
                     ["convert", "-O", "raw", "a.qcow2", "c.raw"]):
            with self.subTest(args=args):
                self.succeeds(self.instar(*args))

    def test_json_parses(self):
        out = self.succeeds(self.instar("info", "--output=json", "a.qcow2"))
        self.assertEqual(json.loads(out)["virtual-size"], 4 * MIB)

    def test_convert_is_silent(self):
        out = self.succeeds(self.instar("convert", "a.qcow2", "b.raw"))
        self.assertEqual(out, "")

    def test_quiet_create_is_silent(self):
        out = self.succeeds(self.instar("create", "-q", "-f", "qcow2",
                                        "n.qcow2", "1M"))
        self.assertEqual(out, "")

    def test_progress_runs_from_0_to_100_and_ends_its_line(self):
        out = self.succeeds(self.instar("convert", "-p", "-O", "raw",
                                        "a.qcow2", "b.raw"))
        self.assertTrue(out.endswith("    (100.00/100%)\r\n"), repr(out))
        lines = out.rstrip("\n").rstrip("\r").split("\r")
        values = []
        for line in lines:
            self.assertRegex(line, r"^ {4}\(\d+\.\d\d/100%\)$")
            values.append(float(line.strip(" (").split("/")[0]))
        self.assertEqual(values[0], 0)
        self.assertEqual(values, sorted(values))

    def test_quiet_hides_progress(self):
        out = self.succeeds(self.instar("convert", "-p", "-q", "-O", "raw",
                                        "a.qcow2", "b.raw"))
        self.assertEqual(out, "")

    def test_convert_to_dev_stdout_that_is_a_file(self):
        with open(self.path("out.raw"), "wb") as out:
            p = subprocess.run(
                ["qemu-img", "convert", "-O", "raw", "a.qcow2", "/dev/stdout"],
                executable=self.program, cwd=self.directory, stdout=out,
                env=self.environment(), stderr=subprocess.PIPE, check=False)
        self.assertEqual((p.returncode, p.stderr), (0, b""))
        self.assertEqual(self.path("out.raw").read_bytes(),
                         self.path("a.raw").read_bytes())

    def test_convert_to_a_pipe_is_refused_as_by_the_reference(self):
        self.same("convert", "-O", "raw", "a.qcow2", "/dev/stdout")

    def test_a_closed_stdout_is_no_crash(self):
        p = subprocess.run(
            ["bash", "-c", 'exec -a qemu-img "$0" info a.qcow2 >&-',
             self.program], cwd=self.directory, env=self.environment(),
            stderr=subprocess.DEVNULL, check=False)
        self.assertIn(p.returncode, (0, 1))

    def test_a_full_stdout_is_no_crash(self):
        with open("/dev/full", "wb") as out:
            p = subprocess.run(
                ["qemu-img", "info", "a.qcow2"], executable=self.program,
                cwd=self.directory, env=self.environment(), stdout=out,
                stderr=subprocess.DEVNULL, check=False)
        self.assertIn(p.returncode, (0, 1))

    def test_missing_files_directories_and_devices(self):
        self.path("d").mkdir()
        for name in ("missing", "d", "a.raw/x", "", "nosuch:x"):
            with self.subTest(name=name):
                self.same("info", name)
                self.same("convert", "-O", "raw", name, "out.raw")

    def test_an_unreadable_image_is_left_alone(self):
        self.raw("junk.qcow2", 65536, (0, b"QFI\xfb\0\0\0\x09"))
        self.same("info", "junk.qcow2")
        self.same("convert", "-O", "raw", "junk.qcow2", "out.raw")
        self.assertFalse(self.path("out.raw").exists())

    def test_convert_keeps_no_file_that_it_could_not_create(self):
        self.same("convert", "-O", "qcow2", "-o", "cluster_size=3000",
                  "a.raw", "bad.qcow2")
        self.assertFalse(self.path("bad.qcow2").exists())

    def test_create_replaces_an_existing_file(self):
        self.raw("n.img", MIB, (0, b"old" * 1000))
        self.succeeds(self.instar("create", "-f", "raw", "n.img", "64k"))
        self.assertEqual(self.path("n.img").read_bytes(), bytes(65536))
