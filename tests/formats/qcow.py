"""qcow images of version 1: packed clusters, backing files, odd sizes."""
import pathlib
import struct
import subprocess
import zlib

FORMAT = "qcow"
COMPRESSED = 1 << 63


def build(path, size, clusters, cluster_bits=12, l2_bits=9, backing=b"",
          crypt=0):
    """Writes an image. clusters: guest cluster -> bytes, or (bytes,) packed."""
    cluster = 1 << cluster_bits
    per_table = 1 << l2_bits
    tables = -(-size // (cluster * per_table))
    at = 48 + len(backing)
    l1_at = -(-at // 8) * 8
    end = l1_at + 8 * tables
    out = {0: struct.pack(
        ">4sIQIIQBBHIQ", b"QFI\xfb", 1, 48 if backing else 0, len(backing), 0,
        size, cluster_bits, l2_bits, 0, crypt, l1_at) + backing}
    l1, l2 = [0] * tables, {}
    for index, data in sorted(clusters.items()):
        table = index // per_table
        if table not in l2:
            end = -(-end // cluster) * cluster
            l1[table], l2[table] = end, [0] * per_table
            end += 8 * per_table
        if isinstance(data, tuple):
            packer = zlib.compressobj(9, zlib.DEFLATED, -12)
            packed = packer.compress(data[0].ljust(cluster, b"\0"))
            packed += packer.flush()
            out[end] = packed
            l2[table][index % per_table] = (
                COMPRESSED | len(packed) << (63 - cluster_bits) | end)
            end += len(packed)
        else:
            end = -(-end // cluster) * cluster
            out[end] = data.ljust(cluster, b"\0")
            l2[table][index % per_table] = end
            end += cluster
    out[l1_at] = struct.pack(f">{tables}Q", *l1)
    for table, entries in l2.items():
        out[l1[table]] = struct.pack(f">{per_table}Q", *entries)
    with open(path, "wb") as file:
        for offset, data in sorted(out.items()):
            file.seek(offset)
            file.write(data)
    return path


def pattern(seed, length):
    return bytes((seed * 7 + i * i // 3) % 251 for i in range(length))


def fixed(folder):
    folder = pathlib.Path(folder)

    def make(name, *args, **options):
        return name, build(folder / f"{name}.qcow", *args, **options)

    mixed = {0: pattern(1, 4096), 1: pattern(2, 4096), 3: (pattern(3, 900),),
             4: (b"",), 5: pattern(5, 4096), 600: (b"text" * 1000,),
             700: pattern(6, 4096)}
    yield make("empty", 1 << 20, {})
    yield make("mixed", 4 << 20, mixed)
    yield make("odd_size", 5 * 4096 + 700, {0: pattern(1, 4096),
                                            5: pattern(2, 4096)})
    yield make("tail_of_packed", 5 * 4096 + 700, {5: (pattern(2, 4096),)})
    small = {i: (b"%d " % i * 100,) if i % 3 else pattern(i, 512)
             for i in range(0, 300, 2)}
    yield make("clusters_of_512", 200000, small, cluster_bits=9, l2_bits=6)
    large = {0: (pattern(1, 60000),), 2: pattern(3, 65536)}
    yield make("clusters_of_64k", 1 << 20, large, cluster_bits=16, l2_bits=13)
    yield make("encrypted", 1 << 20, {1: pattern(1, 4096)}, crypt=1)
    (folder / "base.raw").write_bytes(pattern(9, 3 << 20))
    yield make("backed_by_raw", 4 << 20, mixed, backing=b"base.raw")
    build(folder / "base.qcow", 2 << 20, {2: pattern(8, 4096),
                                          400: (pattern(7, 4096),)})
    yield make("backed_by_qcow", 4 << 20, mixed, backing=b"base.qcow")
    yield make("backing_missing", 1 << 20, {}, backing=b"none")
    yield from damaged(folder)


def damaged(folder):
    fields = {"version_2": (4, ">I", 2), "version_7": (4, ">I", 7),
              "size_1": (24, ">Q", 1), "size_huge": (24, ">Q", 2**64 - 1),
              "cluster_bits_8": (32, ">B", 8), "cluster_bits_17": (32, ">B", 17),
              "l2_bits_5": (33, ">B", 5), "l2_bits_14": (33, ">B", 14),
              "crypt_2": (36, ">I", 2), "l1_far": (40, ">Q", 2**63 - 8),
              "l1_behind_end": (40, ">Q", 1 << 40)}
    for name, (offset, kind, value) in fields.items():
        path = build(folder / f"{name}.qcow", 1 << 20, {0: pattern(1, 4096)})
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(struct.pack(kind, value))
        yield name, path


def random_image(rng, folder):
    folder = pathlib.Path(folder)
    stem = f"random{rng.randrange(1 << 30)}"
    path = folder / f"{stem}.qcow"
    size = rng.choice([1, 5, 64, 300]) * 65536 + rng.randrange(3) * 512
    command = ["qemu-img", "create", "-q", "-f", "qcow"]
    if rng.random() < 0.4:
        base = folder / f"{stem}.base"
        kind = rng.choice(["raw", "qcow", "qcow2"])
        subprocess.run(["qemu-img", "create", "-q", "-f", kind, base,
                        str(rng.choice([size, size // 1024 * 512 + 512]))],
                       check=True)
        write(rng, base, kind, size // 2)
        command += ["-b", base, "-F", kind]
    subprocess.run([*command, path, str(size)], check=True)
    write(rng, path, "qcow", size)
    return path


def write(rng, path, kind, size):
    commands = []
    for _ in range(rng.randrange(6)):
        offset = rng.randrange(max(size // 512, 1)) * 512
        length = min(rng.choice([512, 4096, 70000 // 512 * 512]),
                     size - offset)
        if length > 0:
            commands += ["-c", f"write -P {rng.randrange(256)} {offset} {length}"]
    if commands:
        subprocess.run(["qemu-io", "-f", kind, *commands, path],
                       stdout=subprocess.DEVNULL)
