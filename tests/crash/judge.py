"""What a crash left, as the reference sees it."""
import json

SECTOR = 512
CLEAN = 0
CORRUPT = 2
NOT_WORSE = (0, 3)  # 3: leaks
# "Nobody shares this" does not fit the refcount. It is safe to be wrong in
# either way as long as no snapshot refers to the cluster, which is why the
# reference's repair of leaks sets it right.
FLAG = "ERROR OFLAG_COPIED "


class Wrong(Exception):
    """Something was lost."""


def expect(condition, words):
    if not condition:
        raise Wrong(words)


def snapshots(bench, name):
    """The names of an image's snapshots; None: it does not open."""
    end = bench.plain(["info", "--output=json", "-f", "qcow2", name])
    if end.code != 0:
        return None
    return [s["name"] for s in json.loads(end.text).get("snapshots", [])]


def content(bench, name, snapshot=None):
    """The bytes of an image, or of a snapshot of it; None: they cannot be
    read."""
    out = bench.files.parent / "read.raw"
    choice = ["-l", f"snapshot.name={snapshot}"] if snapshot else []
    end = bench.plain(["convert", "-f", "qcow2", "-O", "raw", *choice, name,
                       str(out)])
    return out.read_bytes() if end.code == 0 else None


def view(bench, name):
    """All that can be read of an image: by snapshot, None for the present."""
    names = snapshots(bench, name)
    if names is None:
        return None
    return {which: content(bench, name, which) for which in [None, *names]}


def judge(bench, operation, before, after):
    """Raises Wrong where a state is neither what was before nor what comes
    after. `before` and `after`: views of the images by name."""
    for name in operation.images:
        now = view(bench, name)
        expect(now is not None, f"{name} does not open")
        judge_present(now, operation.contents.get(name), before[name],
                      after[name], name)
        for which in now:
            if which is not None:
                judge_snapshot(which, now, before[name], after[name])
        lost = set(before[name]) & set(after[name]) - set(now)
        expect(not lost, f"{name} lost snapshots {sorted(map(str, lost))}")
        judge_tables(bench, name, operation.damaged)


def judge_present(now, rule, before, after, name):
    mine, old, new = now[None], before[None], after[None]
    expect(mine is not None, f"{name} cannot be read")
    if mine in (old, new):
        return
    expect(rule == "sectors" and len(mine) in (len(old), len(new)),
           f"{name} reads as it never did")
    for at in range(0, len(mine), SECTOR):
        expect(mine[at:at + SECTOR] in (old[at:at + SECTOR],
                                        new[at:at + SECTOR]),
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
