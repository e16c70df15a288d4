"""Random `convert` commands for a set of source images."""
import dataclasses
import random

OUT = "out.img"
OUT_DATA = "out.data"
_CACHES = ["none", "writeback", "unsafe", "writethrough", "directsync", "off"]


@dataclasses.dataclass
class Command:
    args: list
    format: str  # of the output
    # Commands of the reference that make the output before the run (for -n).
    before: list = dataclasses.field(default_factory=list)
    # The output's bytes follow from the command; else only its content does.
    bytes_defined: bool = True


def _qcow2_options(r, large):
    options = []
    bits = 16
    if r.random() < 0.45:
        bits = r.randint(16 if large else 9, 21)
        options.append(f"cluster_size={1 << bits}")
    if r.random() < 0.2:
        options.append("compat=" + r.choice(["0.10", "1.1", "v2", "v3"]))
    if r.random() < 0.25:
        options.append(f"refcount_bits={1 << r.randint(0, 6)}")
    if r.random() < 0.15:
        options.append("lazy_refcounts=on")
    if r.random() < 0.2:
        options.append("extended_l2=on")
    if r.random() < 0.15:
        options.append("compression_type=" + r.choice(["zlib", "zstd"]))
    if r.random() < 0.15 and not large:
        options.append("preallocation="
                       + r.choice(["off", "metadata", "falloc", "full"]))
    if r.random() < 0.1:
        options.append(f"data_file={OUT_DATA}")
        if r.random() < 0.5:
            options.append("data_file_raw=on")
    if r.random() < 0.02:
        options.append(r.choice(["nosuch=1", "cluster_size=3000", "size=1M",
                                 "refcount_bits=3", "compat=2"]))
    r.shuffle(options)
    return options


def _raw_options(r, large):
    if r.random() < 0.15 and not large:
        return ["preallocation="
                + r.choice(["off", "falloc", "full", "metadata"])]
    return []


def _existing(r, command, total, large):
    """An output that is already there, for -n."""
    command.args.append("-n")
    size = max(total + r.choice([0, 0, 0, 512, 65536, 1 << 20, -512]), 0)
    create = ["qemu-img", "create", "-q", "-f", command.format]
    if command.format == "qcow2":
        cluster = 1 << r.randint(16 if large else 9, 21)
        create += ["-o", f"cluster_size={cluster}"]
        command.bytes_defined = False
    command.before = [create + [OUT, str(size)]]
    if r.random() < 0.3:
        command.args.append("--target-is-zero")
    elif r.random() < 0.7:
        io = ["qemu-io", "-f", command.format]
        for _ in range(4):
            length = min(512 * r.randint(1, 300), size)
            if length:
                offset = r.randrange(size - length + 1)
                offset -= offset % 512
                io += ["-c", f"write -P {r.randrange(1, 256)} "
                       f"{offset} {length}"]
        command.before.append(io + [OUT])


def _source_format(r, chains):
    formats = {c.top.format for c in chains}
    kind = r.random()
    if kind < 0.03:
        return r.choice([["-f", "raw"], ["-f", "qcow2"]])
    if len(formats) == 1 and kind < 0.6:
        return ["-f", formats.pop()]
    return []


def _backing(r, chains, command):
    below = chains[0].layers[:-1]
    if len(chains) > 1 or not below or r.random() > 0.35:
        return []
    layer = below[-1] if r.random() < 0.8 else r.choice(below)
    if command.format == "raw" and r.random() < 0.9:
        return []
    fmt = ["-F", layer.format] if r.random() < 0.9 else []
    return ["-B", layer.name, *fmt]


def random_command(seed, chains, features):
    """A convert command; `features` names what it may use beyond the usual:
    'compress' (-c)."""
    r = random.Random(f"command/{seed}")
    command = Command([], "qcow2" if r.random() < 0.6 else "raw")
    args = command.args
    total = sum(-(-c.top.size // 512) * 512 for c in chains)
    large = total > 1 << 30
    args += _source_format(r, chains)
    if command.format != "raw" or r.random() < 0.8:
        args += ["-O", command.format]
    if r.random() < 0.12:
        _existing(r, command, total, large)
    else:
        options = (_qcow2_options if command.format == "qcow2"
                   else _raw_options)(r, large)
        if options and r.random() < 0.3:
            for option in options:
                args += ["-o", option]
        elif options:
            args += ["-o", ",".join(options)]
        args += _backing(r, chains, command)
    if r.random() < 0.35 and not large:
        args += ["-S", r.choice(["0", "512", "4k", "16k", "64k", "1M", "2M",
                                 "100", "1T", "k"])]
    elif r.random() < 0.1:
        args += ["-S", r.choice(["4k", "64k"])]
    if r.random() < 0.15:
        args.append("-W")
        command.bytes_defined &= command.format == "raw"
    if r.random() < 0.2:
        args += ["-m", str(r.choice([1, 2, 3, 4, 8, 16]))]
    if r.random() < 0.15:
        args += ["-t", r.choice(_CACHES)]
    if r.random() < 0.15:
        args += ["-T", r.choice(_CACHES)]
    for chance, option in ((0.05, "-p"), (0.05, "-q"), (0.05, "-U"),
                           (0.03, "--salvage")):
        if r.random() < chance:
            args.append(option)
    if r.random() < 0.06 and "-S" not in args:
        args.append("-C")
        command.bytes_defined &= command.format == "raw"
    elif "compress" in features and r.random() < 0.15:
        args.append("-c")
        command.bytes_defined = False
    names = [c.top.name for c in chains]
    if r.random() < 0.01:
        names.append("missing.img")
    command.args = ["convert", *args, *names, OUT]
    return command
