"""What the program says and leaves when a command that writes cannot end, and
that the tracer sees what happened."""
import errno
import os
import resource
import signal
import subprocess
import tempfile
import time

from cli import case
from faults import tasks, traced

KIB, MIB = 1 << 10, 1 << 20
FULL_BYTES = 64 * KIB


class Traced(case.ProgramTest):
    """A test with commands that are interfered with."""

    def setUp(self):
        super().setUp()
        scratch = tempfile.TemporaryDirectory(prefix="traced-")
        self.addCleanup(scratch.cleanup)
        self.bench = traced.Bench(scratch.name, self.program)
        self.source = tasks.make_source()
        self.put_source()

    def put_source(self):
        self.bench.clear()
        (self.bench.files / "source").write_bytes(self.source)

    def run_traced(self, mode, *args, jail=None):
        self.put_source()
        return self.bench.run([*map(str, mode)], args, jail or self.jail)

    def convert(self, mode, fmt, *more, jail=None):
        return self.run_traced(mode, "convert", "-f", "raw", "-O", fmt, *more,
                               "source", "out", jail=jail)


class Signals(Traced):
    """qemu-img dies of a signal and leaves the file as it is."""

    def setUp(self):
        super().setUp()
        # Whoever ran the tests may have told its children to ignore it.
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            before = signal.signal(number, signal.SIG_DFL)
            self.addCleanup(signal.signal, number, before)

    def left_by(self, number, jail):
        ran = self.run_traced(
            ["signal", 9, number], "convert", "-f", "raw", "-O", "qcow2",
            "source", "out", jail=jail)
        self.assertTrue(ran.acted)
        return ran.end.code, ran.end.err, self.bench.names_left()

    def test_a_signal_ends_it_as_it_ends_the_reference(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP,
                       signal.SIGQUIT):
            with self.subTest(number=number):
                want = self.left_by(number, "reference")
                self.assertEqual(self.left_by(number, self.jail), want)
                self.assertEqual(want[0], -number)

    def test_a_reader_that_has_gone_is_no_failure(self):
        self.put_source()
        for args in (["info", "source"], ["map", "source"],
                     ["convert", "--help"]):
            with self.subTest(args=args):
                self.assertEqual(self.into_nothing(self.program, args),
                                 self.into_nothing(self.reference, args))

    def into_nothing(self, program, args):
        """Runs a command whose stdout is a pipe that nobody reads."""
        reader, writer = os.pipe()
        os.close(reader)
        child = subprocess.Popen(
            ["qemu-img", *args], executable=program, stdout=writer,
            stderr=subprocess.PIPE, cwd=self.bench.files,
            env=self.environment())
        os.close(writer)
        _, err = child.communicate()
        return child.returncode, err


class FirstFailure(Traced):
    """A disk without any space, and files that may not grow."""

    CREATE = (("raw",), ("qcow2",), ("vpc",), ("vpc", "subformat=fixed"),
              ("vhdx",), ("vdi",), ("qed",), ("qcow",), ("parallels",),
              ("vmdk", "subformat=monolithicFlat"))

    def full_disk(self, size):
        self.is_root()
        path = self.path("small")
        path.mkdir()
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path],
            capture_output=True, check=False)
        if made.returncode:
            self.skipTest("no tmpfs can be mounted: "
                          + made.stderr.decode(errors="replace").strip())
        self.addCleanup(subprocess.run, ["umount", path], check=True)
        return path

    def both_on(self, disk, *args):
        """Runs a command by both; each makes small/out*. The same must be
        printed and left."""
        ends = []
        for run in (self.qemu, self.as_reference):
            for path in disk.glob("out*"):
                path.unlink()
            end = run(*args)
            ends.append((end.code, end.text, end.errors,
                         sorted(p.name for p in disk.iterdir())))
        self.assertEqual(ends[1], ends[0])
        return ends[1]

    def test_create_on_a_full_disk_tells_what_the_reference_tells(self):
        disk = self.full_disk(FULL_BYTES)
        (disk / "filler").write_bytes(bytes(FULL_BYTES))
        for fmt, *options in self.CREATE:
            with self.subTest(format=fmt, options=options):
                more = ["-o", *options] if options else []
                self.both_on(disk, "create", "-q", "-f", fmt, *more,
                             "small/out", "64M")

    def test_convert_on_a_full_disk_tells_what_the_reference_tells(self):
        disk = self.full_disk(FULL_BYTES)
        (disk / "filler").write_bytes(bytes(FULL_BYTES))
        self.path("source").write_bytes(self.source)
        for fmt, *options in self.CREATE:
            with self.subTest(format=fmt, options=options):
                more = ["-o", *options] if options else []
                code, _, errors, _ = self.both_on(
                    disk, "convert", "-f", "raw", "-O", fmt, *more, "source",
                    "small/out")
                self.assertEqual((code, errors.count("\n")), (1, 1))

    def test_a_header_that_does_not_fit_is_told(self):
        path = "./" * 100 + "d" * 240
        end = self.same("create", "-q", "-f", "qcow2", "-o",
                        f"cluster_size=512,data_file={path}", "q", "1M")
        self.fails(end, os.strerror(errno.ENOSPC))

    def test_what_cannot_be_preallocated_is_told_and_removed(self):
        disk = self.full_disk(MIB)
        for fmt in ("raw", "qcow2"):
            for mode in ("falloc", "full"):
                with self.subTest(format=fmt, mode=mode):
                    self.both_on(disk, "create", "-q", "-f", fmt, "-o",
                                 f"preallocation={mode}", "small/out", "64M")

    def limited(self, run, *args):
        def apply():
            resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
        return run(*args, preexec_fn=apply)

    def test_a_limit_on_file_sizes_is_an_error_and_no_signal(self):
        self.path("source").write_bytes(self.source)
        for fmt in ("raw", "qcow2", "vhdx"):
            with self.subTest(format=fmt):
                ends = []
                for run in (self.qemu, self.as_reference):
                    end = self.limited(run, "convert", "-f", "raw", "-O", fmt,
                                       "-S", "0", "source", f"out.{fmt}")
                    text = end.errors.split(" at byte ")
                    ends.append((end.code, text[0],
                                 text[-1].partition(": ")[2]))
                self.assertEqual(ends[1], ends[0])
                self.assertIn(os.strerror(errno.EFBIG), ends[1][2])

    def test_a_disk_that_fails_is_told_in_one_line(self):
        for fmt in ("raw", "qcow2", "vmdk", "vpc", "vhdx", "vdi", "qed"):
            with self.subTest(format=fmt):
                count = self.convert(["count"], fmt).count
                got = self.convert(["fail-from", count - 4, errno.EIO], fmt)
                self.assertRegex(
                    got.end.errors,
                    r"^qemu-img: error while writing at byte \d+: "
                    r"Input/output error\n$")


class Record(Traced):

    def test_what_is_recorded_makes_the_same_file(self):
        for fmt in ("qcow2", "vmdk", "raw"):
            with self.subTest(format=fmt), \
                    tempfile.TemporaryDirectory() as log:
                ran = self.convert(["record", log], fmt)
                self.assertEqual(ran.end.code, 0, ran.end.describe())
                calls = traced.read_log(log)
                self.assertEqual(len(calls), ran.count)
                made = (self.bench.files / "out").read_bytes()
                self.assertEqual(replay(calls), made)

    def test_half_written_calls_are_completed(self):
        count = self.convert(["count"], "raw").count
        halved = 0
        for number in range(1, count + 1):
            ran = self.convert(["short", number], "raw")
            self.assertEqual(ran.end.code, 0, ran.end.describe())
            halved += ran.acted
            self.assertEqual((self.bench.files / "out").read_bytes(),
                             self.source)
        self.assertGreater(halved, 0)


def replay(calls):
    """The file that the recorded calls make of an empty one."""
    out = bytearray()
    for call in sorted(calls, key=lambda c: c["began"]):
        end = call["offset"] + max(call["length"], 0)
        if call["result"] < 0 or call["kind"] == "flush":
            continue
        if call["kind"] == "resize":
            del out[call["offset"]:]
            end = call["offset"]
        keeps_size = call["kind"] == "allocate" and call["mode"] & 1
        if end > len(out) and not keeps_size:
            out.extend(bytes(end - len(out)))
        if call["kind"] == "allocate" and call["mode"] & 0x12:
            out[call["offset"]:end] = bytes(min(end, len(out))
                                            - call["offset"])
        if call["bytes"]:
            at = call["offset"]
            out[at:at + len(call["bytes"])] = call["bytes"]
    return bytes(out)


class BigConvert(case.ProgramTest):
    """A signal while much is in flight."""

    def test_nothing_but_the_output_is_left_by_a_signal(self):
        with open(self.path("a.raw"), "wb") as f:
            for _ in range(128):
                f.write(os.urandom(MIB))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number=number):
                child = subprocess.Popen(
                    ["qemu-img", "convert", "-O", "qcow2", "a.raw", "b.qcow2"],
                    executable=self.program, cwd=self.directory,
                    env=self.environment(), start_new_session=True,
                    preexec_fn=lambda n=number: signal.signal(
                        n, signal.SIG_DFL),
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                while child.poll() is None and not (
                        self.path("b.qcow2").exists()
                        and self.path("b.qcow2").stat().st_size > MIB):
                    time.sleep(0.001)
                child.send_signal(number)
                out, err = child.communicate()
                self.assertEqual((child.returncode, out, err),
                                 (-number, b"", b""))
                self.assertEqual(
                    sorted(p.name for p in self.directory.iterdir()),
                    ["a.raw", "b.qcow2"])
                self.path("b.qcow2").unlink()
