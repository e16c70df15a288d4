#!/usr/bin/env python3
"""Checks that the tree is what docs/architecture.md says it is.

Needs what `make` builds: the compiler's dependency files and call graphs, and
the binaries. Prints one line a finding and ends with status 1 if there is one.
"""

import os
import sys

import binaries
import callgraph
import documents
import rooms
import texts
import tree

CHECKS = [
    ("who includes whom", rooms),
    ("what the binaries hold", binaries),
    ("recursion and stacks", callgraph),
    ("texts", texts),
    ("documents", documents),
]


def main():
    project = tree.Tree(os.path.normpath(
        os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")))
    failed = 0
    for title, module in CHECKS:
        findings = module.check(project)
        print(f"architecture: {title}: "
              f"{'ok' if not findings else f'{len(findings)} findings'}")
        for finding in findings:
            print(f"  {finding}")
        for note in getattr(module, "notes", lambda _: [])(project):
            print(f"  ({note})")
        failed += len(findings)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
