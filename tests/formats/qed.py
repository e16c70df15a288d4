"""QED images: zero clusters, backing files, dirty ones, leaks, damage."""
import pathlib
import struct
import subprocess

FORMAT = "qed"
ZERO = 1
BACKING, NEED_CHECK, NO_PROBE = 1, 2, 4


def build(path, size=8 << 20, cluster=4096, table=2, entries=None, features=0,
          backing=b"", l1=None, tail=0, extra=0):
    """Writes an image. entries: guest cluster -> bytes or ZERO."""
    per_table = cluster * table // 8
    l1_table, l2 = [0] * per_table, {}
    next_cluster = 1 + table
    data = {}
    for index, value in sorted((entries or {}).items()):
        number = index // per_table
        if number not in l2:
            l1_table[number] = next_cluster * cluster
            l2[number] = [0] * per_table
            next_cluster += table
        if value == ZERO:
            l2[number][index % per_table] = ZERO
            continue
        l2[number][index % per_table] = next_cluster * cluster
        data[next_cluster * cluster] = value
        next_cluster += 1
    for number, offset in (l1 or {}).items():
        l1_table[number] = offset
    features |= BACKING if backing else 0
    with open(path, "wb") as file:
        file.write(struct.pack(
            "<4sIIIQQQQQII", b"QED\0", cluster, table, 1, features, 0, 0,
            cluster, size, 64 if backing else 0, len(backing)) + backing)
        file.truncate((next_cluster + extra) * cluster + tail)
        file.seek(cluster)
        file.write(struct.pack(f"<{per_table}Q", *l1_table))
        for number, table_entries in l2.items():
            file.seek(l1_table[number])
            file.write(struct.pack(f"<{per_table}Q", *table_entries))
        for offset, value in data.items():
            file.seek(offset)
            file.write(value)
    return path


def poke(path, offset, value, kind="<Q"):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(struct.pack(kind, value))
    return path


def fixed(folder):
    folder = pathlib.Path(folder)

    def make(name, **options):
        return name, build(folder / f"{name}.qed", **options)

    data = {0: b"a" * 4096, 1: b"b" * 4096, 2: ZERO, 3: ZERO, 5: b"c" * 4096,
            1024: b"d" * 4096, 1500: ZERO}
    yield make("empty")
    yield make("mixed", entries=data)
    yield make("dirty", entries=data, features=NEED_CHECK)
    yield make("leaks", entries=data, extra=5)
    yield make("tail", entries=data, tail=700)
    yield make("tables_of_16", entries=data, table=16, size=1 << 28)
    yield make("unknown_feature", features=8)
    (folder / "base.raw").write_bytes(b"base" * 100000)
    yield make("backed", entries=data, backing=b"base.raw")
    yield make("backed_raw", entries=data, backing=b"base.raw",
               features=NO_PROBE)
    yield make("backing_missing", backing=b"none")
    for name, offset, value in [("table_outside", 4096, 1 << 40),
                                ("table_unaligned", 4096, 5000),
                                ("table_twice", 4104, 3 * 4096),
                                ("table_is_l1", 4096, 4096),
                                ("cluster_outside", 3 * 4096, 1 << 40),
                                ("cluster_unaligned", 3 * 4096 + 8, 513),
                                ("cluster_twice", 3 * 4096 + 8, 5 * 4096),
                                ("cluster_is_table", 3 * 4096, 3 * 4096),
                                ("l1_unaligned", 40, 4097),
                                ("image_size_odd", 48, 513),
                                ("image_size_huge", 48, 1 << 62)]:
        yield name, poke(build(folder / f"{name}.qed", entries=data), offset,
                         value)
    for name, offset, value in [("cluster_size", 4, 4097), ("table_3", 8, 3),
                                ("table_1", 8, 1), ("header_far", 12, 1 << 31)]:
        yield name, poke(build(folder / f"{name}.qed", entries=data), offset,
                         value, "<I")


def random_image(rng, folder):
    folder = pathlib.Path(folder)
    stem = f"random{rng.randrange(1 << 30)}"
    path = folder / f"{stem}.qed"
    cluster = rng.choice([4096, 65536, 1 << 20])
    size = rng.randrange(1, 400) * 65536 // 512 * 512
    command = ["qemu-img", "create", "-q", "-f", "qed", "-o",
               f"cluster_size={cluster},table_size={rng.choice([2, 4, 8])}"]
    if rng.random() < 0.4:
        base = folder / f"{stem}.base"
        kind = rng.choice(["raw", "qed", "qcow2"])
        subprocess.run(["qemu-img", "create", "-q", "-f", kind, base,
                        str(size)], check=True)
        write(rng, base, kind, size)
        command += ["-b", base, "-F", kind]
    subprocess.run([*command, path, str(size)], check=True)
    write(rng, path, "qed", size)
    return path


def write(rng, path, kind, size):
    commands = []
    for _ in range(rng.randrange(8)):
        offset = rng.randrange(size // 512) * 512
        length = min(rng.choice([512, 4096, 196608]), size - offset)
        verb = rng.choice(["write -P 7", "write -P 0", "write -z"])
        commands += ["-c", f"{verb} {offset} {length}"]
    if commands:
        subprocess.run(["qemu-io", "-f", kind, *commands, path],
                       stdout=subprocess.DEVNULL)
