"""dd: parts of images, to the byte, as the reference copies them; and what only
the name instar does: snapshots, outputs that exist, stdin and stdout."""
import random
import subprocess

import program as programs
from cli import case

BLOCK_SIZES = ["512", "513", "1000", "4k", "100000", "1M", "3M"]


class Dd(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.data = random.Random(7).randbytes(3_000_000)
        self.path("in.raw").write_bytes(self.data)

    def piped(self, *args, stdin=b""):
        end = subprocess.run(
            ["instar", "dd", *args], executable=self.program,
            cwd=self.directory, env=self.environment(), input=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return end.returncode, end.stdout, end.stderr.decode()

    def made(self, run, *args):
        out = self.path("out.img")
        out.unlink(missing_ok=True)
        end = run("dd", *args, "if=in.raw", "of=out.img")
        return end.describe(), out.read_bytes() if out.exists() else None

    def same_copy(self, *args):
        self.assertEqual(self.made(self.as_reference, *args),
                         self.made(self.qemu, *args), " ".join(args))

    def test_parts_are_the_references_to_the_byte(self):
        for size in BLOCK_SIZES:
            for part in [[], ["count=3"], ["skip=1"], ["skip=2", "count=5"],
                         ["skip=9", "count=3"]]:
                self.same_copy(f"bs={size}", *part)

    def test_blocks_decide_where_a_format_makes_room(self):
        for fmt in ["qcow2", "qed", "qcow", "parallels"]:
            for size in ["4k", "100000", "3M"]:
                self.same_copy("-O", fmt, f"bs={size}", "skip=1")

    def test_zeroes_are_written_like_all_else(self):
        self.raw("in.raw", 4 << 20)
        for fmt in ["raw", "qcow2", "qed"]:
            self.same_copy("-O", fmt, "bs=64k")

    def test_packed_clusters_and_backing_files_are_read(self):
        self.make("convert", "-c", "-f", "raw", "-O", "qcow2", "in.raw", "b")
        self.make("create", "-q", "-f", "qcow2", "-b", "b", "-F", "qcow2",
                  "top")
        self.io("top", "write -P 7 70000 3000")
        for args in [["bs=1001", "skip=69"], ["bs=64k", "count=20"]]:
            want = self.directory / "want"
            got = self.directory / "got"
            for run, out in [(self.qemu, want), (self.as_reference, got)]:
                self.assertEqual(
                    run("dd", *args, "if=top", f"of={out.name}").code, 0)
            self.assertEqual(got.read_bytes(), want.read_bytes())

    def test_wrong_calls_are_answered_as_the_reference_answers(self):
        for args in [[], ["if=in.raw"], ["of=x"], ["in.raw", "x"],
                     ["if=in.raw", "of=x", "bs="], ["osize=1", "of=x"],
                     ["isize=1"], ["-n", "if=in.raw", "of=x"],
                     ["-O", "nosuch", "if=in.raw", "of=x"],
                     ["-O", "nosuch", "if=missing", "of=x"],
                     ["-O", "dmg", "if=in.raw", "of=x"],
                     ["-f", "nosuch", "if=in.raw", "of=x"],
                     ["if=in.raw", "of=missing/x"], ["if=in.raw", "of="],
                     ["if=", "of=x"], ["if=in.raw", "of=nosuch:x"],
                     ["-O", "qcow", "count=0", "if=in.raw", "of=x"],
                     ["--image-opts", "-f", "raw", "if=in.raw", "of=x"]]:
            self.same("dd", *args)

    # ---- Under the name instar ----------------------------------------------

    def test_stdout_gets_the_bytes_of_the_part(self):
        self.make("convert", "-f", "raw", "-O", "qcow2", "in.raw", "in.qcow2")
        code, out, errors = self.piped("-f", "qcow2", "bs=1000", "skip=3",
                                       "count=2000", "if=in.qcow2")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(out, self.data[3000:2_000_000])

    def test_stdin_is_written_behind_each_window(self):
        data = random.Random(3).randbytes((65 << 20) + 512)
        code, _, errors = self.piped("-O", "qcow2", "bs=1M",
                                     f"osize={len(data)}", "of=out.img",
                                     stdin=data)
        self.assertEqual((code, errors), (0, ""))
        self.make("convert", "-f", "qcow2", "-O", "raw", "out.img", "out.raw")
        self.assertEqual(self.path("out.raw").read_bytes(), data)
        self.make("check", "-q", "out.img")

    def test_stdin_may_be_shorter_than_the_output_if_isize_says_so(self):
        code, _, errors = self.piped("osize=1M", "isize=1000", "of=out.img",
                                     stdin=b"x" * 1000)
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(self.path("out.img").read_bytes(),
                         b"x" * 1000 + bytes((1 << 20) - 1000))

    def test_stdin_that_ends_early_is_an_error(self):
        code, _, errors = self.piped("osize=1M", "of=out.img", stdin=b"x")
        self.assertEqual(code, 1)
        self.assertIn("Input ended unexpectedly", errors)

    def test_stdin_without_a_size_is_an_error(self):
        code, _, errors = self.piped("of=out.img", stdin=b"x")
        self.assertEqual(code, 1)
        self.assertIn("Output size must be known", errors)

    def test_an_output_that_exists_keeps_what_is_not_written(self):
        self.make("create", "-q", "-f", "qcow2", "out.img", "4M")
        self.io("out.img", "write -P 9 0 4M")
        self.succeeds(self.instar("dd", "-n", "-O", "qcow2", "bs=64k",
                                  "count=2", "-f", "raw", "if=in.raw",
                                  "of=out.img", name="instar"))
        self.make("convert", "-f", "qcow2", "-O", "raw", "out.img", "out.raw")
        self.assertEqual(self.path("out.raw").read_bytes(),
                         self.data[:131072] + b"\x09" * ((4 << 20) - 131072))

    def test_a_snapshot_can_be_the_source(self):
        self.make("convert", "-f", "raw", "-O", "qcow2", "in.raw", "in.qcow2")
        self.make("snapshot", "-c", "before", "in.qcow2")
        self.io("in.qcow2", "write -P 1 0 2M")
        self.succeeds(self.instar("dd", "-f", "qcow2", "-l", "before",
                                  "bs=1M", "if=in.qcow2", "of=out.img",
                                  name="instar"))
        self.assertEqual(self.path("out.img").read_bytes()[:len(self.data)],
                         self.data)

    def test_help_and_version_profiles_know_dd(self):
        for version in ["6.0", programs.REFERENCE_VERSION, "11.1"]:
            end = self.instar("dd", "--help", env=self.environment(
                INSTAR_QEMU_VERSION=version))
            self.assertEqual(end.code, 0, end.describe())
