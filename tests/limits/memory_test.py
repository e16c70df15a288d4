"""The limits that callers put on the program."""
import os
import resource

from cli import case

MIB = 1 << 20
ONE_GIB = 1 << 30


def limit(memory=ONE_GIB, cpu=None):
    """For preexec_fn: what prlimit --as=… --cpu=… sets."""
    def apply():
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        if cpu:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    return apply


class Limits(case.ProgramTest):

    def chain(self, depth):
        self.raw("0.img", 8 * MIB, (0, os.urandom(MIB)))
        fmt = "raw"
        for i in range(depth):
            self.make("create", "-q", "-f", "qcow2", "-b", f"{i}.img", "-F",
                      fmt, f"{i + 1}.img")
            fmt = "qcow2"
        return f"{depth}.img"

    def test_info_lives_in_1_gib_and_2_seconds(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "10G")
        self.succeeds(self.instar("info", "--output=json", "a.qcow2",
                                  preexec_fn=limit(cpu=2)))

    def test_info_of_a_long_chain_lives_in_1_gib_and_2_seconds(self):
        top = self.chain(20)
        out = self.succeeds(self.instar("info", "--backing-chain", top,
                                        preexec_fn=limit(cpu=2)))
        self.assertEqual(out.count("\nfile format: "), 21)

    def test_info_of_the_largest_l1_table_lives_in_them(self):
        self.make("create", "-q", "-f", "qcow2", "-o", "cluster_size=512",
                  "a.qcow2", "120G")
        self.succeeds(self.instar("info", "a.qcow2",
                                  preexec_fn=limit(cpu=2)))

    def test_convert_lives_in_1_gib(self):
        top = self.chain(5)
        for fmt in ("raw", "qcow2"):
            with self.subTest(fmt=fmt):
                self.succeeds(self.instar("convert", "-O", fmt, top, "out",
                                          preexec_fn=limit()))
                self.make("compare", "-F", fmt, top, "out")

    def test_convert_of_16_coroutines_lives_in_1_gib(self):
        self.raw("a.raw", 64 * MIB, (0, os.urandom(32 * MIB)))
        self.succeeds(self.instar("convert", "-m", "16", "-W", "-O", "qcow2",
                                  "-o", "cluster_size=2M", "a.raw", "out",
                                  preexec_fn=limit()))

    def test_too_little_memory_is_an_error_and_no_crash(self):
        self.raw("a.raw", MIB)
        for size in (1, 4, 8, 16, 24, 32, 48):
            with self.subTest(mib=size):
                end = self.instar("convert", "-O", "qcow2", "a.raw", "out",
                                  preexec_fn=limit(size * MIB))
                if end.code == -11 and size <= 8:
                    continue  # the kernel could not start it
                self.assertIn(end.code, (0, 1), end.describe())
                self.assertEqual(end.code == 0, end.err == b"")

    def test_few_file_descriptors_are_an_error_and_no_crash(self):
        top = self.chain(12)
        for count in (3, 6, 10, 14):
            def few(count=count):
                resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
            with self.subTest(descriptors=count):
                end = self.instar("info", "--backing-chain", top,
                                  preexec_fn=few)
                self.assertIn(end.code, (0, 1), end.describe())
                self.assertEqual(end.code == 0, end.err == b"")
