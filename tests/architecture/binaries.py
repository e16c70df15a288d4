"""What the guest binaries and the program are made of.

A guest binary holds nothing that could reach a host: no undefined symbol, no
libc, no constructor that would run before its entry, and no page that is both
writable and executable. The program needs no other file at run time.
"""

import glob
import os
import re
import subprocess

IMAGE_MAX_BYTES = 384 * 1024
# These read every format and write most of them; the one that packs has two
# compressors besides.
WIDE_MAX_BYTES = 640 * 1024
WIDE = ("pack", "convert", "commit", "rebase", "resize", "bench")


def max_bytes(path):
    name = os.path.basename(path).partition(".")[0]
    return WIDE_MAX_BYTES if name in WIDE else IMAGE_MAX_BYTES


# Functions that would mean that a piece of libc came along. The guests bring
# their own few (memcpy and the like), which carry the same names.
HOST_SYMBOLS = re.compile(
    r"^(_*(printf|fprintf|snprintf|vsnprintf|puts|fopen|fwrite|fread|open|"
    r"openat|close|read|write|pread|pwrite|lseek|ioctl|mmap|munmap|mprotect|"
    r"brk|sbrk|fork|execve|socket|connect|syscall|getenv|setlocale|time|"
    r"clock_gettime|gettimeofday|pthread_\w+|sigaction|exit|_exit|atexit)"
    r"|__libc_\w+|__stdio_\w+|_IO_\w+|__cxa_(throw|begin_catch|atexit)"
    r"|_Unwind_\w+|_ZNSt(6locale|8ios_base).*|_Znw\w*|_Zna\w*)$")

SECTIONS_REFUSED = (".init_array", ".fini_array", ".preinit_array", ".ctors",
                    ".dtors", ".interp", ".dynamic", ".tdata", ".tbss",
                    ".got.plt")


def _run(*command):
    return subprocess.run(command, capture_output=True, text=True,
                          check=True).stdout


def sections(path):
    """Section name → size in bytes."""
    found = {}
    for line in _run("readelf", "-SW", path).splitlines():
        match = re.match(r"\s*\[\s*\d+\]\s+(\S+)\s+\S+\s+[0-9a-f]+\s+"
                         r"[0-9a-f]+\s+([0-9a-f]+)", line)
        if match:
            found[match.group(1)] = int(match.group(2), 16)
    return found


def segments(path):
    """(type, address, size in memory, flags) of each program header."""
    found = []
    for line in _run("readelf", "-lW", path).splitlines():
        match = re.match(r"\s+([A-Z_]+)\s+0x[0-9a-f]+ 0x([0-9a-f]+) "
                         r"0x[0-9a-f]+ 0x[0-9a-f]+ 0x([0-9a-f]+) ([RWE ]{3})",
                         line)
        if match:
            found.append((match.group(1), int(match.group(2), 16),
                          int(match.group(3), 16), match.group(4)))
    return found


def symbols(path):
    """(name, is undefined) of each symbol."""
    found = []
    for line in _run("nm", path).splitlines():
        fields = line.split()
        found.append((fields[-1], fields[-2] == "U"))
    return found


def check_image(path, name):
    findings = []
    loads = [s for s in segments(path) if s[0] == "LOAD"]
    for kind, _, _, flags in segments(path):
        if kind in ("INTERP", "DYNAMIC", "TLS"):
            findings.append(f"{name}: has a {kind} segment")
        if "W" in flags and "E" in flags:
            findings.append(f"{name}: has a {kind} segment that is writable "
                            "and executable")
    if not loads:
        return findings + [f"{name}: has nothing to load"]
    size = (max(address + size for _, address, size, _ in loads) -
            min(address for _, address, _, _ in loads))
    if size > max_bytes(path):
        findings.append(f"{name}: takes {size} bytes of memory, more than "
                        f"{max_bytes(path)}")
    for section, size in sections(path).items():
        if size and section.startswith(SECTIONS_REFUSED):
            findings.append(f"{name}: has a section {section}")
    return findings + judge_symbols(path, name)


def judge_symbols(path, name):
    findings = []
    for symbol, undefined in symbols(path):
        if undefined:
            findings.append(f"{name}: {symbol} is undefined")
        elif HOST_SYMBOLS.match(symbol):
            findings.append(f"{name}: holds the host's {symbol}")
    return findings


def check_program(path, name):
    findings = []
    for kind, _, _, flags in segments(path):
        if kind in ("INTERP", "DYNAMIC"):
            findings.append(f"{name}: has a {kind} segment, so it is not "
                            "static")
        if kind in ("LOAD", "GNU_STACK") and "W" in flags and "E" in flags:
            findings.append(f"{name}: {kind} is writable and executable")
    return findings


def check(tree):
    images = sorted(glob.glob(os.path.join(tree.root, "build/image/*.elf")))
    wanted = sorted(os.listdir(os.path.join(tree.root, "guest/op")))
    findings = []
    for op in wanted:
        if os.path.join(tree.root, f"build/image/{op}.elf") not in images:
            findings.append(f"build/image/{op}.elf: not built")
    for path in images:
        findings += check_image(path, os.path.relpath(path, tree.root))
    program = os.path.join(tree.root, "build/instar")
    if os.path.exists(program):
        findings += check_program(program, "build/instar")
    else:
        findings.append("build/instar: not built")
    return findings


def notes(tree):
    """The figure that each image leaves."""
    lines = []
    for path in sorted(glob.glob(os.path.join(tree.root,
                                              "build/image/*.elf"))):
        loads = [s for s in segments(path) if s[0] == "LOAD"]
        size = (max(address + size for _, address, size, _ in loads) -
                min(address for _, address, _, _ in loads))
        lines.append(f"{os.path.basename(path)[:-4]}: {size / 1024:.0f} KiB "
                     f"of {max_bytes(path) // 1024} in memory")
    return lines
