"""LUKS1 images: whole ones by qemu-img, and others whose header was changed."""

import os
import subprocess

FORMAT = "luks"

SECRET = "secret,id=s,data=x"
SLOTS, SLOT_BYTES, NUM_SLOTS = 208, 48, 8


def create(path, size="1M", options=()):
    options = ",".join(("key-secret=s", "iter-time=10") + tuple(options))
    subprocess.run(["/usr/bin/qemu-img", "create", "-q", "-f", "luks",
                    "--object", SECRET, "-o", options, path, str(size)],
                   check=True, stdout=subprocess.DEVNULL)


def put(content, offset, value):
    """`content` with bytes, or a big-endian number of 32 bits, at `offset`."""
    if isinstance(value, int):
        value = value.to_bytes(4, "big")
    return content[:offset] + value + content[offset + len(value):]


def text(content, offset, value):
    return put(content, offset, value.ljust(32, b"\0"))


def damaged(good):
    slot = SLOTS + SLOT_BYTES  # the second one, which is not in use
    yield "version-2", put(good, 6, b"\0\2")
    yield "no-magic", put(good, 0, b"SKUL")
    yield "cipher-unknown", text(good, 8, b"rot13")
    yield "cipher-open-end", put(good, 8, b"x" * 32)
    yield "cipher-upper", text(good, 8, b"AES")
    yield "cipher-serpent", text(good, 8, b"serpent")
    yield "cipher-des3", text(good, 8, b"des3_ede")
    yield "cipher-3des", text(good, 8, b"3des")
    for name in (b"twofish", b"cast5", b"aes-128", b"camellia", b"sm4"):
        yield "cipher-" + name.decode(), text(good, 8, name)
    yield "mode-open-end", put(good, 40, b"x" * 32)
    for number, mode in enumerate((
            b"xts", b"xts-", b"xts-plain", b"cbc-plain64", b"ecb-plain64",
            b"ctr-plain64", b"cbc-essiv", b"cbc-essiv:sha256",
            b"cbc-essiv:sha1", b"cbc-essiv:md4", b"cbc-essiv:", b"xyz-plain64",
            b"xts-plain65", b"xts-plain64:sha256", b"xts-plain64:foo",
            b"cbc-essiv:ripemd160", b"cbc-essiv:sha224", b"cbc-essiv:sha512",
            b"", b"-plain64", b"xts:plain64", b"cbc-benbi")):
        yield f"mode-{number}", text(good, 40, mode)
    yield "hash-open-end", put(good, 72, b"x" * 32)
    for name in (b"sha1", b"sha512", b"md5", b"sha224", b"sha384",
                 b"ripemd160", b"whirlpool", b"SHA256", b""):
        yield "hash-" + (name.decode() or "none"), text(good, 72, name)
    yield "payload-0", put(good, 104, 0)
    yield "payload-in-header", put(good, 104, 1)
    yield "payload-in-slots", put(good, 104, 300)
    yield "payload-odd", put(good, 104, 4041)
    yield "payload-behind-end", put(good, 104, 0x10000)
    yield "payload-far", put(good, 104, 0xffffffff)
    for value in (0, 1, 15, 16, 24, 32, 48, 64, 65, 128, 1 << 20, 0xffffffff):
        yield f"key-bytes-{value}", put(good, 108, value)
    yield "master-iterations-0", put(good, 164, 0)
    yield "uuid-open-end", put(good, 168, b"u" * 40)
    yield "uuid-not-utf8", put(good, 168, b"\xff\"\n\\")
    yield "slot-state", put(good, slot, 1)
    yield "slot-state-first", put(good, SLOTS, 0xffffffff)
    yield "slot-on", put(good, slot, 0x00ac71f3)
    yield "slot-off", put(good, SLOTS, 0x0000dead)
    yield "slot-iterations-0", put(good, SLOTS + 4, 0)
    yield "slot-iterations-0-off", put(good, slot + 4, 0)
    yield "slot-offset-0", put(good, slot + 40, 0)
    yield "slot-offset-1", put(good, slot + 40, 1)
    yield "slot-offset-2", put(good, slot + 40, 2)
    yield "slot-offset-same", put(good, slot + 40, 8)
    yield "slot-offset-far", put(good, slot + 40, 0xffffffff)
    yield "slot-offset-at-payload", put(good, slot + 40, 4040)
    yield "slot-stripes-0", put(good, SLOTS + 44, 0)
    yield "slot-stripes", put(good, slot + 44, 4001)
    yield "cut-591", good[:591]
    yield "cut-512", good[:512]
    yield "cut-4096", good[:4096]
    yield "cut-7", good[:7]


def fixed(folder):
    whole = os.path.join(folder, "plain.luks")
    create(whole, "1M")
    yield "plain", whole
    with open(whole, "rb") as file:
        good = file.read()
    for name, content in damaged(good):
        path = os.path.join(folder, name + ".luks")
        with open(path, "wb") as file:
            file.write(content)
        yield name, path


def random_image(rng, folder):
    path = os.path.join(folder, f"random-{rng.getrandbits(32):08x}.luks")
    # With aes-192 qemu-img 7.2 aborts.
    algorithm = rng.choice(["aes-128", "aes-256"])
    mode = rng.choice(["cbc", "xts", "ctr", "ecb"])
    options = ["cipher-alg=" + algorithm, "cipher-mode=" + mode,
               "hash-alg=" + rng.choice(["sha1", "sha256", "sha512"])]
    ivgen = rng.choice(["plain", "plain64", "essiv"])
    options.append("ivgen-alg=" + ivgen)
    if ivgen == "essiv":  # whose hash makes a key of 256 bits
        options[0] = "cipher-alg=aes-256"
        options.append("ivgen-hash-alg=sha256")
    create(path, 512 * rng.randrange(0, 4096), options)
    return path
