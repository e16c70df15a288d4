"""Commands that change images in place, and the images that they start from."""
import itertools

from crash import formats, recorded
from crash.shapes import (BASE, DATA, IMAGE, MORE, OTHER, SHAPES, SNAPSHOTS,
                          SOURCE, Operation, create, fill, source)


def resizes():
    for shape in SHAPES:
        start = [create(shape), DATA]
        yield f"resize +1G {shape}", ["resize", "-q", IMAGE, "+1G"], start
        yield (f"resize --shrink {shape}",
               ["resize", "-q", "--shrink", IMAGE, "1280k"], start)
        yield (f"resize --preallocation=metadata {shape}",
               ["resize", "-q", "--preallocation=metadata", IMAGE, "+2M"],
               start)


def snapshots():
    for shape in SNAPSHOTS:
        start = [create(shape), DATA]
        taken = start + [["snapshot", "-c", "one", IMAGE], MORE]
        yield f"snapshot -c {shape}", ["snapshot", "-c", "s", IMAGE], start
        yield f"second -c {shape}", ["snapshot", "-c", "s", IMAGE], taken
        yield f"snapshot -a {shape}", ["snapshot", "-a", "one", IMAGE], taken
        yield f"snapshot -d {shape}", ["snapshot", "-d", "one", IMAGE], taken


def amendments():
    start = [create("cluster_size=4k"), DATA]
    for option in ("compat=0.10", "refcount_bits=64", "refcount_bits=1",
                   "lazy_refcounts=on"):
        yield f"amend {option}", ["amend", "-o", option, IMAGE], start
    yield ("amend compat=1.1", ["amend", "-o", "compat=1.1", IMAGE],
           [create("compat=0.10"), DATA])


def bitmaps():
    for shape in ("cluster_size=512", "cluster_size=64k"):
        start = [create(shape), ["bitmap", "--add", IMAGE, "b0"], DATA]
        for action in ("--add -g 64k", "--remove", "--clear", "--disable"):
            name = "b1" if "add" in action else "b0"
            yield (f"bitmap {action} {shape}",
                   ["bitmap", *action.split(), IMAGE, name], start)


def repairs():
    """Damage to images with clusters of 64 KiB: refcount table and block at
    0x10000 and 0x20000, L1 and L2 table at 0x30000 and 0x40000."""
    def poke(offset, text):
        return ["poke", IMAGE, offset, bytes.fromhex(text)]

    start = [create("cluster_size=64k"), DATA]
    damage = {
        "leaks": [poke(0x20006, "0005"), poke(0x20010, "00020002")],
        "shared clusters": [poke(0x40008, "8000000000050000")],
        "copied flags": [poke(0x30000, "00"), poke(0x40000, "00")],
        "a refcount of 0": [poke(0x2000a, "0000"), poke(0x20006, "0003")],
        "no refcounts": [poke(0x10000, "00" * 8)],
        "marks": [poke(72, "0000000000000003"), poke(0x20006, "0003")],
    }
    for name, pokes in damage.items():
        for kind in ("leaks", "all"):
            yield f"check -r {kind} {name}", [
                "check", "-r", kind, IMAGE], start + pokes


def layers():
    for shape, below in itertools.product(
            ("cluster_size=4k", "cluster_size=64k"), repeat=2):
        start = [create(below, BASE), fill(BASE, (0, 1 << 20, 8)),
                 create(below, OTHER), fill(OTHER, (512 << 10, 1 << 20, 9)),
                 create(shape, IMAGE, backing=BASE), DATA]
        name = f"{shape} over {below}"
        yield (f"rebase {name}", ["rebase", "-b", OTHER, "-F", "qcow2", IMAGE],
               start, {})
        yield (f"rebase to none {name}", ["rebase", "-b", "", IMAGE], start, {})
        yield (f"rebase -u {name}",
               ["rebase", "-u", "-b", OTHER, "-F", "qcow2", IMAGE], start, {})
        yield (f"commit {name}", ["commit", "-q", IMAGE], start,
               {BASE: "sectors"})


def commits():
    """Overlays that are emptied, and bases that grow, in other ways."""
    full = ["io", IMAGE, "write -P 1 0 3M", "write -P 2 3M 1M"]
    for shape in ("cluster_size=512", "cluster_size=512,refcount_bits=1",
                  "cluster_size=4k,refcount_bits=64", "compat=0.10",
                  "cluster_size=16k,extended_l2=on"):
        start = [create("cluster_size=64k", BASE), fill(BASE, (0, 1 << 20, 8)),
                 create(shape, IMAGE, backing=BASE)]
        yield (f"commit {shape}", ["commit", "-q", IMAGE], [*start, full])
        if "refcount_bits=1" not in shape:
            yield (f"commit with a snapshot {shape}", ["commit", "-q", IMAGE],
                   [*start, DATA, ["snapshot", "-c", "s", IMAGE], MORE])
    for shape in ("cluster_size=512", "cluster_size=64k"):
        yield (f"commit that grows {shape}", ["commit", "-q", IMAGE],
               [create(shape, BASE, 1 << 20), fill(BASE, (0, 1 << 20, 8)),
                create(shape, IMAGE, backing=BASE), DATA])
        yield (f"commit that hides {shape}", ["commit", "-q", IMAGE],
               [create(shape, OTHER), fill(OTHER, (0, 4 << 20, 9)),
                create(shape, BASE, 1 << 20, OTHER),
                create(shape, IMAGE, backing=BASE), DATA])


def bases():
    """Bases whose clusters a snapshot shares, or are packed."""
    for shape in SHAPES:
        base = [create(shape, BASE), fill(BASE, (0, 1 << 20, 8))]
        packed = [*source(), ["convert", "-c", "-O", "qcow2", "-o", shape, "-f",
                              "raw", SOURCE, BASE]]
        above = [create("cluster_size=64k", IMAGE, backing=BASE), DATA]
        if shape in SNAPSHOTS:
            yield (f"commit to a base with a snapshot {shape}",
                   ["commit", "-q", IMAGE],
                   [*base, ["snapshot", "-c", "s", BASE], *above],
                   {BASE: "sectors"})
        yield (f"commit to a packed base {shape}", ["commit", "-q", IMAGE],
               [*packed, *above], {BASE: "sectors"})


def operations():
    found = []
    for name, args, setup in itertools.chain(
            resizes(), snapshots(), amendments(), bitmaps()):
        found.append(Operation(name, args, setup))
    for name, args, setup in repairs():
        found.append(Operation(name, args, setup, damaged=True))
    for name, args, setup in commits():
        found.append(Operation(name, args, setup))
    for name, args, setup, contents in itertools.chain(layers(), bases()):
        found.append(Operation(name, args, setup, (IMAGE, *contents), contents))
    return [*found, *recorded.operations(), *formats.operations()]
