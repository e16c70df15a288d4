"""What a command left behind, as the reference sees it.

A new image is of its format only when all of it is there. Raw files have no
such mark, and images that were there before have theirs already: of those
every sector reads as it will in the end, as zeroes, or as what lay there
before, and the tables are sound, but for space that nobody uses.
"""
from faults import tasks

SECTOR = 512
CLEAN = (0, 63)         # no errors; the format has no check
NOT_WORSE = (0, 3, 63)  # also leaks
# Formats of which the reference leaves images that its check finds fault
# with: parallels says in its header that it is in use, and the header of a
# vdi counts its blocks apart from their map.
FAULTY = ("parallels", "vdi")
FAULTY_CODE = 2
TEMPORARY = "read.raw"


def read(bench, task):
    """The bytes that a reader of the output gets; None: it does not open."""
    path = bench.files / tasks.OUT
    if not path.exists():
        return None
    if task.format == "raw":
        return path.read_bytes()
    out = bench.files.parent / TEMPORARY
    end = bench.plain(["convert", "-f", task.format, "-O", "raw", tasks.OUT,
                       str(out)])
    if end.code < 0:
        raise RuntimeError(f"the reference died: {end.describe()}")
    return out.read_bytes() if end.code == 0 else None


def check(bench, task):
    """The exit status of the reference's check."""
    if task.format == "raw":
        return 63
    return bench.plain(["check", "-q", "-f", task.format, tasks.OUT]).code


def judge(bench, task, final, below):
    """What is wrong with an output that was not finished; empty: nothing."""
    content = read(bench, task)
    if content is None:
        return ""
    if task.creates and task.format != "raw":
        return "" if content == final else "opens, and is not complete"
    if task.format != "raw" and len(content) not in (len(final), 0):
        return f"opens, with {len(content)} bytes instead of {len(final)}"
    for at in range(0, len(content), SECTOR):
        sector = content[at:at + SECTOR]
        if sector not in (final[at:at + SECTOR], bytes(len(sector)),
                          below[at:at + SECTOR]):
            return f"the sector at {at} reads as it never was"
    code = check(bench, task)
    if code == FAULTY_CODE and task.format in FAULTY:
        return ""
    return "" if code in NOT_WORSE else f"check ends with {code}"
