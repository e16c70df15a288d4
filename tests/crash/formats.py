"""Commands that change images of other formats, or several files at once."""
from crash.shapes import (BASE, DATA, DATA_RUNS, IMAGE, MORE, OTHER, OWN_NAME,
                          SHAPES, SIZE, SNAPSHOTS, SOURCE, Operation, create,
                          fill, source)

OWN_FORMATS = ("vmdk", "vpc", "vhdx", "vdi")
BASES = ("raw", "qed", *OWN_FORMATS)
WRITEBACK = ["-n", "-t", "writeback"]


def parts():
    """qcow2 images that are more than one file."""
    for shape in ("cluster_size=512", "cluster_size=64k",
                  "cluster_size=16k,extended_l2=on"):
        above = [create(shape, BASE), fill(BASE, (0, SIZE, 8)),
                 create(shape, IMAGE, 1280 << 10, BASE),
                 fill(IMAGE, (0, 300 << 10, 1))]
        yield Operation(f"resize above a longer file {shape}",
                        ["resize", "-q", IMAGE, "+2M"], above)
        yield Operation(f"resize --shrink above a file {shape}",
                        ["resize", "-q", "--shrink", IMAGE, "512k"], above)
        yield Operation(f"amend size= above a longer file {shape}",
                        ["amend", "-o", "size=3M", IMAGE], above)
    for shape in ("cluster_size=4k", "cluster_size=64k",
                  "cluster_size=64k,data_file_raw=on"):
        start = [create(f"{shape},data_file={OTHER}"), DATA]
        for name, args in (
                ("resize +64M", ["resize", "-q", IMAGE, "+64M"]),
                ("resize --shrink",
                 ["resize", "-q", "--shrink", IMAGE, "1280k"]),
                ("resize --preallocation=metadata",
                 ["resize", "-q", "--preallocation=metadata", IMAGE, "+2M"])):
            yield Operation(f"data file: {name} {shape}", args, start)
        yield from data_files(shape, start)


def data_files(shape, start):
    """Bytes that are in another file than the tables."""
    yield Operation(
        f"data file: bench -w {shape}",
        ["bench", "-q", "-w", "-f", "qcow2", "-c", "8", "-d", "4", "-s", "24k",
         "-S", "200k", "-o", "1536k", "--pattern", "9", "--flush-interval",
         "4", IMAGE], start, contents={IMAGE: "sectors"})
    yield Operation(
        f"data file: convert -n {shape}",
        ["convert", *WRITEBACK, "-f", "raw", "-O", "qcow2", SOURCE, IMAGE],
        [*start, *source()], contents={IMAGE: "sectors"})
    if "data_file_raw" in shape:
        return
    outside = f"{shape},data_file={OTHER}"
    yield Operation(
        f"data file: rebase {shape}", ["rebase", "-b", "", IMAGE],
        [create("", BASE), fill(BASE, (0, 1 << 20, 8)),
         create(outside, IMAGE, backing=BASE), DATA])
    yield Operation(
        f"data file: commit {shape}", ["commit", "-q", IMAGE],
        [create(outside, BASE), fill(BASE, (0, 1 << 20, 8)),
         create(shape, IMAGE, backing=BASE), DATA],
        (IMAGE, BASE), {BASE: "sectors"})


def overwriting():
    """Images that `convert -n` and `convert -c -n` write over."""
    for shape in SHAPES:
        start = [create(shape), DATA]
        if shape in SNAPSHOTS:
            start += [["snapshot", "-c", "one", IMAGE], MORE]
        call = ["-f", "raw", "-O", "qcow2", SOURCE, IMAGE]
        yield Operation(f"convert -n {shape}", ["convert", *WRITEBACK, *call],
                        [*start, *source()], contents={IMAGE: "sectors"})
        # Packed clusters take no other's place.
        yield Operation(f"convert -c -n {shape}",
                        ["convert", "-c", *WRITEBACK, *call],
                        [create(shape), *source()],
                        contents={IMAGE: "sectors"})
        bench = ["bench", "-q", "-w", "-f", "qcow2", "-c", "24", "-d", "6",
                 "-s", "20k", "-S", "68k", "--pattern", "9", IMAGE]
        yield Operation(f"bench -w {shape}", bench, start,
                        contents={IMAGE: "sectors"})
    for fmt in BASES:
        yield Operation(
            f"convert -n {fmt}",
            ["convert", *WRITEBACK, "-f", "raw", "-O", fmt, SOURCE, IMAGE],
            [create("", fmt=fmt), fill(IMAGE, *DATA_RUNS, fmt=fmt),
             *source()], contents={IMAGE: "sectors"}, formats={IMAGE: fmt})


def qed():
    for shape in ("cluster_size=4k", "cluster_size=64k"):
        start = [create(shape, fmt="qed"), fill(IMAGE, *DATA_RUNS, fmt="qed")]
        yield Operation(f"qed: resize {shape}",
                        ["resize", "-q", "-f", "qed", IMAGE, "+4M"], start,
                        formats={IMAGE: "qed"})
        layers = [create("", BASE), fill(BASE, (0, 1 << 20, 8)),
                  create("", OTHER), fill(OTHER, (512 << 10, 1 << 20, 9)),
                  create(shape, IMAGE, backing=BASE, fmt="qed"),
                  fill(IMAGE, *DATA_RUNS, fmt="qed")]
        for name, more in (("rebase", []), ("rebase -u", ["-u"])):
            yield Operation(
                f"qed: {name} {shape}",
                ["rebase", *more, "-f", "qed", "-b", OTHER, "-F", "qcow2",
                 IMAGE], layers, formats={IMAGE: "qed"})
        yield Operation(
            f"qed: rebase to none {shape}",
            ["rebase", "-f", "qed", "-b", "", IMAGE], layers,
            formats={IMAGE: "qed"})
        yield Operation(
            f"qed: commit {shape}", ["commit", "-q", "-f", "qed", IMAGE],
            layers, (IMAGE, BASE), {BASE: "sectors"}, formats={IMAGE: "qed"})


def commits():
    """What the overlay shows stays the same, whatever of it is in the base."""
    for fmt in BASES:
        for kind, base_size in (("", SIZE), (" that grows", 1 << 20)):
            if base_size != SIZE and fmt not in ("raw", "qed"):
                continue
            start = [create("", BASE, base_size, fmt=fmt),
                     fill(BASE, (64 << 10, 512 << 10, 8), fmt=fmt),
                     create("cluster_size=64k", IMAGE,
                            None if base_size == SIZE else SIZE, BASE,
                            below=fmt), DATA]
            contents = {BASE: "sectors"} if base_size == SIZE else {}
            images = (IMAGE, BASE) if contents else (IMAGE,)
            yield Operation(f"commit to {fmt}{kind}", ["commit", "-q", IMAGE],
                            start, images, contents, formats={BASE: fmt})


def growing():
    """What qemu-img does not do."""
    for fmt in OWN_FORMATS:
        for kind, wanted in (("", "+2M"), (" far", "+512M")):
            yield Operation(
                f"{OWN_NAME} resize{kind} {fmt}",
                ["resize", "-q", "-f", fmt, IMAGE, wanted],
                [create("", fmt=fmt), fill(IMAGE, *DATA_RUNS, fmt=fmt)],
                formats={IMAGE: fmt}, program=OWN_NAME)


def vmdk_layers():
    """What qemu-img does not do either."""
    formats = dict.fromkeys((IMAGE, BASE, OTHER), "vmdk")
    layers = [create("", BASE, fmt="vmdk"),
              fill(BASE, (0, 1 << 20, 8), fmt="vmdk"),
              create("", OTHER, fmt="vmdk"),
              fill(OTHER, (512 << 10, 1 << 20, 9), fmt="vmdk"),
              create("", IMAGE, backing=BASE, fmt="vmdk", below="vmdk"),
              fill(IMAGE, *DATA_RUNS, fmt="vmdk")]
    for name, args in (
            ("rebase", ["-b", OTHER, "-F", "vmdk", IMAGE]),
            ("rebase to none", ["-b", "", IMAGE]),
            ("rebase -u", ["-u", "-b", OTHER, "-F", "vmdk", IMAGE])):
        yield Operation(f"{OWN_NAME} {name} vmdk", ["rebase", *args], layers,
                        formats=formats, program=OWN_NAME)


def operations():
    for family in (parts, overwriting, qed, commits, growing,
                   vmdk_layers):
        yield from family()
