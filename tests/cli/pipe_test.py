"""convert to a pipe: under the name instar only, raw bytes in order."""
import os
import random
import subprocess
import threading

from cli import case

MIB = 1 << 20


class Pipe(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.data = random.Random(9).randbytes(3 * MIB)
        self.raw("a.raw", 67 * MIB, (MIB, self.data), (66 * MIB, b"end"))
        self.make("convert", "-f", "raw", "-O", "qcow2", "a.raw", "a.qcow2")
        self.want = self.path("a.raw").read_bytes()

    def piped(self, *args, name="instar"):
        end = subprocess.run(
            [name, "convert", *args], executable=self.program,
            cwd=self.directory, env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return end.returncode, end.stdout, end.stderr.decode()

    def test_all_of_the_image_comes_in_order(self):
        for out in ("-", "/dev/stdout", "/dev/fd/1"):
            with self.subTest(out=out):
                code, got, errors = self.piped("-f", "qcow2", "-O", "raw",
                                               "a.qcow2", out)
                self.assertEqual((code, errors), (0, ""))
                self.assertTrue(got == self.want, "other bytes")

    def test_sources_follow_one_another(self):
        self.raw("b.raw", 1000, (0, b"y" * 1000))
        code, got, errors = self.piped("-f", "raw", "b.raw", "b.raw", "-")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(got, (b"y" * 1000 + bytes(24)) * 2)

    def test_a_named_pipe_is_written_to(self):
        os.mkfifo(self.path("fifo"))
        got = []
        reader = threading.Thread(
            target=lambda: got.append(self.path("fifo").read_bytes()))
        reader.start()
        self.succeeds(self.instar("convert", "-f", "qcow2", "a.qcow2", "fifo",
                                  name="instar"))
        reader.join()
        self.assertTrue(got[0] == self.want, "other bytes")

    def test_a_file_as_dash_gets_the_same(self):
        with open(self.path("out"), "wb") as out:
            subprocess.run(["instar", "convert", "-f", "qcow2", "a.qcow2", "-"],
                           executable=self.program, cwd=self.directory,
                           env=self.environment(), stdout=out, check=True)
        self.assertTrue(self.path("out").read_bytes() == self.want)

    def test_a_reader_that_leaves_ends_it(self):
        process = subprocess.Popen(
            ["instar", "convert", "-f", "qcow2", "a.qcow2", "-"],
            executable=self.program, cwd=self.directory,
            env=self.environment(), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        process.stdout.read(4096)
        process.stdout.close()
        self.assertNotEqual(process.wait(timeout=60), 0)

    def test_what_a_pipe_cannot_hold_is_refused(self):
        for args, words in ((["-O", "qcow2"], "only raw"),
                            (["-c"], "Compression not supported"),
                            (["-n"], "-n"), (["-p"], "-p"),
                            (["-o", "size=1M"], "options"),
                            (["--salvage"], "--salvage")):
            with self.subTest(args=args):
                code, got, errors = self.piped(*args, "-f", "qcow2", "a.qcow2",
                                               "-")
                self.assertEqual((code, got), (1, b""))
                self.assertIn(words, errors)

    def test_a_source_that_is_not_there_is_told(self):
        code, got, errors = self.piped("-f", "raw", "none", "-")
        self.assertEqual((code, got), (1, b""))
        self.assertIn("Could not open 'none'", errors)

    def test_under_the_name_qemu_img_dash_is_a_file(self):
        code, got, errors = self.piped("-f", "qcow2", "a.qcow2", "-",
                                       name="qemu-img")
        self.assertEqual((code, got, errors), (0, b"", ""))
        self.assertTrue(self.path("-").read_bytes() == self.want)
