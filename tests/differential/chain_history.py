"""Random chains of images, and random changes of them, as command lines."""

KIB, MIB = 1 << 10, 1 << 20
COMMANDS = ("resize", "snapshot", "amend", "bitmap", "rebase", "commit",
            "check")
SNAPSHOTS = ("one", "two", "three")
BITMAPS = ("b0", "b1")


class ChainHistory:
    """`images` holds the format of each image by its name, lowest first. With
    `commands`, only these change the chain."""

    def __init__(self, r, commands=()):
        self.r = r
        self.commands = tuple(commands) or COMMANDS
        self.size = r.randint(1, 12000) * 512
        self.images = {}
        # Cluster sizes and widths of refcounts, by image.
        self.clusters, self.widths = {}, {}
        # Images that were given such things at some time.
        self.snapshotted, self.with_bitmaps = set(), set()

    # ---- The chain --------------------------------------------------------

    def beginning(self):
        """The commands that make the chain and put data into it."""
        r = self.r
        depth = r.choice((1, 1, 2, 2, 3))
        below = None
        for i in range(depth):
            name = f"image{i}"
            fmt = "raw" if i == 0 and depth > 1 and r.random() < 0.3 \
                else "qcow2"
            yield self.create(name, fmt, below)
            self.images[name] = fmt
            yield self.write(name)
            below = name
        yield self.create("aside", "qcow2", None)
        self.images["aside"] = "qcow2"
        yield self.write("aside")

    def create(self, name, fmt, below):
        r = self.r
        size = self.size
        if r.random() < 0.3:
            size = max(512, size + r.randint(-2000, 2000) * 512)
        args = ["qemu-img", "create", "-q", "-f", fmt]
        if fmt == "qcow2":
            cluster, width, options = self.options()
            args += ["-o", options]
            self.clusters[name], self.widths[name] = cluster, width
        if below:
            args += ["-b", below, "-F", self.images[below]]
        return [*args, name, str(size)]

    def options(self):
        r = self.r
        cluster = r.choice((512, 4096, 16384, 65536, 65536, 1 << 20))
        options = [f"cluster_size={cluster}"]
        width = 16
        if r.random() < 0.15:
            return cluster, width, ",".join([*options, "compat=0.10"])
        if r.random() < 0.3:
            width = r.choice((1, 2, 8, 32, 64))
            options.append(f"refcount_bits={width}")
        if r.random() < 0.2 and cluster >= 16384:
            options.append("extended_l2=on")
        return cluster, width, ",".join(options)

    def write(self, name=None):
        r = self.r
        name = name or r.choice(list(self.images))
        argv = ["qemu-io", "-f", self.images[name]]
        for _ in range(r.randint(1, 4)):
            length = r.choice((512, 4096, 70000 // 512 * 512, 300 * KIB))
            at = r.randint(0, max(0, self.size - length)) // 512 * 512
            what = r.choice(("write -P {}", "write -P {}", "write -P {}",
                             "write -z", "write -z -u", "discard"))
            argv += ["-c", f"{what.format(r.randint(1, 255))} {at} {length}"]
        return [*argv, name]

    def top(self):
        return self.r.choice([n for n in self.images
                              if self.images[n] == "qcow2"])

    # ---- Changes ----------------------------------------------------------

    def change(self):
        return getattr(self, self.r.choice(self.commands))()

    def resize(self):
        r = self.r
        args = ["resize", "-f", "qcow2"]
        how = r.random()
        if how < 0.5:
            args.append("--shrink")
        if how > 0.8:
            args.append(f"--preallocation={r.choice(('metadata', 'falloc'))}")
        step = r.randint(1, 4000) * 512
        return [*args, self.top(), r.choice(
            (f"+{step}", f"-{step}", str(r.randint(1, 14000) * 512)))]

    def snapshot(self):
        r = self.r
        action = r.choice(("-c", "-c", "-c", "-a", "-d"))
        which, name = r.choice(SNAPSHOTS), self.top()
        self.snapshotted.add(name)
        return ["snapshot", action, which, name]

    def amend(self):
        r = self.r
        width = r.choice((1, 2, 4, 8, 16, 16, 32, 64))
        option = r.choice(("compat=0.10", "compat=1.1", "lazy_refcounts=on",
                           "lazy_refcounts=off", f"refcount_bits={width}",
                           f"refcount_bits={width}"))
        name = self.top()
        if "refcount_bits" in option:
            if self.reference_ends(name, width):
                self.widths[name] = width
            else:
                option = "lazy_refcounts=on"
        return ["amend", "-f", "qcow2", "-o", option, name]

    def reference_ends(self, name, width):
        """Whether the reference ends when it changes the width of an image's
        refcounts to `width`. Where a refcount block covers many clusters,
        versions up to 11.1 may never do."""
        bits = self.clusters[name] * 8
        return bits // min(width, self.widths[name]) < 65536

    def bitmap(self):
        r = self.r
        action = r.choice(("--add", "--add", "--remove", "--clear",
                           "--disable", "--enable"))
        name = self.top()
        self.with_bitmaps.add(name)
        return ["bitmap", action, "-f", "qcow2", name, r.choice(BITMAPS)]

    def rebase(self):
        r = self.r
        args = ["rebase", "-f", "qcow2"]
        if r.random() < 0.2:
            args.append("-u")
        name = self.top()
        # Nothing that lies above it, and nothing below the one aside, which any
        # may lie above: the chain would be a ring.
        order = list(self.images)
        below = [] if name == "aside" else [*order[:order.index(name)], "aside"]
        base = r.choice([*below, ""])
        args += ["-b", base]
        if base:
            args += ["-F", self.images[base]]
        return [*args, name]

    def commit(self):
        r = self.r
        args = ["commit", "-f", "qcow2"]
        if r.random() < 0.3:
            args.append("-d")
        name = self.top()
        order = list(self.images)
        below = [n for n in order[:order.index(name)] if n != "aside"]
        if below and r.random() < 0.3:
            args += ["-b", r.choice(below)]
        return [*args, name]

    def check(self):
        how = ["-r", self.r.choice(("leaks", "all"))]
        name = self.top()
        # The reference loses the snapshots of an image that has bitmaps.
        if name in self.snapshotted and name in self.with_bitmaps:
            how = []
        return ["check", "-f", "qcow2", *how, name]
