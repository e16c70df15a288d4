"""The documents say what the tree is: folders, tests, links and options."""

import os
import re

# Folders that a reader of the code map need not be told about one by one.
CODE_MAP_DEPTH_2 = ("lib", "guest")
NOT_MAPPED = ("build",)


def mapped_folders(tree):
    """Folders that docs/architecture.md must describe: every room, and what
    is directly inside lib/ and guest/."""
    found = []
    for name in sorted(os.listdir(tree.root)):
        if (name.startswith(".") or name in NOT_MAPPED or
                not os.path.isdir(os.path.join(tree.root, name))):
            continue
        found.append(name)
        if name in CODE_MAP_DEPTH_2:
            inside = os.path.join(tree.root, name)
            found += [f"{name}/{f}" for f in sorted(os.listdir(inside))
                      if os.path.isdir(os.path.join(inside, f))]
    return found


def judge_code_map(text, folders):
    """The map is the part under "Code map", one folder in backquotes a line."""
    _, found, rest = text.partition("## Code map")
    if not found:
        return ["docs/architecture.md: has no code map"]
    part = rest.split("\n## ")[0]
    named = {name.rstrip("/") for name in re.findall(
        r"^(?:\| |- )`([\w./<>-]+?)`", part, re.M)}
    findings = [f"docs/architecture.md: the code map lacks {folder}/"
                for folder in folders if folder not in named]
    findings += [f"docs/architecture.md: the code map has {name}, which is not "
                 "in the tree" for name in sorted(named - set(folders))
                 if "<" not in name]
    return findings


def _without_code_blocks(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def judge_links(path, text, exists):
    """Relative links lead to something."""
    findings = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code_blocks(text)):
        target = target.split("#")[0]
        if not target or re.match(r"\w+:", target):
            continue
        full = os.path.normpath(os.path.join(os.path.dirname(path), target))
        if not exists(full):
            findings.append(f"{path}: the link to {target} leads nowhere")
    return findings


def judge_paths(path, text, exists):
    """Whatever looks like a path of ours, in backquotes, exists. A last part
    such as `test.cc:NameOfTest` names a test inside the file; `<name>` and `*`
    stand for any name."""
    rooms = r"(?:cmd|compat|vmm|proto|guest|lib|tests|fuzz|baselines|docs)"
    findings = []
    text = re.sub(r"^\| T\d+ .*$", "", text, flags=re.M)  # judge_threats does
    for name in re.findall(rf"`({rooms}/[^`\s]*)`", text):
        name = name.split(":")[0].rstrip("/")
        if any(c in name for c in "<*…{"):
            continue
        if not exists(name):
            findings.append(f"{path}: {name} does not exist")
    return findings


def judge_threats(text, exists, text_of):
    """Each threat is numbered in order and names a test that exists."""
    findings = []
    number = 0
    for line in text.splitlines():
        match = re.match(r"\| T(\d+) \|", line)
        if not match:
            continue
        number += 1
        name = f"T{match.group(1)}"
        if int(match.group(1)) != number:
            findings.append(f"docs/threat-model.md: {name} is out of order")
        answers = line.rstrip(" |").split("|")[-1]
        cited = re.findall(r"`((?:tests|lib|vmm|compat|cmd|fuzz)/[^`\s]+)`",
                           answers)
        if not cited:
            findings.append(f"docs/threat-model.md: {name} names no test")
        for test in cited:
            path, _, case = test.partition(":")
            if not exists(path.rstrip("/")):
                findings.append(f"docs/threat-model.md: {name} names "
                                f"{path}, which does not exist")
            elif case and case not in text_of(path):
                findings.append(f"docs/threat-model.md: {name} names "
                                f"{case}, which is not in {path}")
    if number == 0:
        findings.append("docs/threat-model.md: has no threats")
    return findings


def judge_readme(text):
    """The README opens with the two commands."""
    first = re.search(r"```\w*\n(.*?)```", text, re.S)
    commands = first.group(1).split("\n") if first else []
    named = [line.split("#")[0].strip() for line in commands if line.strip()]
    if named[:2] != ["make demo", "make test"]:
        return ["README.md: does not open with make demo and make test"]
    return []


def judge_environment(tree):
    """Every INSTAR_ variable that the program reads is in the README."""
    read = set()
    for path in tree.files(("cmd", "compat", "vmm"), (".cc", ".h")):
        if not path.endswith("_test.cc"):
            read |= set(re.findall(r'"(INSTAR_[A-Z_]+)"', tree.text(path)))
    readme = tree.text("README.md")
    return [f"README.md: does not tell of {name}" for name in sorted(read)
            if name not in readme]


def judge_calls(tree):
    """docs/boundary.md tells of every call of proto/abi.h."""
    abi = tree.text("proto/abi.h")
    calls = re.search(r"enum class Call[^{]*\{(.*?)\};", abi, re.S).group(1)
    text = tree.text("docs/boundary.md")
    return [f"docs/boundary.md: does not tell of {name}"
            for name in re.findall(r"^\s*(k\w+) = \d+,", calls, re.M)
            if f"`{name}`" not in text]


def check(tree):
    findings = []
    for path in tree.documents():
        text = tree.text(path)
        findings += judge_links(path, text, tree.exists)
        if path.startswith("docs/") or path == "README.md":
            findings += judge_paths(path, text, tree.exists)
    findings += judge_code_map(tree.text("docs/architecture.md"),
                               mapped_folders(tree))
    findings += judge_threats(tree.text("docs/threat-model.md"), tree.exists,
                              tree.text)
    findings += judge_readme(tree.text("README.md"))
    findings += judge_environment(tree)
    findings += judge_calls(tree)
    for path in tree.files(("docs",), (".md",)):
        lines = tree.text(path).count("\n")
        if lines > 200:
            findings.append(f"{path}: {lines} lines, more than 200")
    return findings
