"""Image locks: those of others are respected, ours are seen by others."""
import subprocess

from cli import case


class Locks(case.ProgramTest):

    def setUp(self):
        super().setUp()
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")

    def hold(self, image, *options):
        """Keeps `image` open in qemu-io until the test ends."""
        holder = subprocess.Popen(
            ["qemu-io", *options, image], cwd=self.directory,
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

    def test_an_image_that_is_being_written_is_refused(self):
        self.hold("a.qcow2")
        end = self.same("info", "a.qcow2")
        self.fails(end, 'Failed to get shared "write" lock',
                   "Is another process using the image [a.qcow2]?")

    def test_force_share_reads_it_all_the_same(self):
        self.hold("a.qcow2")
        self.succeeds(self.same("info", "-U", "a.qcow2"))

    def test_convert_refuses_a_locked_source(self):
        self.hold("a.qcow2")
        self.same("convert", "-O", "raw", "a.qcow2", "b.raw")
        self.same("convert", "-U", "-O", "raw", "a.qcow2", "b.raw")

    def test_convert_refuses_a_locked_target(self):
        self.raw("b.raw", 1 << 20)
        self.hold("b.raw", "-f", "raw")
        self.same("convert", "-O", "raw", "a.qcow2", "b.raw")
        self.same("convert", "-n", "-O", "raw", "a.qcow2", "b.raw")

    def test_create_refuses_a_locked_file(self):
        self.hold("a.qcow2")
        self.same("create", "-f", "qcow2", "a.qcow2", "1M")

    def test_a_reader_does_not_shut_out_readers(self):
        self.hold("a.qcow2", "-r")
        self.succeeds(self.same("info", "a.qcow2"))
        self.succeeds(self.same("convert", "-O", "raw", "a.qcow2", "b.raw"))

    def test_a_locked_backing_file_is_refused(self):
        self.make("create", "-q", "-f", "qcow2", "-b", "a.qcow2", "-F",
                  "qcow2", "top.qcow2")
        self.hold("a.qcow2")
        self.same("info", "top.qcow2")
        self.same("info", "--backing-chain", "top.qcow2")
        self.same("convert", "-O", "raw", "top.qcow2", "b.raw")

    def test_an_image_may_not_be_its_own_target(self):
        self.same("convert", "-O", "qcow2", "a.qcow2", "a.qcow2")
