"""Random source images, made by the reference qemu-img and qemu-io.

Everything follows from the seed. A set is one directory with one to three
source images, each of which may be the top of a backing chain.
"""
import dataclasses
import random
import subprocess

import program as programs

MIB = 1 << 20
NOISE = "noise.bin"  # incompressible bytes for qemu-io's write -s


@dataclasses.dataclass
class Layer:
    """One image file."""
    name: str
    format: str
    size: int  # virtual, bytes
    cluster: int = 65536
    compressible: bool = True  # may hold compressed clusters


@dataclasses.dataclass
class Chain:
    """A source: its layers, the base first."""
    layers: list

    @property
    def top(self):
        return self.layers[-1]


class Maker:
    """Makes one set of images in `directory`."""

    def __init__(self, seed, directory):
        self.seed = seed
        self.random = random.Random(f"image/{seed}")
        self.directory = directory
        self.log = []  # the commands, for people

    def make(self):
        r = self.random
        (self.directory / NOISE).write_bytes(r.randbytes(MIB))
        count = r.choices([1, 2, 3], [8, 2, 1])[0]
        chains = [self._chain(f"s{i}", small=count > 1)
                  for i in range(count)]
        if all(self._is_sound(layer) for c in chains for layer in c.layers):
            return chains
        # The reference made a corrupt image: its bug, and not what we compare.
        for path in self.directory.iterdir():
            path.unlink()
        self.__init__(f"{self.seed}/again", self.directory)
        return self.make()

    def _is_sound(self, layer):
        return layer.format == "raw" or subprocess.run(
            [programs.REFERENCE, "check", "-q", "-f", "qcow2", layer.name],
            cwd=self.directory, capture_output=True).returncode != 2

    def _call(self, tool, *args):
        self.log.append(" ".join([tool, *map(str, args)]))
        return subprocess.run(
            [f"/usr/bin/{tool}", *map(str, args)], cwd=self.directory,
            env=programs.environment(self.directory),
            stdin=subprocess.DEVNULL, capture_output=True).returncode

    def _chain(self, stem, small):
        r = self.random
        depth = r.choices([0, 1, 2, 3], [11, 5, 3, 2])[0]
        size = self._size(small)
        layers = []
        for i in range(depth + 1):
            name = f"{stem}-{i}.img"
            below = layers[-1] if layers else None
            if below and r.random() < 0.4:
                size = self._size(small)
            make = self.raw if not below and r.random() < 0.35 else self._qcow2
            layers.append(make(name, size, below))
        return Chain(layers)

    def _size(self, small):
        r = self.random
        kind = r.random()
        if kind < 0.03:
            return r.choice([0, 1, 511, 512, 513, 4096, 65536])
        if kind < 0.08 and not small:
            return r.choice([3 << 30, (5 << 30) + 512, 40 << 30])
        size = r.randint(1, 12 if r.random() < 0.8 or small else 64) * MIB
        if kind < 0.5:
            size += r.choice([512, 1536, 4096, 65536, 65536 + 512])
        elif kind < 0.6:
            size += r.randint(1, 70000)
        return size

    def _runs(self, size, unit, count):
        """Random ranges of an image: a few near the ends, and clustered."""
        r = self.random
        for _ in range(count):
            grain = r.choice([unit, unit, 4096, 512])
            length = grain * r.choice([1, 1, 2, 3, 5, 8, 16, 40])
            length = min(length, 3 * MIB)
            place = r.random()
            if place < 0.15:
                offset = 0
            elif place < 0.3:
                offset = max(size - length, 0)
            else:
                offset = r.randrange(max(min(size, 1 << 50) - length, 1))
            offset -= offset % grain
            length = min(length, size - offset)
            if length > 0:
                yield offset, length

    # ---- Raw files ----------------------------------------------------------

    def raw(self, name, size, _below):
        r = self.random
        with open(self.directory / name, "wb") as f:
            f.truncate(size)
            for offset, length in self._runs(size, r.choice([4096, 65536]),
                                             r.randint(0, 40)):
                if r.random() < 0.2:
                    offset = min(offset + r.randrange(512), size)
                f.seek(offset)
                f.write(self._bytes(min(length, size - offset)))
        self.log.append(f"raw {name} {size}")
        return Layer(name, "raw", size)

    def _bytes(self, length):
        r = self.random
        kind = r.random()
        if kind < 0.3:
            return bytes([r.randrange(1, 256)]) * length
        if kind < 0.45:
            return bytes(length)
        if kind < 0.7:
            return r.randbytes(length)
        out = bytearray(length)  # data and zeroes in turns, sector by sector
        at = 0
        while at < length:
            run = 512 * r.choice([1, 1, 2, 3, 7, 8, 9, 16, 64])
            if r.random() < 0.5:
                end = min(at + run, length)
                out[at:end] = bytes([r.randrange(1, 256)]) * (end - at)
            at += run
        return bytes(out)

    # ---- qcow2 --------------------------------------------------------------

    def _qcow2(self, name, size, below):
        r = self.random
        options, cluster, data_file = self._qcow2_options(name, size, below)
        if not below and not data_file and r.random() < 0.3:
            return self._converted(name, min(size, 64 * MIB), options, cluster)
        args = ["create", "-q", "-f", "qcow2"]
        if below:
            args += ["-b", below.name, "-F", below.format]
        if options:
            args += ["-o", ",".join(options)]
        if self._call("qemu-img", *args, name, size) != 0:
            raise RuntimeError(f"set-up failed: {self.log[-1]}")
        layer = Layer(name, "qcow2", -(-size // 512) * 512, cluster,
                      not data_file)
        self._write(layer)
        return layer

    def _qcow2_options(self, name, size, below):
        r = self.random
        options = []
        bits = 16
        if r.random() < 0.6:
            least = 16 if size > 1 << 30 else 9
            bits = r.randint(least, 21)
            options.append(f"cluster_size={1 << bits}")
        data_file = r.random() < 0.08
        if r.random() < 0.25:
            options.append("compat=0.10")
            return options, 1 << bits, False
        if r.random() < 0.3:
            options.append(f"refcount_bits={1 << r.randint(0, 6)}")
        if bits >= 14 and r.random() < 0.3:
            options.append("extended_l2=on")
        if r.random() < 0.2:
            options.append("lazy_refcounts=on")
        if data_file:
            options.append(f"data_file={name}.data")
            if not below and r.random() < 0.4:
                options.append("data_file_raw=on")
        elif r.random() < 0.3:
            options.append("compression_type=zstd")
        if size <= 64 * MIB and not below and r.random() < 0.12:
            options.append("preallocation="
                           + r.choice(["metadata", "falloc", "full"]))
        return options, 1 << bits, data_file

    def _converted(self, name, size, options, cluster):
        """A qcow2 that a convert made, with all or no clusters compressed."""
        r = self.random
        raw = self.raw(f"{name}.tmp", size, None)
        args = ["convert", "-f", "raw", "-O", "qcow2"]
        if options:
            args += ["-o", ",".join(options)]
        if r.random() < 0.6 and not any("prealloc" in o for o in options):
            args.append("-c")
        if self._call("qemu-img", *args, raw.name, name) != 0:
            raise RuntimeError(f"set-up failed: {self.log[-1]}")
        (self.directory / raw.name).unlink()
        layer = Layer(name, "qcow2", -(-size // 512) * 512, cluster)
        if r.random() < 0.5:
            self._write(layer)
        return layer

    def _write(self, layer):
        """Random writes; one that qemu-io refuses changes nothing."""
        r = self.random
        args = ["-f", "qcow2", "-d", "unmap"]
        runs = self._runs(layer.size, layer.cluster, r.randint(0, 24))
        for offset, length in runs:
            args += ["-c", self._io_command(layer, offset, length)]
        if len(args) > 4:
            self._call("qemu-io", *args, layer.name)

    def _io_command(self, layer, offset, length):
        r = self.random
        where = f"{offset} {length}"
        kind = r.random()
        if kind < 0.25 and layer.compressible:
            offset -= offset % layer.cluster
            # One cluster: qemu 7.2 corrupts images when it writes several.
            length = min(layer.cluster, layer.size - offset)
            how = f"-s {NOISE}" if r.random() < 0.2 else f"-P {length % 255}"
            return f"write -c {how} {offset} {length}"
        if kind < 0.35:
            return f"write -z {where}"
        if kind < 0.45:
            return f"write -z -u {where}"
        if kind < 0.55:
            return f"discard {where}"
        if kind < 0.62:
            return f"write -P 0 {where}"
        if kind < 0.8:
            return f"write -s {NOISE} {where}"
        return f"write -P {r.randrange(1, 256)} {where}"
