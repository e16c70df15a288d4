"""Commands that change images whose bitmaps record what is written."""
from crash.shapes import (BASE, DATA, IMAGE, MORE, OTHER, SOURCE, Operation,
                          create, fill, source)

SHAPES = ("cluster_size=512", "cluster_size=64k")
BITMAPS = [["bitmap", "--add", IMAGE, "old"],
           DATA,
           ["bitmap", "--add", "-g", "32k", IMAGE, "b"],
           ["bitmap", "--add", "--disable", IMAGE, "off"],
           MORE]
KEPT = {IMAGE: "kept"}


def metadata_only():
    """Nothing is written to the disk: bitmaps stay as they are."""
    for shape in SHAPES:
        start = [create(shape), *BITMAPS]
        taken = [*start, ["snapshot", "-c", "one", IMAGE],
                 fill(IMAGE, (2 << 20, 64 << 10, 6))]
        for name, args, setup in (
                ("resize +64M", ["resize", "-q", IMAGE, "+64M"], start),
                ("resize --shrink",
                 ["resize", "-q", "--shrink", IMAGE, "1280k"], start),
                ("snapshot -c", ["snapshot", "-c", "s", IMAGE], start),
                ("snapshot -d", ["snapshot", "-d", "one", IMAGE], taken),
                ("amend refcount_bits=64",
                 ["amend", "-o", "refcount_bits=64", IMAGE], start),
                ("amend lazy_refcounts=on",
                 ["amend", "-o", "lazy_refcounts=on", IMAGE], start),
                ("amend compat=0.10",
                 ["amend", "-o", "compat=0.10", IMAGE], start),
                ("amend size=64M", ["amend", "-o", "size=64M", IMAGE], start),
                ("amend size=1280k", ["amend", "-o", "size=1280k", IMAGE],
                 start)):
            yield Operation(f"bitmaps: {name} {shape}", args, setup,
                            bitmaps=KEPT)


def repairs():
    start = [create("cluster_size=64k"), *BITMAPS]
    leak = ["poke", IMAGE, 0x20006, bytes.fromhex("0005")]
    for kind in ("leaks", "all"):
        yield Operation(f"bitmaps: check -r {kind}",
                        ["check", "-r", kind, IMAGE], [*start, leak],
                        damaged=True, bitmaps=KEPT)


def writing():
    """The bytes of an image change: bitmaps say where, or that they do not
    know."""
    written = {"contents": {IMAGE: "sectors"}, "bitmaps": {IMAGE: "written"}}
    for shape in SHAPES:
        start = [create(shape), *BITMAPS]
        yield Operation(
            f"bitmaps: bench -w {shape}",
            ["bench", "-q", "-w", "-f", "qcow2", "-c", "8", "-d", "2",
             "-s", "24k", "-S", "200k", "-o", "1536k", "--pattern", "9",
             IMAGE], start, **written)
        yield Operation(
            f"bitmaps: bench -w with flushes {shape}",
            ["bench", "-q", "-w", "-f", "qcow2", "-c", "8", "-d", "4",
             "-s", "24k", "-S", "200k", "-o", "1536k", "--pattern", "9",
             "--flush-interval", "4", IMAGE], start, **written)
        yield Operation(
            f"bitmaps: convert -n {shape}",
            ["convert", "-n", "-f", "raw", "-O", "qcow2", SOURCE, IMAGE],
            start + source(), **written)


def layers():
    below = fill(BASE, (0, 1 << 20, 8))
    other = [create("cluster_size=64k", OTHER),
             fill(OTHER, (512 << 10, 1 << 20, 9))]
    for shape in SHAPES:
        start = [create("cluster_size=64k", BASE), below, *other,
                 create(shape, IMAGE, backing=BASE), *BITMAPS]
        yield Operation(
            f"bitmaps: rebase {shape}",
            ["rebase", "-b", OTHER, "-F", "qcow2", IMAGE], start,
            bitmaps={IMAGE: "written"})
        yield Operation(
            f"bitmaps: rebase -u {shape}",
            ["rebase", "-u", "-b", OTHER, "-F", "qcow2", IMAGE], start,
            bitmaps=KEPT)
        yield Operation(
            f"bitmaps: commit {shape}", ["commit", "-q", IMAGE],
            [create(shape, BASE), ["bitmap", "--add", BASE, "old"], below,
             ["bitmap", "--add", "-g", "32k", BASE, "b"],
             create(shape, IMAGE, backing=BASE), *BITMAPS],
            (IMAGE, BASE), {BASE: "sectors"},
            bitmaps={IMAGE: "kept", BASE: "written"})
        yield Operation(
            f"bitmaps: commit that grows {shape}", ["commit", "-q", IMAGE],
            [create(shape, BASE, 1 << 20), ["bitmap", "--add", BASE, "old"],
             below, ["bitmap", "--add", "-g", "32k", BASE, "b"],
             create(shape, IMAGE, backing=BASE), DATA],
            bitmaps={BASE: "written"})


def operations():
    for family in (metadata_only, repairs, writing, layers):
        yield from family()
