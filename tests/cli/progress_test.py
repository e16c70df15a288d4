"""-p of convert, to the byte, and what SIGUSR1 asks for without it."""
import os
import random
import signal
import subprocess
import time

import program as programs
from cli import case

MIB = 1 << 20


class Progress(case.ProgramTest):

    def setUp(self):
        super().setUp()
        random_bytes = random.Random(11).randbytes(200_000)
        runs = [(i * 1_200_000, random_bytes) for i in range(0, 40, 3)]
        self.raw("a.raw", 50_000_384, *runs)
        self.raw("zero.raw", 3 * MIB)
        self.raw("empty.raw", 0)
        self.make("convert", "-f", "raw", "-O", "qcow2", "a.raw", "a.qcow2")
        self.make("convert", "-c", "-f", "raw", "-O", "qcow2", "a.raw",
                  "c.qcow2")
        self.make("create", "-q", "-f", "qcow2", "-b", "a.qcow2", "-F",
                  "qcow2", "top.qcow2")
        self.io("top.qcow2", "write -P 3 1M 700k")

    def test_it_moves_as_the_references(self):
        for source in ("a.raw", "zero.raw", "empty.raw", "a.qcow2", "c.qcow2",
                       "top.qcow2"):
            for options in (["-O", "raw"], ["-O", "qcow2"], ["-S", "0"],
                            ["-O", "qcow2", "-c"], ["-O", "vdi"],
                            ["-W", "-m", "1"]):
                with self.subTest(source=source, options=options):
                    end = self.same("convert", "-p", *options, "-f",
                                    source.split(".")[1], source, "out")
                    self.assertEqual(end.code, 0)

    def test_it_counts_all_sources(self):
        self.same("convert", "-p", "-f", "raw", "zero.raw", "a.raw",
                  "zero.raw", "out")
        self.same("convert", "-p", "-O", "qcow2", "-B", "a.qcow2", "-F",
                  "qcow2", "top.qcow2", "out")

    def test_it_counts_what_goes_to_an_image_that_exists(self):
        self.make("create", "-q", "-f", "qcow2", "t.qcow2", "60M")
        self.same("convert", "-p", "-n", "-f", "raw", "-O", "qcow2", "a.raw",
                  "t.qcow2")

    def test_a_command_that_fails_ends_its_line(self):
        self.same("convert", "-p", "-f", "raw", "none", "out")
        self.same("convert", "-p", "-f", "raw", "a.raw", "none/out")

    def signalled(self, program, *options):
        process = subprocess.Popen(
            ["qemu-img", "convert", "-r", "4M", *options, "-f", "raw",
             "a.raw", "out"], executable=program, cwd=self.directory,
            env=self.environment(
                INSTAR_QEMU_VERSION=programs.REFERENCE_VERSION),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGUSR1)
        out, errors = process.communicate(timeout=60)
        return process.returncode, out, errors

    def test_a_signal_asks_for_one_line_on_stderr(self):
        for program in (self.reference, self.program):
            code, out, errors = self.signalled(program)
            self.assertEqual((code, out), (0, b""))
            self.assertRegex(errors, rb"\A {4}\(\d+\.\d\d/100%\)\n\Z")

    def test_a_signal_with_p_changes_nothing(self):
        for program in (self.reference, self.program):
            code, out, errors = self.signalled(program, "-p")
            self.assertEqual((code, errors), (0, b""))
            self.assertTrue(out.endswith(b"(100.00/100%)\r\n"), out)
