"""Transcripts: what a scenario's steps printed, made comparable.

A transcript is a list of steps; a step is a list of lines, of which the first
is the step as the scenario has it. Lines of stderr begin with `! `.
"""
import json
import re

# What differs from run to run of the same program, replaced by a name.
_VARYING = [
    (r"(?m)^(\s*disk size: ).*$", r"\1<disk-size>"),
    (r'("actual-size": )\d+', r"\1<disk-size>"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "<date>"),
    (r'("date-n?sec": )\d+', r"\1<n>"),
    (r"(?m)^(\s*(?:parent )?cid: )\d+", r"\1<cid>"),
    (r'("(?:parent-)?cid": )\d+', r"\1<cid>"),
    (r"(?m)^(\s*uuid: )[0-9a-f-]{36}", r"\1<uuid>"),
    (r'("uuid": )"[0-9a-f-]{36}"', r'\1"<uuid>"'),
    (r"(?m)^(\s*(?:master key )?iters: )\d+", r"\1<iters>"),
    (r'("(?:master-key-)?iters": )\d+', r"\1<iters>"),
    (r"Run completed in [0-9.]+ seconds", "Run completed in <n> seconds"),
    (r"#block\d+", "#block<n>"),
    # Progress: its form and its last line, not how often it is printed.
    (r"(?m)(^ {4}\(\d+\.\d\d/100%\)\\r\n)+(?=^ {4}\(100\.00/100%\))",
     "    <progress>\n"),
]
_VARYING = [(re.compile(pattern), name) for pattern, name in _VARYING]

_STEP = re.compile(
    r"(\$(ref)?|hash|content|exists|poke|trunc|cp|rm|raw|text|mkdir) ")


def normalise(text, directory):
    """`text` without the directory that the scenario ran in, and with names in
    place of values that differ from run to run."""
    text = text.replace(f"{directory}/", "").replace(str(directory), ".")
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text


def split(text):
    """The steps of a transcript, so that a wrong one does not hide others."""
    steps = []
    for line in text.splitlines():
        if _STEP.match(line) or not steps:
            steps.append([])
        steps[-1].append(line)
    return steps


def is_one_of(words, subcommands):
    """Whether a command line runs one of `subcommands`: NAME, or NAME/WORD/…
    for those of its lines that have none of the words."""
    def fits(subcommand):
        name, *without = subcommand.split("/")
        return (len(words) > 1 and words[1] == name
                and not any(w in words for w in without))
    return any(map(fits, subcommands))


def of_subcommands(steps, subcommands):
    """The steps that run one of `subcommands` or look at files they made."""
    def counts(step):
        words = step[0].split()
        return words[0] != "$" or is_one_of(words[1:], subcommands)
    return [s for s in steps if counts(s)] if subcommands else steps


class Expected:
    """What every captured version printed in one scenario."""

    def __init__(self, path):
        data = json.loads(path.read_text())
        self.versions = data["versions"]
        self._steps = data["steps"]

    def steps(self, version):
        return [[s["step"]] + next((e["lines"] for e in s["expect"]
                                    if version in e["versions"]), [])
                for s in self._steps]

    def profiles(self, versions, subcommands):
        """The newest of each group of versions that no step tells apart."""
        newest = {}
        for version in versions:
            steps = of_subcommands(self.steps(version), subcommands)
            newest[tuple(tuple(s) for s in steps)] = version
        return list(newest.values())


def merge(name, versions, transcripts):
    """The content of an expected/ file: each step's distinct outputs."""
    steps = []
    for version, transcript in zip(versions, transcripts):
        for i, (first, *lines) in enumerate(transcript):
            if i == len(steps):
                steps.append({"step": first, "expect": []})
            if steps[i]["step"] != first:
                raise ValueError(f"{name}: {version} took another path: "
                                 f"{first}")
            for expect in steps[i]["expect"]:
                if expect["lines"] == lines:
                    expect["versions"].append(version)
                    break
            else:
                steps[i]["expect"].append(
                    {"versions": [version], "lines": lines})
    text = json.dumps(
        {"scenario": name, "versions": versions, "steps": steps}, indent=1)
    return re.sub(r'("versions": \[)([^\]]*)(\])',
                  lambda m: m[1] + " ".join(m[2].split()) + m[3], text) + "\n"
