"""Locks of the commands that change images in place: an image that somebody
holds is left alone, and one that is being changed cannot be opened."""
import subprocess
import time

from cli import case

CHANGES = (
    ["resize", "-f", "qcow2", "a", "+1M"],
    ["snapshot", "-c", "s", "a"],
    ["snapshot", "-a", "old", "a"],
    ["snapshot", "-d", "old", "a"],
    ["amend", "-f", "qcow2", "-o", "lazy_refcounts=on", "a"],
    ["bitmap", "--add", "-f", "qcow2", "a", "b"],
    ["rebase", "-f", "qcow2", "-b", "", "a"],
    ["rebase", "-u", "-f", "qcow2", "-b", "", "a"],
    ["commit", "-f", "qcow2", "a"],
    ["check", "-r", "all", "-f", "qcow2", "a"],
    ["bench", "-w", "-c", "1", "-f", "qcow2", "a"],
)


class ChangeLocks(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.make("create", "-q", "-f", "qcow2", "base", "1M")
        self.make("create", "-q", "-f", "qcow2", "-b", "base", "-F", "qcow2",
                  "a")
        self.make("snapshot", "-c", "old", "a")
        self.io("a", "write -P 1 0 64k")

    def hold(self, image, *options):
        """Keeps `image` open in qemu-io until the test ends."""
        holder = subprocess.Popen(
            ["qemu-io", "-f", "qcow2", *options, image], cwd=self.directory,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)

        def end():
            holder.stdin.close()
            holder.stdout.close()
            holder.wait()

        self.addCleanup(end)
        holder.stdin.write(b"length\n")
        holder.stdin.flush()
        holder.stdout.readline()  # it answers, so that the image is open

    def is_refused(self, words):
        before = self.path("a").read_bytes()
        for args in CHANGES:
            with self.subTest(args=args):
                end = self.same(*args)
                self.fails(end, words)
                self.assertEqual(self.path("a").read_bytes(), before, args)

    def test_an_image_that_another_writes_is_left_alone(self):
        self.hold("a")
        self.is_refused('Failed to get "write" lock')

    def test_an_image_that_another_reads_is_left_alone(self):
        self.hold("a", "-r")
        self.is_refused('Failed to get "write" lock')

    def test_a_base_that_another_reads_is_not_committed_to(self):
        self.hold("base", "-r")
        before = self.path("base").read_bytes()
        self.assertEqual(self.same("commit", "-f", "qcow2", "a").code, 1)
        self.assertEqual(self.path("base").read_bytes(), before)

    def test_a_base_that_another_writes_is_not_read(self):
        self.hold("base")
        for args in CHANGES:
            # bitmap opens nothing below its image; bench prints a time.
            if args[0] not in ("bitmap", "bench"):
                with self.subTest(args=args):
                    self.same(*args)

    def test_snapshots_of_a_held_image_are_listed_with_force_share(self):
        self.hold("a")
        self.assertEqual(self.same("snapshot", "-l", "a").code, 1)
        self.succeeds(self.instar("snapshot", "-U", "-l", "a"))

    def test_an_image_that_is_being_changed_is_not_opened(self):
        with subprocess.Popen(
                ["qemu-img", "bench", "-w", "-d", "1", "-c", "2000000000",
                 "-f", "qcow2", "a"], executable=self.program,
                cwd=self.directory, env=self.environment(),
                stdout=subprocess.PIPE) as holder:
            try:
                self.assertTrue(holder.stdout.readline())
                time.sleep(0.1)
                end = self.qemu("info", "-f", "qcow2", "a")
                self.fails(end, 'Failed to get shared "write" lock')
                for args in CHANGES:
                    end = self.qemu(*args)
                    self.fails(end, 'Failed to get "write" lock')
                self.succeeds(self.qemu("info", "-U", "-f", "qcow2", "a"))
            finally:
                holder.kill()
