#!/usr/bin/env -S python3 -B
"""Random histories of backing chains: the program against the real qemu-img.

Two equal directories with a chain of images. In each the reference writes the
same to them, and `rebase` and `commit` are carried out, in one by the program
and in the other by the reference. After each step exit status, messages, and
of every image contents, info, map and check must agree.

  layers.py [--bin PROGRAM] [--seed N] [--cases N] [--jail JAIL]...
  layers.py --seed N --only CASE
"""
import json
import pathlib
import random
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import mapped
from differential import cases

VARYING = ("actual-size", "date-sec", "date-nsec", "cid", "parent-cid")
PLACES = ("fragmented-clusters", "image-end-offset")


class Image:
    def __init__(self, name, fmt, size, below):
        self.name, self.fmt, self.size, self.below = name, fmt, size, below


class History:
    """What the images are, and what is done to them."""

    def __init__(self, r):
        self.r = r
        self.images = []
        self.size = r.choice([r.randint(1, 60) << 16, r.randint(1, 9000) * 512,
                              r.randint(1, 12) << 20])

    def some_size(self):
        r = self.r
        if r.random() < 0.6:
            return self.size
        return max(512, self.size + r.choice([-1, 1]) * r.choice(
            [512, 4096, 65536, 100 * 512, 1 << 20, r.randint(1, 999) * 512]))

    def options(self, fmt):
        r = self.r
        if fmt == "qed" and r.random() < 0.5:
            return ["-o", f"cluster_size={r.choice([4096, 16384, 131072])}"]
        if fmt != "qcow2":
            return []
        options = []
        if r.random() < 0.5:
            options.append(f"cluster_size={r.choice([512, 4096, 1 << 21])}")
        elif r.random() < 0.3:
            options.append("extended_l2=on")
        if r.random() < 0.15 and "extended_l2=on" not in options:
            options.append("compat=0.10")
        elif r.random() < 0.2:
            options.append(f"refcount_bits={r.choice([1, 8, 64])}")
        return ["-o", ",".join(options)] if options else []

    def new_image(self, name, below):
        """An image and the words that create it."""
        r = self.r
        if below is None:
            fmt = r.choice(["raw", "raw", "qcow2", "qcow2", "qed", "vmdk",
                            "vdi", "qcow", "vpc", "vhdx"])
        else:
            fmt = r.choice(["qcow2"] * 6 + ["qed", "qcow"])
        size = self.some_size()
        args = ["create", "-q", "-f", fmt, *self.options(fmt)]
        if below is not None:
            args += ["-b", below.name, "-F", below.fmt]
        image = Image(name, fmt, size, below)
        self.images.append(image)
        return [*args, name, str(size)]

    def writes(self, image):
        r = self.r
        commands = []
        for _ in range(r.randint(1, 5)):
            length = min(r.choice([512, 4096, 20000, 65536, 300000, 1 << 20]),
                         image.size)
            length = max(512, length // 512 * 512)
            at = r.randint(0, max(0, image.size - length)) // 512 * 512
            if r.random() < 0.4:
                at = at // 65536 * 65536
            kind = r.choice([f"write -P {r.randint(0, 255)}", "write -P 7",
                             "write -z", "write -z -u"])
            if r.random() < 0.1 and image.fmt == "qcow2" \
                    and at % 65536 == 0 and length == 65536:
                kind = "write -c -P 9"
            commands.append(f"{kind} {at} {length}")
        return commands

    def step(self):
        """A rebase or a commit."""
        r = self.r
        above = [i for i in self.images if i.below is not None]
        top = r.choice(above)
        if r.random() < 0.5:
            return self.rebase(top)
        args = ["commit"]
        if r.random() < 0.3:
            args.append("-d")
        if r.random() < 0.3:
            layer = top.below
            while layer.below is not None and r.random() < 0.5:
                layer = layer.below
            args += ["-b", layer.name]
        if r.random() < 0.5:
            args += ["-f", top.fmt]
        return [*args, top.name], None

    def rebase(self, top):
        r = self.r
        args = ["rebase"]
        # The reference stores what would change, and then fails.
        if top.fmt == "qcow" or r.random() < 0.1:
            args.append("-u")
        if r.random() < 0.15:
            return [*args, "-b", "", top.name], (top, None)
        fits = [i for i in self.images if i is not top and not over(i, top)]
        if not fits:
            return [*args, "-b", "", top.name], (top, None)
        below = r.choice(fits)
        return [*args, "-b", below.name, "-F", below.fmt, top.name], \
            (top, below)


def over(image, other):
    """Whether `image` is above `other`, or it."""
    while image is not None:
        if image is other:
            return True
        image = image.below
    return False


def without(facts, keys):
    if isinstance(facts, dict):
        return {k: without(v, keys) for k, v in facts.items()
                if k not in keys}
    if isinstance(facts, list):
        return [without(v, keys) for v in facts]
    return facts


class Layers(cases.Cases):
    kind = "layers"
    what = "histories of backing chains"

    def one(self, number, pair, log):
        r = random.Random(f"{self.args.seed} {number}")
        history = History(r)
        below = None
        for i in range(r.randint(2, 4)):
            args = history.new_image(f"i{i}", below)
            # Copies would lack holes, or have more of them.
            if any(pair.reference(where, *args).code
                   for where in (pair.ours, pair.theirs)):
                return ""  # what cannot be made is no case
            if r.random() < 0.9:
                self.write(pair, history, history.images[-1])
            # A side branch now and then.
            if below is None or r.random() < 0.8:
                below = history.images[-1]
            log.append(" ".join(args))
        for _ in range(r.randint(1, 4)):
            if all(image.below is None for image in history.images):
                break
            args, link = history.step()
            log.append("qemu-img " + " ".join(args))
            want, text = pair.carry_out(args)
            text = text or self.compare(history, pair)
            if text:
                return text
            if want.code == 0 and link:
                link[0].below = link[1]
            for image in history.images:
                self.refresh(image, pair)
            if r.random() < 0.5:
                image = r.choice(history.images)
                log.append(" ".join(self.write(pair, history, image)))
        return ""

    @staticmethod
    def refresh(image, pair):
        end = pair.reference(pair.theirs, "info", "-f", image.fmt,
                             "--output=json", image.name)
        image.size = json.loads(end.text)["virtual-size"]

    @staticmethod
    def write(pair, history, image):
        """Returns the command."""
        argv = ["qemu-io", "-f", image.fmt]
        for command in history.writes(image):
            argv += ["-c", command]
        argv.append(image.name)
        pair.both(argv)
        return argv

    @staticmethod
    def compare(history, pair):
        for image in history.images:
            for args in (["info", "--output=json"], ["map", "--output=json"],
                         ["check", "--output=json"]):
                args = [*args, "-f", image.fmt, image.name]
                a, b = (pair.reference(where, *args)
                        for where in (pair.ours, pair.theirs))
                x, y = a.text, b.text
                if args[0] == "info" and not a.code and not b.code:
                    x = without(json.loads(x), VARYING)
                    y = without(json.loads(y), VARYING)
                if args[0] == "map" and not a.code and not b.code:
                    x, y = mapped.runs(x), mapped.runs(y)
                if args[0] == "check" and not a.code and not b.code:
                    # Where clusters are, each program decides.
                    x = without(json.loads(x), PLACES)
                    y = without(json.loads(y), PLACES)
                if (a.code, a.errors, x) != (b.code, b.errors, y):
                    return (f"{' '.join(args)}:\nours {a.describe()}\n"
                            f"theirs {b.describe()}")
            end = pair.reference(
                pair.ours, "compare", "-f", image.fmt, "-F", image.fmt,
                image.name, str(pair.theirs / image.name))
            if end.code:
                return f"{image.name}: {end.describe()}"
        return ""


if __name__ == "__main__":
    sys.exit(cases.main(__doc__, 150, Layers))
