"""info --limits, which qemu-img has since 10.2. The reference is older, so
what 11.1 prints is written down here."""
import json

from cli import case

QCOW2 = {"write-zeroes-alignment": 65536, "request-alignment": 1,
         "min-mem-alignment": 1, "discard-alignment": 65536,
         "opt-mem-alignment": 4096, "max-iov": 1024}
FILE = {"request-alignment": 1, "min-mem-alignment": 1,
        "opt-mem-alignment": 4096, "max-iov": 1024}


class Limits(case.ProgramTest):

    def limits(self, *args):
        text = self.succeeds(self.instar("info", "--limits", "--output=json",
                                         *args))
        info = json.loads(text)
        return info["limits"], info["children"][-1]["info"]["limits"]

    def test_of_qcow2_come_from_its_clusters(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        self.assertEqual(self.limits("a.qcow2"), (QCOW2, FILE))
        self.make("create", "-q", "-f", "qcow2", "-o",
                  "extended_l2=on,cluster_size=128k", "b.qcow2", "1M")
        self.assertEqual(
            self.limits("b.qcow2"),
            ({**QCOW2, "write-zeroes-alignment": 4096,
              "discard-alignment": 131072}, FILE))

    def test_a_raw_image_that_was_probed_takes_whole_sectors(self):
        self.raw("a.raw", 4096)
        self.assertEqual(self.limits("a.raw"),
                         ({**FILE, "request-alignment": 512}, FILE))
        self.assertEqual(self.limits("-f", "raw", "a.raw"), (FILE, FILE))

    def test_of_qed_bound_what_is_zeroed_at_once(self):
        self.make("create", "-q", "-f", "qed", "a.qed", "1M")
        self.assertEqual(
            self.limits("a.qed"),
            ({**FILE, "write-zeroes-alignment": 65536,
              "request-alignment": 512, "max-write-zeroes": 2147418112}, FILE))

    def test_come_before_what_is_specific_to_the_format(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        text = self.succeeds(self.instar("info", "--limits", "a.qcow2"))
        self.assertIn("cluster_size: 65536\nBlock limits:\n"
                      "    write zeroes alignment: 65536\n"
                      "    request alignment: 1\n", text)
        self.assertIn("    max iov: 1024\nFormat specific information:", text)

    def test_are_unknown_to_older_versions(self):
        self.make("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
        end = self.as_reference("info", "--limits", "a.qcow2")
        self.assertEqual(end.code, 1)
