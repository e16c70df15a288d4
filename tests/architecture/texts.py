"""Rules on the text of sources and documents: lengths, places, leftovers."""

import re

SOFT_LINES = 300
HARD_LINES = 500
FUNCTION_LINES = 60

# Where a release of qemu-img may be compared with another: the profile table
# and the table of options. Everybody else asks a profile for a knob.
VERSION_FILES = re.compile(
    r"^(compat/profile\w*\.(h|cc)|(compat|cmd)/option\w*\.(h|cc))$")
VERSION_USES = [
    re.compile(r"\bVersion\s*(\w+\s*)?\{\s*\d"),
    re.compile(r"\bprofile\w*(\(\))?\s*(\.|->)\s*version\s*(<|>|[=!]=)"),
    re.compile(r"(<|>|[=!]=)\s*profile\w*(\(\))?\s*(\.|->)\s*version\b"),
    re.compile(r"\bversion(_|\(\))?\s*\.\s*(major|minor|patch|debian)\b"),
    re.compile(r"(<|>|[=!]=)\s*(compat::)?(kNewest|kOldest)\b"),
]

# A machine's own paths say something only where they were written.
PRIVATE_PATHS = re.compile(r"(?<![\w./$-])/(work|home/\w+|root)/")
SCRATCH_PATHS = re.compile(r"(?<![\w./$-])/tmp/\w")
LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

TESTS_THAT_NAME_VERSIONS = re.compile(r"_test\.cc$")


def _findings(path, text, pattern, why):
    return [f"{path}:{number}: {why}: {line.strip()[:60]}"
            for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)]


def judge_length(path, text):
    lines = text.count("\n")
    if lines > HARD_LINES:
        return [f"{path}: {lines} lines, more than {HARD_LINES}"]
    return []


def judge_versions(path, text):
    room = path.split("/")[0]
    if (room not in ("cmd", "compat", "vmm") or VERSION_FILES.match(path) or
            TESTS_THAT_NAME_VERSIONS.search(path)):
        return []
    code = "\n".join(line.split("//")[0] for line in text.splitlines())
    found = []
    for pattern in VERSION_USES:
        found += _findings(path, code, pattern,
                           "a version outside the profile table")
    return sorted(set(found))


def judge_words(path, text):
    return (_findings(path, text, PRIVATE_PATHS, "a path of one machine") +
            _findings(path, text, LEFTOVERS, "something left to do"))


def judge_document(path, text):
    return _findings(path, text, SCRATCH_PATHS, "a path of one machine")


# Functions are found by the shape that clang-format gives them: from the line
# that opens a body to the "}" in the column where the signature begins. Rough,
# but it needs no compiler and serves the tests too, which clang-tidy does not
# see.
_NO_FUNCTION = re.compile(r"\s*(namespace|class|struct|enum|union|extern|"
                          r"constexpr \w+ k|inline constexpr|constinit|"
                          r"const(expr)? \S+ k\w+)\b")


def _signature_start(lines, at):
    """The line where the parentheses that end in line `at` begin."""
    balance = 0
    for line in range(at, max(-1, at - 12), -1):
        balance += lines[line].count(")") - lines[line].count("(")
        if balance <= 0:
            return line
    return at


def functions(text):
    """(first line, number of lines) of each function, roughly."""
    lines = [line.split("//")[0].rstrip() for line in text.splitlines()]
    found = []
    at = 0
    while at < len(lines):
        line = lines[at]
        start = _signature_start(lines, at)
        if (not line.endswith("{") or ")" not in "".join(lines[start:at + 1])
                or _NO_FUNCTION.match(lines[start])):
            at += 1
            continue
        indent = len(lines[start]) - len(lines[start].lstrip())
        end = at + 1
        while end < len(lines) and not re.match(" {0,%d}\\}" % indent,
                                                lines[end]):
            end += 1
        found.append((start + 1, end - start + 1))
        at = end + 1
    return found


def judge_functions(path, text):
    return [f"{path}:{line}: a function of {length} lines, more than "
            f"{FUNCTION_LINES}"
            for line, length in functions(text) if length > FUNCTION_LINES]


def check(tree):
    findings = []
    for path in tree.sources():
        text = tree.text(path)
        findings += judge_length(path, text)
        findings += judge_functions(path, text)
        findings += judge_versions(path, text)
        findings += judge_words(path, text)
    for path in tree.files(("tests", "fuzz", ".ci", "Makefile"),
                           (".py", ".sh", ".mk", "Makefile", "run")):
        if not path.startswith("tests/architecture/"):
            findings += judge_words(path, tree.text(path))
        findings += judge_length(path, tree.text(path))
    for path in tree.documents():
        findings += judge_words(path, tree.text(path))
        findings += judge_document(path, tree.text(path))
    return findings


def notes(tree):
    long = [f"{path} ({tree.text(path).count(chr(10))})"
            for path in tree.sources()
            if SOFT_LINES < tree.text(path).count("\n") <= HARD_LINES]
    return [f"more than {SOFT_LINES} lines: " + ", ".join(long)] if long else []
