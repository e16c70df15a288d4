"""What a crash left, as the reference sees it."""
import errno
import json
import os
import re

import qcow2_bitmaps
from crash.shapes import QCOW2

SECTOR = 512
CLEAN = 0
CORRUPT = 2
NOT_WORSE = (0, 3)  # 3: leaks
NO_CHECK = 63  # the format has none
# "Nobody shares this" does not fit the refcount. It is safe to be wrong in
# either way as long as no snapshot refers to the cluster, which is why the
# reference's repair of leaks sets it right.
FLAG = "ERROR OFLAG_COPIED "
# A vdi image's header counts blocks that its map does not have yet, as the
# reference leaves it too. The other way round a block would be given out twice.
BLOCK_COUNT = re.compile(
    r"\AERROR: allocated blocks mismatch, is (\d+), should be (\d+)\n\Z")
IN_USE = 1  # of a bitmap's flags
RECORDS = 2


class Wrong(Exception):
    """Something was lost."""


def expect(condition, words):
    if not condition:
        raise Wrong(words)


def snapshots(bench, fmt, name):
    """The names of an image's snapshots; None: it does not open."""
    end = bench.plain(["info", "--output=json", "-f", fmt, name])
    if end.code != 0:
        return None
    return [s["name"] for s in json.loads(end.text).get("snapshots", [])]


def content(bench, fmt, name, snapshot=None):
    """The bytes of an image, or of a snapshot of it; None: they cannot be
    read."""
    choice = ["-l", f"snapshot.name={snapshot}"] if snapshot else []
    return converted(bench, ["-f", fmt, *choice, name])


def own_content(bench, name):
    """The bytes of a qcow2 image as if nothing were below."""
    spec = {"driver": QCOW2, "backing": None,
            "file": {"driver": "file", "filename": name}}
    return converted(bench, [f"json:{json.dumps(spec)}"])


def converted(bench, source):
    out = bench.files.parent / "read.raw"
    end = bench.plain(["convert", "-O", "raw", *source, str(out)])
    return Content(out) if end.code == 0 else None


class Content:
    """The bytes of a disk; those behind `data` are zero."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.size = os.fstat(f.fileno()).st_size
            self.data = f.read(end_of_data(f, self.size)).rstrip(b"\0")

    def __eq__(self, other):
        return (self.size, self.data) == (other.size, other.data)

    def piece(self, at, length):
        return self.data[at:at + length].ljust(length, b"\0")


def end_of_data(f, size):
    """Where the last hole of a file begins."""
    end = at = 0
    while at < size:
        try:
            at = end = f.seek(f.seek(at, os.SEEK_DATA), os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break
    f.seek(0)
    return end


class View:
    """All that can be read of an image."""

    def __init__(self, bench, operation, name):
        fmt = operation.format_of(name)
        names = snapshots(bench, fmt, name)
        self.opens = names is not None
        self.contents = {which: content(bench, fmt, name, which)
                         for which in [None, *(names or [])]
                         if self.opens and name in operation.images}
        self.bitmaps = {}
        self.own = None
        if self.opens and name in operation.bitmaps:
            self.bitmaps = qcow2_bitmaps.read(bench.files / name)
            self.own = own_content(bench, name)


def judge(bench, operation, before, after):
    """Raises Wrong where a state is neither what was before nor what comes
    after. `before` and `after`: views of the images by name."""
    for name in operation.judged:
        now = View(bench, operation, name)
        expect(now.opens, f"{name} does not open")
        old, new = before[name], after[name]
        if name in operation.images:
            judge_contents(now.contents, operation.contents.get(name),
                           old.contents, new.contents, name)
        if name in operation.bitmaps:
            judge_bitmaps(now, operation.bitmaps[name], old, new, name)
        if operation.format_of(name) == QCOW2:
            judge_tables(bench, name, operation.damaged)
        else:
            judge_other_tables(bench, operation.format_of(name), name)


def judge_contents(now, rule, before, after, name):
    judge_present(now, rule, before, after, name)
    for which in now:
        if which is not None:
            judge_snapshot(which, now, before, after)
    lost = set(before) & set(after) - set(now)
    expect(not lost, f"{name} lost snapshots {sorted(map(str, lost))}")


def judge_bitmaps(now, rule, before, after, name):
    """Bitmaps are sound, or say that they are not. Sound is, by the rule
    "kept", what was there before or comes after; by "written" also what has,
    besides what was there before, the bits of all that reads otherwise."""
    lost = set(before.bitmaps) & set(after.bitmaps) - set(now.bitmaps)
    expect(not lost, f"{name} lost bitmaps {lost}")
    for which, found in now.bitmaps.items():
        if found[0] & IN_USE:
            continue
        known = [v.bitmaps[which] for v in (before, after)
                 if which in v.bitmaps]
        if rule == "written" and found[0] & RECORDS:
            sound = found[:3] == known[0][:3] and covers(
                found, known[0], before.own, now.own)
        else:
            sound = found in known
        expect(sound, f"bitmap {which} of {name} looks sound and is not")


def expect_usable(after, before, name):
    """At its end a command leaves no bitmap behind that is in use."""
    for which, found in after.bitmaps.items():
        was_in_use = which in before.bitmaps and \
            before.bitmaps[which][0] & IN_USE
        expect(was_in_use or not found[0] & IN_USE,
               f"bitmap {which} of {name} is left in use")


def covers(found, known, old, new):
    """Whether a bitmap has the bits that are known, and those of each place
    where `old` and `new` differ."""
    step = 1 << found[2]
    bits = found[3]
    for index, byte in enumerate(known[3]):
        if byte & ~(bits[index] if index < len(bits) else 0):
            return False
    end = max(len(old.data), len(new.data))
    for bit, at in enumerate(range(0, end, step)):
        is_set = bit // 8 < len(bits) and bits[bit // 8] >> bit % 8 & 1
        if not is_set and old.piece(at, step) != new.piece(at, step):
            return False
    return True


def judge_other_tables(bench, fmt, name):
    checked = bench.plain(["check", "-f", fmt, name])
    counts = BLOCK_COUNT.search(checked.errors)
    if counts and int(counts[1]) < int(counts[2]):
        return
    expect(checked.code in (*NOT_WORSE, NO_CHECK),
           f"check of {name} ends with {checked.code}:\n{checked.text}"
           f"{checked.errors}")


def judge_present(now, rule, before, after, name):
    mine, old, new = now[None], before[None], after[None]
    expect(mine is not None, f"{name} cannot be read")
    if mine in (old, new):
        return
    expect(rule == "sectors" and mine.size in (old.size, new.size),
           f"{name} reads as it never did")
    for at in range(0, max(len(c.data) for c in (mine, old, new)), SECTOR):
        expect(mine.piece(at, SECTOR) in (old.piece(at, SECTOR),
                                          new.piece(at, SECTOR)),
               f"the sector at {at} of {name} reads as it never did")


def judge_snapshot(which, now, before, after):
    known = [v[which] for v in (before, after) if which in v]
    expect(known and now[which] in known,
           f"snapshot {which} reads as it never did")


def judge_tables(bench, name, damaged):
    """At most leaks, and flags that lag behind the refcounts, which a repair of
    leaks clears: no two writes change a refcount and its flag at once. Of an
    image that was damaged before, nothing that a repair does not clear."""
    if damaged:
        bench.plain(["check", "-q", "-r", "all", "-f", "qcow2", name])
        checked = bench.plain(["check", "-f", "qcow2", name])
        expect(checked.code == CLEAN,
               f"{name} is not clean after a repair:\n{checked.describe()}")
        return
    checked = bench.plain(["check", "-f", "qcow2", name])
    only_flags = checked.code == CORRUPT and all(
        line.startswith(FLAG) for line in checked.errors.splitlines()
        if line.startswith("ERROR"))
    expect(checked.code in NOT_WORSE or only_flags,
           f"check of {name} ends with {checked.code}:\n{checked.text}"
           f"{checked.errors}")
    if checked.code == CLEAN:
        return
    bench.plain(["check", "-q", "-r", "leaks", "-f", "qcow2", name])
    again = bench.plain(["check", "-f", "qcow2", name])
    expect(again.code == CLEAN,
           f"{name} is not clean after its repair:\n{again.describe()}")
