"""Every option of the table, every environment variable and every key of the
configuration that the README names is one that the program knows."""
import re

import program as programs
from cli import case

ROOT = programs.ROOT


def rows():
    """(command, meaning, letter, name, takes a value) for each row of the
    option table."""
    text = (ROOT / "compat/option_table.cc").read_text()
    text = text[text.index("kOptions[] = {"):]
    text = re.sub(r"\s+", " ", text[:text.index("};")])
    for row in re.findall(r'\{"(\w*)", Opt::(\w+), ([^{}]*)', text):
        command, opt, rest = row
        letter, name, argument = [x.strip() for x in rest.split(",")[:3]]
        yield (command, opt,
               None if letter == "0" else letter.strip("'"),
               None if name == "nullptr" else name.strip('"'),
               argument != "nullptr")


def built_commands():
    text = (ROOT / "cmd/main.cc").read_text()
    return re.findall(r'\{"(\w+)", &Run', text)


def readme():
    return (ROOT / "README.md").read_text()


def sources(*rooms):
    return "".join(p.read_text() for room in rooms
                   for p in sorted((ROOT / room).rglob("*.cc"))
                   if not p.name.endswith("_test.cc"))


class Documented(case.ProgramTest):
    # What only older or newer versions have, or Debian's, is told apart here.
    VERSIONS = ("11.1.3", "10.0.13-debian", "10.0.2", "8.2", "6.2")

    def accepts(self, command, spelling, version, name="qemu-img"):
        """Whether getopt knows the option: it then asks for its value, or
        finds something else wrong."""
        end = self.instar(command, *spelling, name=name, env=self.environment(
            INSTAR_QEMU_VERSION=version))
        wrong = ("unrecognized option", "invalid option", "ambiguous")
        return not any(w in end.errors for w in wrong)

    def accepted(self, command, spelling):
        return (any(self.accepts(command, spelling, v) for v in self.VERSIONS)
                or self.accepts(command, spelling, self.VERSIONS[0], "instar"))

    def test_the_option_table_is_read(self):
        found = list(rows())
        self.assertGreater(len(found), 100)
        self.assertIn(("convert", "kFormat", "f", "source-format", True),
                      found)
        self.assertGreaterEqual(set(built_commands()),
                                {"convert", "create", "info", "measure"})

    def test_every_option_of_a_built_command_is_accepted(self):
        built = built_commands()
        for command, opt, letter, name, takes_value in rows():
            if command not in built or opt == "kHelp":
                continue
            value = ["x"] if takes_value else []
            for spelling in ([f"-{letter}"] if letter else None,
                             [f"--{name}"] if name else None):
                if spelling is None:
                    continue
                with self.subTest(command=command, option=spelling[0]):
                    self.assertTrue(self.accepted(command, spelling + value))

    def test_every_option_of_the_newest_version_is_in_its_help(self):
        for command in built_commands():
            text = self.succeeds(self.instar(command, "--help"))
            for row_command, _, letter, name, _ in rows():
                if row_command != command:
                    continue
                for spelling in (letter and f"-{letter}",
                                 name and f"--{name}"):
                    if spelling and self.accepts(command, [spelling, "x"],
                                                 "11.1.3"):
                        with self.subTest(command=command, option=spelling):
                            self.assertIn(spelling, text)

    def test_every_variable_in_the_documents_is_read(self):
        code = sources("cmd", "vmm", "compat")
        texts = [readme(), *(p.read_text()
                             for p in (ROOT / "docs").glob("*.md"))]
        named = {n for t in texts for n in re.findall(r"INSTAR_[A-Z_]+", t)}
        named.discard("INSTAR_CHECK")  # a macro
        self.assertIn("INSTAR_POLICY", named)
        for name in sorted(named):
            with self.subTest(name=name):
                self.assertIn(f'"{name}"', code)

    def test_every_key_of_the_configuration_in_the_readme_is_known(self):
        code = (ROOT / "cmd/configuration.cc").read_text()
        keys = set(re.findall(r"`(\w+) =", readme().replace("\n", " ")))
        self.assertLessEqual({"jail", "policy", "version", "allow"}, keys)
        for key in sorted(keys):
            with self.subTest(key=key):
                self.assertIn(f'key == "{key}"', code)

    def test_every_example_in_the_readme_uses_known_options(self):
        examples = re.findall(r"^(?:instar|qemu-img) (\w+) (.*)$", readme(),
                              re.M)
        self.assertTrue(examples)
        known = {(c, s) for c, _, letter, name, _ in rows()
                 for s in (letter and f"-{letter}", name and f"--{name}") if s}
        for command, rest in examples:
            for word in rest.split("#")[0].split():
                if word.startswith("-"):
                    with self.subTest(command=command, option=word):
                        self.assertIn((command, word), known)
