"""bench: so many requests, of which so many are in flight; what it writes, what
it prints, and what it refuses."""
import re
import subprocess

from cli import case

SECONDS = re.compile(r"completed in \d+\.\d{3} seconds")


class Bench(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.make("create", "-q", "-f", "qcow2", "a", "16M")
        self.io("a", "write -P 1 0 3M", "write -P 2 8M 1M")

    def same_words(self, *args):
        """Prints and ends as the reference, but for the time it took."""
        want = self.qemu("bench", *args)
        got = self.as_reference("bench", *args)
        self.assertEqual(SECONDS.sub("", got.describe()),
                         SECONDS.sub("", want.describe()))
        return got

    def newest(self, *args):
        return self.instar("bench", *args)

    def test_reads_are_announced_and_timed(self):
        for args in (["-c", "100"], ["-c", "7", "-d", "1", "-s", "64k"],
                     ["-c", "50", "-S", "1000", "-o", "12345", "-s", "999"],
                     ["-q", "-c", "3"], ["-c", "2", "-s", "0"],
                     ["-c", "3", "-t", "none", "-n"]):
            end = self.same_words("-f", "qcow2", *args, "a")
            self.assertEqual(end.code, 0, end.describe())
            self.assertRegex(end.text, SECONDS)

    def test_packed_clusters_and_chains_are_read(self):
        self.make("convert", "-c", "-O", "qcow2", "a", "packed")
        self.make("create", "-q", "-f", "qcow2", "-b", "packed", "-F", "qcow2",
                  "top")
        self.io("top", "write -P 3 1M 64k")
        self.same_words("-f", "qcow2", "-c", "400", "-s", "100000", "top")

    def test_a_packed_cluster_that_is_damaged_fails_its_request(self):
        self.make("convert", "-c", "-O", "qcow2", "-o", "cluster_size=64k",
                  "a", "packed")
        data = bytearray(self.path("packed").read_bytes())
        data[0x50000:0x50400] = b"\xff" * 0x400
        self.path("packed").write_bytes(data)
        end = self.as_reference("bench", "-f", "qcow2", "-c", "40", "-s",
                                "64k", "packed")
        self.fails(end, "Failed request: Input/output error")

    def test_writes_are_the_references_to_the_byte(self):
        for options in (["-c", "40", "-s", "4096"],
                        ["-c", "9", "-s", "70000", "-S", "100000"],
                        ["-c", "20", "-s", "64k", "-o", "1M",
                         "--flush-interval", "2"]):
            for name, run in (("b", self.qemu), ("c", self.as_reference)):
                subprocess.run(["cp", "a", name], cwd=self.directory,
                               check=True)
                self.succeeds(run("bench", "-f", "qcow2", "-w", "-d", "1",
                                  "--pattern", "77", *options, name))
            self.assertEqual(self.path("b").read_bytes(),
                             self.path("c").read_bytes(), options)

    def test_bitmaps_record_what_is_written(self):
        self.make("bitmap", "--add", "a", "coarse")
        self.make("bitmap", "--add", "-g", "512", "a", "fine")
        self.make("bitmap", "--add", "--disable", "a", "off")
        for name, run in (("b", self.qemu), ("c", self.as_reference)):
            subprocess.run(["cp", "a", name], cwd=self.directory, check=True)
            self.succeeds(run("bench", "-f", "qcow2", "-w", "-d", "1", "-c",
                              "30", "-s", "5000", "-S", "123456", name))
        self.assertEqual(self.path("b").read_bytes(),
                         self.path("c").read_bytes())

    def test_many_writes_at_a_time_leave_a_sound_image(self):
        for more in ([], ["--flush-interval", "64"],
                     ["--flush-interval", "64", "--no-drain"]):
            self.succeeds(self.newest("-f", "qcow2", "-w", "-c", "2000", "-d",
                                      "64", "--pattern", "5", *more, "a"))
            self.make("check", "-q", "a")
            out = subprocess.run(
                ["qemu-io", "-f", "qcow2", "-r", "-c", "read -P 5 0 8192000",
                 "a"], cwd=self.directory, capture_output=True, check=False)
            self.assertNotIn(b"verification failed", out.stdout)
            self.assertEqual(out.returncode, 0)

    def test_a_chain_below_is_copied_where_a_cluster_is_written_in_part(self):
        self.make("create", "-q", "-f", "qcow2", "-b", "a", "-F", "qcow2",
                  "top")
        self.succeeds(self.newest("-f", "qcow2", "-w", "-c", "1", "-o", "4096",
                                  "--pattern", "9", "top"))
        self.make("create", "-q", "-f", "qcow2", "-b", "a", "-F", "qcow2",
                  "want")
        self.io("want", "write -P 9 4k 4k")
        self.make("compare", "top", "want")

    def test_the_data_file_gets_the_data(self):
        self.make("create", "-q", "-f", "qcow2", "-o", "data_file=d", "e",
                  "1M")
        self.succeeds(self.as_reference(
            "bench", "-f", "qcow2", "-w", "-c", "16", "-s", "64k",
            "--pattern", "6", "e"))
        self.assertEqual(self.path("d").read_bytes(), b"\6" * (1 << 20))

    def test_every_format_is_written(self):
        for fmt in ("raw", "qed", "vmdk", "vdi", "vpc", "vhdx", "qcow",
                    "parallels"):
            with self.subTest(format=fmt):
                for name, run in (("b", self.qemu), ("c", self.as_reference)):
                    self.make("create", "-q", "-f", fmt, name, "16M")
                    self.io(name, "write -P 3 0 300k", fmt=fmt)
                    self.succeeds(run("bench", "-f", fmt, "-w", "-c", "100",
                                      "-s", "5120", "-S", "9216", "--pattern",
                                      "5", name))
                self.make("compare", "-f", fmt, "-F", fmt, "b", "c")

    def test_requests_behind_the_end_fail(self):
        self.raw("r", 10240)
        self.same_words("-f", "raw", "-c", "5", "-d", "1", "r")
        self.same_words("-f", "raw", "-c", "3", "-s", "128k", "r")
        self.same_words("-f", "raw", "-c", "3", "-o", "100k", "r")
        # Since 10.1 they start over before that.
        self.succeeds(self.newest("-f", "raw", "-c", "5", "-d", "1", "r"))
        self.raw("empty", 0)
        self.fails(self.newest("-f", "raw", "-c", "3", "empty"),
                   "Failed request: Input/output error")

    def test_what_the_reference_refuses(self):
        for args in (["--flush-interval", "2"], ["-w", "-U"], ["-n"],
                     ["-i", "foo"], ["-t", "foo"], ["-c", "x"], ["-d", "-1"],
                     ["-s", "4G"], ["-S", "x"], ["-o", "x"], ["-f", "foo"],
                     ["-w", "--flush-interval", "3"],
                     ["--pattern", "256"], ["-w", "--flush-interval", "x"]):
            end = self.same_words(*args, "a")
            self.assertEqual(end.code, 1, args)

    def test_a_raw_image_that_was_guessed_is_warned_of(self):
        self.raw("r", 65536)
        self.same_words("-w", "-c", "4", "r")
        self.same_words("-c", "4", "r")

    def test_an_image_in_use_is_left_alone(self):
        with subprocess.Popen(
                ["qemu-io", "-f", "qcow2", "a"], cwd=self.directory,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            holder.stdin.write(b"read 0 512\n")
            holder.stdin.flush()
            while b"read 512" not in holder.stdout.readline():
                pass
            self.same_words("-w", "-c", "1", "a")
            self.same_words("-U", "-c", "1", "a")
            holder.stdin.close()
