"""No function of a guest can come back to itself, and its stack is enough.

Reads what GCC's -fcallgraph-info=su wrote beside each object. A compiler sees
recursion inside one file only; this joins the graphs of all of them.

Calls through a pointer or a virtual function have no callee in the graph. For
the stack they count as the deepest of all functions that nobody calls by name,
which is what a virtual function looks like, nested kIndirectDepth times: an
operation calls a format, the format a file, the file nothing more. The codec
libraries come without graphs and count with what was measured for them.
"""

import os
import re

# Usable bytes of a guest's stack: kStackStride in proto/abi.h less the lowest
# page, which is not mapped, and struct Local.
STACK_BYTES = 0x20000 - 4096 - 64
INDIRECT_DEPTH = 3
# An upper bound for a call into zlib, zstd, libdeflate or nanopb. The deepest,
# zstd's frame decoder, keeps its tables in its context.
LIBRARY_STACK = 16 * 1024

_NODE = re.compile(r'^node: \{ title: "([^"]*)" label: "([^"]*)"')
_EDGE = re.compile(r'^edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"')
_STACK = re.compile(r"\\n(\d+) bytes \((\w+(?:,\w+)*)\)")


def is_end(name):
    """Whether this function never returns: instar::Panic."""
    return name.startswith("_ZN6instar5PanicE")


class Graph:
    def __init__(self):
        self.stack = {}  # function → bytes of its frame
        self.place = {}  # function → file:line
        self.label = {}
        self.calls = {}  # function → names that it calls
        self.unbounded = []
        self.end_depth = 0  # of Panic

    def read(self, text):
        for line in text.splitlines():
            edge = _EDGE.match(line)
            if edge:
                self.calls.setdefault(edge.group(1), set()).add(edge.group(2))
                continue
            node = _NODE.match(line)
            if not node:
                continue
            name, label = node.groups()
            parts = label.split("\\n")
            frame = _STACK.search(label)
            self.label.setdefault(name, parts[0])
            if frame:  # a definition; callees appear without a frame
                self.stack[name] = max(self.stack.get(name, 0),
                                       int(frame.group(1)))
                self.place[name] = parts[1] if len(parts) > 1 else "?"
                self.label[name] = parts[0]
                if "dynamic" in frame.group(2) and (
                        "bounded" not in frame.group(2)):
                    self.unbounded.append(name)

    def own_calls(self, name):
        """What `name` calls, but for the end of the guest: Panic may find
        another broken invariant while it reports the first, and then stops."""
        return [c for c in self.calls.get(name, ())
                if c in self.stack and not is_end(c)]

    def cycles(self):
        """Groups of functions that can reach themselves (Tarjan)."""
        index, low, on_stack, found = {}, {}, set(), []
        pending = []
        for start in sorted(self.stack):
            if start in index:
                continue
            work = [(start, iter(self.own_calls(start)))]
            index[start] = low[start] = len(index)
            pending.append(start)
            on_stack.add(start)
            while work:
                name, callees = work[-1]
                for callee in callees:
                    if callee not in index:
                        index[callee] = low[callee] = len(index)
                        pending.append(callee)
                        on_stack.add(callee)
                        work.append((callee, iter(self.own_calls(callee))))
                        break
                    if callee in on_stack:
                        low[name] = min(low[name], index[callee])
                else:
                    work.pop()
                    if work:
                        caller = work[-1][0]
                        low[caller] = min(low[caller], low[name])
                    if low[name] == index[name]:
                        group = []
                        while True:
                            member = pending.pop()
                            on_stack.discard(member)
                            group.append(member)
                            if member == name:
                                break
                        if len(group) > 1 or name in self.calls.get(name, ()):
                            found.append(sorted(group))
        return found

    def depth(self, name, indirect, known):
        """The deepest stack from `name` on. REQUIRES: no cycles."""
        if name in known:
            return known[name]
        deepest = 0
        for callee in self.calls.get(name, ()):
            if is_end(callee):
                below = self.end_depth
            elif callee in self.stack:
                below = self.depth(callee, indirect, known)
            elif callee == "__indirect_call":
                below = indirect
            else:
                below = LIBRARY_STACK
            deepest = max(deepest, below)
        known[name] = self.stack[name] + 8 + deepest
        return known[name]

    def indirect_depth(self):
        self.end_depth = max([self.depth(n, 0, {}) for n in self.stack
                              if is_end(n)] or [0])
        called = {c for callees in self.calls.values() for c in callees}
        candidates = [n for n in self.stack if n not in called]
        indirect = 0
        for _ in range(INDIRECT_DEPTH):
            known = {}
            indirect = max([self.depth(n, indirect, known)
                            for n in candidates] or [0])
        return indirect


def load(root, folders):
    graph = Graph()
    for folder in folders:
        for path, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if name.endswith(".ci"):
                    with open(os.path.join(path, name)) as file:
                        graph.read(file.read())
    return graph


def judge(graph, entries):
    """Findings, and the deepest stack of the entries."""
    findings = []
    for group in graph.cycles():
        names = " → ".join(f"{graph.label[n]} ({graph.place[n]})"
                           for n in group)
        findings.append(f"recursion: {names}")
    for name in graph.unbounded:
        findings.append(f"{graph.place[name]}: {graph.label[name]} has a frame "
                        "of no fixed size")
    if findings:
        return findings, 0
    indirect = graph.indirect_depth()
    deepest = max([graph.depth(n, indirect, {}) for n in graph.stack
                   if entries(n)] or [0])
    if deepest > STACK_BYTES:
        findings.append(f"a stack of {deepest} bytes, more than {STACK_BYTES}")
    return findings, deepest


def _operations(tree):
    base = os.path.join(tree.root, "guest/op")
    return sorted(op for op in os.listdir(base)
                  if os.path.isdir(os.path.join(base, op)))


def _graphs(tree):
    for op in _operations(tree):
        graph = load(tree.root, ["build/guest/lib", "build/guest/guest/rt",
                                 f"build/guest/guest/op/{op}"])
        yield op, graph


def _is_entry(name):
    return name == "Start"


def check(tree):
    findings = []
    for op, graph in _graphs(tree):
        if not graph.stack:
            findings.append(f"{op}: no call graph; build it first")
            continue
        if not any(_is_entry(n) for n in graph.stack):
            findings.append(f"{op}: the entry is not in its call graph")
        findings += [f"{op}: {finding}"
                     for finding in judge(graph, _is_entry)[0]]
    return sorted(set(findings))


def notes(tree):
    return [f"{op}: {judge(graph, _is_entry)[1] / 1024:.0f} KiB of "
            f"{STACK_BYTES // 1024} of stack at most"
            for op, graph in _graphs(tree)]
