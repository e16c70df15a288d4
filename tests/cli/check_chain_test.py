"""check -r --chain: every layer is mended, under the program's own name."""
import json
import os

from cli import case

LEAK = (0x20006, b"\0\5")  # the refcount of cluster 3: 5 instead of 1


class CheckChainTest(case.ProgramTest):

    def setUp(self):
        super().setUp()
        below = []
        for name in ("base", "mid", "top"):
            self.make("create", "-q", "-f", "qcow2", *below, name, "4M")
            below = ["-b", name, "-F", "qcow2"]
            self.io(name, "write -P 1 0 256k")
        self.damage("base")
        self.damage("top")

    def damage(self, name):
        with open(self.path(name), "r+b") as f:
            f.seek(LEAK[0])
            f.write(LEAK[1])

    def repair(self, *args, env=None):
        return self.instar("check", "-r", "all", "--chain", "-f", "qcow2",
                           *args, name="instar", env=env)

    def mended(self, end):
        """The problems are on stderr."""
        self.assertEqual(end.code, 0, end.describe())
        return end

    def is_clean(self, name):
        return self.qemu("check", "-q", name).code == 0

    def test_layers_are_mended_from_the_lowest_up(self):
        end = self.mended(self.repair("top"))
        named = [line for line in end.text.splitlines()
                 if line.startswith("image: ")]
        self.assertEqual(named, ["image: base", "image: mid", "image: top"])
        self.assertEqual(end.text.count("1 leaked clusters"), 2)
        for name in ("base", "mid", "top"):
            self.assertTrue(self.is_clean(name), name)

    def test_json_lists_them_from_the_top_down(self):
        end = self.mended(self.repair("--output=json", "top"))
        self.assertEqual(
            [(image["filename"], image.get("leaks-fixed"))
             for image in json.loads(end.text)],
            [("top", 1), ("mid", None), ("base", 1)])

    def test_what_cannot_be_mended_is_checked(self):
        self.make("create", "-q", "-f", "vmdk", "base.vmdk", "4M")
        self.make("rebase", "-u", "-b", "base.vmdk", "-F", "vmdk", "mid")
        end = self.mended(self.repair("top"))
        self.assertTrue(end.text.startswith("image: base.vmdk\nNo errors"),
                        end.text)
        self.assertTrue(self.is_clean("top"))

    def test_the_exit_status_is_the_worst_of_all(self):
        with open(self.path("base"), "r+b") as f:
            f.seek(0x40000)  # an L2 entry that leads out of the file
            f.write(b"\x80\0\x7f\0\0\0\0\0")
        end = self.instar("check", "-r", "leaks", "--chain", "-f", "qcow2",
                          "top", name="instar")
        self.assertEqual(end.code, 2, end.describe())
        self.assertTrue(self.is_clean("top"))

    def test_a_layer_elsewhere_stays_as_it_is(self):
        folder = self.path("folder")
        os.mkdir(folder)
        base = self.path("base")
        self.make("create", "-q", "-f", "qcow2", "-b", str(base), "-F",
                  "qcow2", "folder/top", "4M")
        before = base.read_bytes()
        self.assertEqual(self.repair("folder/top").code, 1)
        self.assertEqual(base.read_bytes(), before)
        self.mended(self.repair("folder/top", env=self.environment(
            INSTAR_ALLOW=str(self.directory))))
        self.assertTrue(self.is_clean("base"))
