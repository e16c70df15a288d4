"""What tests of backing chains share: a chain, and a command that is carried
out by the reference and by the program on equal files."""
import json

import mapped
import qcow2_bitmaps
from cli import case

VARYING = ("actual-size", "cid", "parent-cid", "image-end-offset",
           "fragmented-clusters", "date-sec", "date-nsec")


def steady(facts):
    """`facts` without what may differ between two equal images."""
    if isinstance(facts, dict):
        return {k: steady(v) for k, v in facts.items() if k not in VARYING}
    if isinstance(facts, list):
        return [steady(v) for v in facts]
    return facts


class LayersTest(case.ProgramTest):

    def chain(self, *names):
        """qcow2 images of 4 MiB, each above the one before."""
        below = []
        for i, name in enumerate(names):
            self.make("create", "-q", "-f", "qcow2", *below, name,
                      *([] if below else ["4M"]))
            self.io(name, f"write -P {i + 1} {i * 512}k 1M",
                    f"write -z {i}M 64k", f"write -P {i + 9} 3M 100k")
            below = ["-b", name, "-F", "qcow2"]

    def shown(self, name, fmt):
        """What the reference says of an image, and its contents."""
        said = []
        for command in ("info", "map", "check"):
            end = self.qemu(command, "-f", fmt, "--output=json", name)
            text = end.text
            if end.code == 0:
                text = mapped.runs(text) if command == "map" \
                    else steady(json.loads(text))
            said.append((end.code, text, end.errors))
        end = self.qemu("convert", "-f", fmt, "-O", "raw", name, "contents")
        data = b""
        if end.code == 0:
            data = self.path("contents").read_bytes()
            self.path("contents").unlink()
        if fmt == "qcow2":
            said.append(qcow2_bitmaps.read(self.path(name)))
        return said, end.describe(), data

    def both(self, *args, formats=None):
        """The command ends the same, and leaves the same in every image."""
        kept = {p: p.read_bytes() for p in self.directory.iterdir()}
        results = []
        for run in (self.qemu, self.as_reference):
            for path, data in kept.items():
                path.write_bytes(data)
            end = run(*args)
            results.append([end.describe()] + [
                (p.name, self.shown(p.name, (formats or {}).get(
                    p.name, "qcow2"))) for p in sorted(kept)])
        for want, got in zip(*results):
            self.assertTrue(got == want,
                            f"{' '.join(args)}\n{short(got)}\n{short(want)}")
        return end


def short(result):
    """Without the contents."""
    if isinstance(result, str):
        return result
    return result[0], result[1][:2]
