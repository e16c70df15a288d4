"""Who may include whom: the picture in docs/architecture.md, as a table.

Reads the dependency files that the compiler wrote, so every header counts,
however deep it came in. System headers are judged the same way: a room may see
what its allowed headers pull in, and nothing else.
"""

import os
import re
import subprocess

# Headers that a freestanding room may name. Whatever they include is allowed.
FREESTANDING = [
    "array", "bit", "compare", "concepts", "cstddef", "cstdint",
    "initializer_list", "limits", "new", "optional", "span", "type_traits",
    "utility",
]
CODECS = ["zlib.h", "zstd.h", "zstd_errors.h", "libdeflate.h"]
NANOPB = ["pb.h", "pb_encode.h", "pb_decode.h", "pb_common.h"]

# A room: the folder whose sources it judges, and what they may reach. A folder
# is matched by the longest prefix, so lib/codec is not judged as lib.
#   reach   prefixes of our own headers, generated ones as gen/…
#   not     exceptions from reach
#   system  allowed system headers; None: any but those of `refuse`
#   refuse  names of system headers that only other rooms may use
HOST_ONLY = ["linux/kvm.h", "linux/seccomp.h", "sys/ptrace.h"]
ROOMS = {
    "lib/base": dict(reach=["lib/base/", "gen/fault.h"], system=FREESTANDING),
    "lib/codec": dict(reach=["lib/base/", "lib/codec/", "gen/fault.h"],
                      system=FREESTANDING + CODECS),
    "lib/crypto": dict(reach=["lib/base/", "lib/crypto/", "gen/fault.h"],
                       system=FREESTANDING),
    "lib/convert": dict(reach=["lib/", "gen/fault.h"], no=["lib/format/*/"],
                        system=FREESTANDING),
    "lib/format": dict(reach=["lib/", "gen/fault.h", "gen/readers.inc",
                              "gen/writers.inc", "gen/writers_*.inc",
                              "gen/checkers.inc",
                              "gen/repairers.inc", "gen/layerings.inc",
                              "gen/measurers.inc"],
                       system=FREESTANDING),
    "guest/rt": dict(reach=["guest/rt/", "lib/", "proto/abi.h", "gen/fault.h",
                            "gen/guest.npb.h"],
                     no=["lib/crypto/", "lib/format/*/"],
                     system=FREESTANDING + NANOPB),
    "guest/op": dict(reach=["guest/", "lib/", "proto/abi.h", "gen/fault.h",
                            "gen/readers.inc", "gen/writers.inc",
                            "gen/guest.npb.h"],
                     no=["lib/crypto/", "lib/format/*/"],
                     system=FREESTANDING + NANOPB),
    "guest/convert": dict(reach=["guest/rt/", "guest/convert/", "lib/",
                                 "proto/abi.h", "gen/fault.h",
                                 "gen/guest.npb.h"],
                          no=["lib/crypto/", "lib/format/*/"],
                          system=FREESTANDING + NANOPB),
    "vmm": dict(reach=["vmm/", "proto/", "gen/guest.pb.h"], system=None,
                refuse=CODECS + NANOPB),
    "compat": dict(reach=["compat/", "proto/", "gen/guest.pb.h"], system=None,
                   refuse=CODECS + NANOPB + HOST_ONLY),
    "cmd": dict(reach=["cmd/", "compat/", "vmm/", "proto/", "gen/guest.pb.h"],
                system=None, refuse=CODECS + NANOPB + HOST_ONLY),
}
# What a pure function has no use for. Named in the text of compat/ itself:
# the protobuf headers pull some of them in.
NO_IO = {"compat": ["fcntl.h", "unistd.h", "fstream", "iostream", "sys/stat.h",
                    "dirent.h", "filesystem", "sys/mman.h", "sys/ioctl.h"]}
ABI_INCLUDES = {"cstddef", "cstdint"}


def room_of(source):
    parts = source.split("/")
    for depth in range(len(parts) - 1, 0, -1):
        name = "/".join(parts[:depth])
        if name in ROOMS:
            return name
    return None


def parse_depfile(text):
    """The source and the headers of the first rule of a .d file."""
    rule = text.replace("\\\n", " ").split("\n", 1)[0]
    _, _, prerequisites = rule.partition(":")
    names = [os.path.normpath(name) for name in prerequisites.split()]
    return (names[0], names[1:]) if names else (None, [])


def system_closure(headers):
    """Every file that the compiler reads for these system headers."""
    text = "".join(f"#if __has_include(<{h}>)\n#include <{h}>\n#endif\n"
                   for h in headers)
    run = subprocess.run(
        ["g++", "-std=c++20", "-ffreestanding", "-x", "c++", "-M", "-"],
        input=text, capture_output=True, text=True, check=True)
    _, _, names = run.stdout.replace("\\\n", " ").partition(":")
    return {os.path.normpath(name) for name in names.split()}


def _matches(header, prefixes):
    for prefix in prefixes:
        pattern = re.escape(prefix).replace(r"\*", "[^/]+")
        if re.match(pattern + ("" if prefix.endswith("/") else "$"), header):
            return True
    return False


def judge(source, headers, closures):
    """Findings about one source, which reaches these headers."""
    name = room_of(source)
    if name is None or source.endswith("_test.cc"):
        return []
    room = ROOMS[name]
    findings = []
    for header in headers:
        if header.startswith("build/gen/"):
            header = header[len("build/"):]
        if os.path.isabs(header):
            if room["system"] is not None:
                if header not in closures[name]:
                    findings.append(f"{source}: {name} must not see <{header}>")
            elif any(header.endswith("/" + h) for h in room["refuse"]):
                findings.append(f"{source}: {name} must not see <{header}>")
        elif not _matches(header, room["reach"]) or _matches(
                header, room.get("no", [])):
            findings.append(f"{source}: {name} must not reach {header}")
        elif name == "lib/format":
            findings += _other_format(source, header)
    return findings


# A qcow2 image may hold a LUKS header, as it stands in a LUKS image.
EMBEDS = {"qcow2": {"luks"}}


def _other_format(source, header):
    """A format does not know another; what they share is in lib/format/."""
    theirs = re.match(r"lib/format/([^/]+)/", header)
    if not theirs:
        return []
    ours = re.match(r"lib/format/([^/]+)/", source)
    if ours and (ours.group(1) == theirs.group(1)
                 or theirs.group(1) in EMBEDS.get(ours.group(1), ())):
        return []
    return [f"{source}: must not know the format of {header}"]


def depfiles(root):
    for folder in ("build/guest", "build/host"):
        for path, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if name.endswith(".d"):
                    yield os.path.join(path, name)


def closures():
    return {name: system_closure(room["system"])
            for name, room in ROOMS.items() if room["system"] is not None}


def judge_text(path, text):
    """Findings about the includes that a file names itself."""
    findings = []
    named = re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text, re.M)
    room = path.split("/")[0]
    for header in named:
        if header in NO_IO.get(room, []) and not path.endswith("_test.cc"):
            findings.append(f"{path}: {room} does no I/O, yet has <{header}>")
        if path == "proto/abi.h" and header not in ABI_INCLUDES:
            findings.append(f"{path}: must not include {header}")
        if "/" in header and header.startswith(".."):
            findings.append(f"{path}: include {header} by its path from the "
                            "root")
    return findings


def check(tree):
    known = closures()
    findings = []
    judged = set()
    for path in depfiles(tree.root):
        source, headers = parse_depfile(open(path).read())
        if source is None or not os.path.exists(os.path.join(tree.root,
                                                             source)):
            continue  # of a source that is gone
        judged.add(source)
        findings += judge(source, headers, known)
    for source in tree.product_sources():
        if source not in judged:
            findings.append(f"{source}: not compiled, so not judged")
    for path in tree.sources():
        findings += judge_text(path, tree.text(path))
    return findings
