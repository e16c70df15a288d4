"""measure: what it says comes true, and what it says where qemu-img is not the
measure: formats that only the name instar measures, snapshots, locks."""
import json
import random

from cli import case
from differential import images

# Formats that qemu-img makes and does not measure, and their creation options.
BLOCK_FORMATS = {
    "vdi": ["", "static=on"],
    "vpc": ["", "subformat=fixed"],
    "vhdx": ["", "subformat=fixed", "block_size=1M", "log_size=4M"],
    "vmdk": ["", "subformat=monolithicFlat", "subformat=twoGbMaxExtentSparse",
             "subformat=streamOptimized"],
}


class Measure(case.ProgramTest):

    def sizes(self, *args, name="qemu-img"):
        end = self.instar("measure", "--output=json", *args, name=name)
        return json.loads(self.succeeds(end))

    def made(self, fmt, option, source):
        """The bytes of the files that convert makes."""
        for old in self.directory.glob("out*"):
            old.unlink()
        options = ["-o", option] if option else []
        packed = ["-c"] if "streamOptimized" in option else []
        end = self.qemu("convert", *packed, "-O", fmt, *options, source,
                        "out.img")
        if end.code != 0:  # a disk of no bytes suits not every format
            return 0
        return sum(f.stat().st_size for f in self.directory.glob("out*"))

    def understands(self, fmt, option):
        end = self.instar("measure", "-O", fmt, "-o", option, "--size", "1M",
                          name="instar")
        return "not supported" not in end.errors

    def test_what_convert_makes_fits_into_what_was_measured(self):
        maker = images.Maker("measure", self.directory)
        chains = maker.make() + [maker._chain(f"m{i}", small=True)
                                 for i in range(2)]
        self.raw("all.img", 5 << 20, (0, random.Random(1).randbytes(5 << 20)))
        self.raw("empty.img", 0)
        sources = [(c.top.format, c.top.name) for c in chains]
        sources += [("raw", "all.img"), ("raw", "empty.img")]
        for fmt, wanted in BLOCK_FORMATS.items():
            for option in wanted:
                if option and not self.understands(fmt, option):
                    continue
                for kind, source in sources:
                    args = ["-f", kind] + (["-o", option] if option else [])
                    sizes = self.sizes("-O", fmt, *args, source, name="instar")
                    made = self.made(fmt, option, source)
                    with self.subTest(fmt=fmt, option=option, source=source):
                        self.assertLessEqual(made, sizes["required"])
                        self.assertLessEqual(sizes["required"],
                                             sizes["fully-allocated"])

    def test_qemu_img_measures_no_vmdk(self):
        self.fails(self.instar("measure", "--size", "1G", "-O", "vmdk"),
                   "Block driver 'vmdk' does not support size measurement")

    def test_a_size_that_a_format_cannot_have_is_refused(self):
        self.fails(self.instar("measure", "--size", "4T", "-O", "vpc",
                               name="instar"),
                   "The image size is too large for file format 'vpc'")

    def test_a_snapshot_is_measured_instead_of_the_present_state(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "8M")
        self.io("a.qcow2", "write -P 1 0 1M")
        self.make("snapshot", "-c", "one", "a.qcow2")
        self.io("a.qcow2", "write -P 1 2M 2M")
        then = self.sizes("-O", "qcow2", "-l", "one", "a.qcow2")["required"]
        now = self.sizes("-O", "qcow2", "a.qcow2")["required"]
        self.assertEqual(now - then, 2 << 20)

    def test_options_that_need_one_another_are_checked_as_in_qemu_img(self):
        self.raw("r.img", 4096)
        for args in (["-l", "x"], ["-l", "x", "r.img"], ["-f", "raw"],
                     ["r.img", "r.img"], ["--size", "1M", "r.img"], [],
                     ["--output=xml"], ["--size", "x"],
                     ["-f", "nosuch", "r.img"], ["-f", "qcow2", "r.img"],
                     ["-O", "luks", "--size", "1M"]):
            with self.subTest(args=args):
                self.same("measure", *args)

    def test_before_10_1_a_wrong_option_is_a_call_for_help(self):
        for args in (["--nosuch"], ["-x"], ["-l"], ["--size"]):
            with self.subTest(args=args):
                want = self.qemu("measure", *args)
                got = self.as_reference("measure", *args)
                self.assertEqual((got.code, got.err), (want.code, want.err))
                self.assertIn("measure", got.text)
