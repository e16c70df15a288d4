"""The states that a power failure can leave behind, built from a record of the
calls that changed files (tests/faults/call_log.h).

What was written before a file's last flush is there. Of what was written since,
any part may be: all of it up to a moment, or any choice of calls.
"""
import hashlib

PUNCH_HOLE, ZERO_RANGE, KEEP_SIZE = 2, 16, 1
CHOICES = 4  # random ones for each moment before a flush


def apply(data, call):
    """Does to `data` what the call did to its file."""
    if call["result"] < 0:
        return
    offset, kind = call["offset"], call["kind"]
    if kind == "resize":
        grow(data, offset)
        del data[offset:]
    elif kind in ("write", "copy"):
        grow(data, offset)
        data[offset:offset + len(call["bytes"])] = call["bytes"]
    elif kind == "allocate":
        end = offset + call["length"]
        if not call["mode"] & KEEP_SIZE:
            grow(data, end)
        if call["mode"] & (PUNCH_HOLE | ZERO_RANGE):
            end = min(end, len(data))
            data[offset:end] = bytes(max(0, end - offset))


def grow(data, size):
    if len(data) < size:
        data.extend(bytes(size - len(data)))


class Disk:
    """The files as they are after some calls, and what of that is durable."""

    def __init__(self, files):
        self.durable = {name: bytearray(data) for name, data in files.items()}
        self.pending = []

    def take(self, call, name):
        if call["kind"] != "flush":
            self.pending.append((name, call))
            return
        kept = []
        for other, pending in self.pending:
            if other == name:
                apply(self.durable[name], pending)
            else:
                kept.append((other, pending))
        self.pending = kept

    def with_calls(self, chosen):
        files = {name: bytearray(data) for name, data in self.durable.items()}
        for name, call in chosen:
            apply(files[name], call)
        return files


def states(files, calls, name_of, random):
    """Yields (description, files) for each state, none twice: of `files`, as
    they were before the command, those that it changed. `calls`: its record;
    `name_of`: of a path."""
    seen = set()
    changed = {name_of(call["file"]) for call in calls}

    def fresh(found):
        digest = hashlib.sha256()
        for name in sorted(found):
            digest.update(b"%d:" % len(found[name]))
            digest.update(found[name])
        known = digest.digest() in seen
        seen.add(digest.digest())
        return not known

    disk = Disk({name: files.get(name, b"") for name in changed})
    for number, call in enumerate(calls):
        name = name_of(call["file"])
        if call["kind"] == "flush":
            for choice in choices(disk.pending, random):
                found = disk.with_calls(choice)
                if fresh(found):
                    yield f"{len(choice)} of {len(disk.pending)} calls " \
                          f"before call {number}", found
        disk.take(call, name)
        found = disk.with_calls(disk.pending)
        if fresh(found):
            yield f"all calls up to {number}", found


def choices(pending, random):
    """Some of the ways in which only a part of the calls reaches the disk."""
    yield []
    yield pending[-1:]
    yield pending[1:]
    for _ in range(CHOICES):
        yield [p for p in pending if random.random() < 0.5]
