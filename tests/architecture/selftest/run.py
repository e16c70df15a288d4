#!/usr/bin/env python3
"""Shows the architecture checks what they must catch, and what they must let
pass: a check that cannot fail proves nothing."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "../../.."))
sys.path.insert(0, os.path.dirname(HERE))

import binaries  # noqa: E402
import callgraph  # noqa: E402
import documents  # noqa: E402
import rooms  # noqa: E402
import texts  # noqa: E402


class Scratch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, path, text):
        full = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(text)

    def run_in(self, *command):
        return subprocess.run(command, cwd=self.folder, capture_output=True,
                              text=True)


class Rooms(Scratch):
    known = None

    def judge(self, source, include, header=None, text="// nothing\n"):
        """What rooms.py says of a source with one include, which may be of a
        header with `text`."""
        if Rooms.known is None:
            Rooms.known = rooms.closures()
        self.write(source, f"#include {include}\n")
        if header:
            self.write(header, text)
        free = source.startswith(("lib/", "guest/"))
        done = self.run_in("g++", "-std=c++20", "-I.", "-Ibuild", "-MD", "-MF",
                           "x.d", "-fsyntax-only", source,
                           *(["-ffreestanding"] if free else []))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.folder, "x.d")) as file:
            name, headers = rooms.parse_depfile(file.read())
        self.assertEqual(name, source)
        return rooms.judge(name, headers, Rooms.known)

    def test_the_host_may_not_parse(self):
        for room in ("vmm", "compat", "cmd"):
            self.assertTrue(self.judge(f"{room}/a.cc",
                                       '"lib/format/qcow2/header.h"',
                                       "lib/format/qcow2/header.h"))
            self.assertTrue(self.judge(f"{room}/a.cc", '"lib/codec/zstd.h"',
                                       "lib/codec/zstd.h"))

    def test_a_header_in_between_hides_nothing(self):
        self.write("lib/format/image.h", "// an image\n")
        self.assertTrue(self.judge("vmm/a.cc", '"vmm/files.h"', "vmm/files.h",
                                   '#include "lib/format/image.h"\n'))

    def test_wording_does_not_know_the_jails(self):
        self.assertTrue(self.judge("compat/a.cc", '"vmm/run.h"', "vmm/run.h"))
        self.assertFalse(self.judge("cmd/a.cc", '"vmm/run.h"', "vmm/run.h"))
        self.assertTrue(self.judge("cmd/a.cc", "<linux/kvm.h>"))
        self.assertFalse(self.judge("vmm/a.cc", "<linux/kvm.h>"))

    def test_the_library_sees_no_host(self):
        for header in ("<string>", "<cstdio>", "<unistd.h>", "<vector>"):
            self.assertTrue(self.judge("lib/format/raw/a.cc", header))
        for header in ("<span>", "<optional>", "<cstdint>"):
            self.assertFalse(self.judge("lib/format/raw/a.cc", header))
        self.assertTrue(self.judge("lib/base/a.cc", '"proto/abi.h"',
                                   "proto/abi.h"))

    def test_codecs_stay_in_their_room(self):
        self.assertFalse(self.judge("lib/codec/a.cc", "<zlib.h>"))
        self.assertTrue(self.judge("lib/format/qcow2/a.cc", "<zlib.h>"))
        self.assertTrue(self.judge("lib/codec/a.cc", "<cstdio>"))

    def test_protobuf_stays_out_of_the_guest(self):
        self.assertTrue(self.judge("lib/format/a.cc", '"gen/guest.npb.h"',
                                   "build/gen/guest.npb.h"))
        self.assertFalse(self.judge("guest/rt/a.cc", '"gen/guest.npb.h"',
                                    "build/gen/guest.npb.h"))
        self.assertTrue(self.judge("guest/rt/a.cc", '"gen/guest.pb.h"',
                                   "build/gen/guest.pb.h"))

    def test_formats_do_not_know_each_other(self):
        header = "lib/format/qcow2/layout.h"
        self.assertTrue(self.judge("lib/format/vmdk/a.cc", f'"{header}"',
                                   header))
        self.assertTrue(self.judge("guest/op/info/a.cc", f'"{header}"',
                                   header))
        self.assertFalse(self.judge("lib/format/qcow2/a.cc", f'"{header}"',
                                    header))

    def test_includes_that_the_text_names(self):
        self.assertTrue(rooms.judge_text("compat/a.cc", "#include <fcntl.h>\n"))
        self.assertTrue(rooms.judge_text("proto/abi.h", "#include <span>\n"))
        self.assertTrue(rooms.judge_text("lib/a.cc", '#include "../b.h"\n'))
        self.assertFalse(rooms.judge_text("proto/abi.h",
                                          "#include <cstdint>\n"))


class Binaries(Scratch):
    def link(self, source, *flags):
        self.write("a.cc", source)
        done = self.run_in("g++", "-O1", "-ffreestanding", "-fno-exceptions",
                           "-fno-asynchronous-unwind-tables", "-nostdlib",
                           "-static", "-no-pie", "-fno-pic",
                           "-Wl,--build-id=none", "-o", "a.elf", "a.cc",
                           *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return os.path.join(self.folder, "a.elf")

    def image(self, source, *flags):
        return binaries.check_image(self.link(source, *flags), "a")

    start = 'extern "C" void _start() { for (;;) {} }\n'

    def test_a_plain_image_passes(self):
        self.assertEqual(self.image(self.start), [])

    def test_too_large_with_bss(self):
        self.assertIn("memory", self.image(
            "char room[400 * 1024];\n" + self.start)[0])

    def test_undefined_symbols(self):
        path = self.link('extern "C" int missing(); int x() { return '
                         "missing(); }\n" + self.start, "-r")
        self.assertEqual(binaries.judge_symbols(path, "a"),
                         ["a: missing is undefined"])

    def test_host_symbols(self):
        for name in ("printf", "open", "__libc_start_main", "mmap", "exit"):
            found = self.image(f'extern "C" [[gnu::used]] void {name}(...) '
                               "{}\n" + self.start, "-fno-builtin")
            self.assertTrue(any("host's" in f for f in found), name)

    def test_static_constructors(self):
        found = self.image(
            "int seed(); struct T { T() { x = 3; } volatile int x; };\n"
            "T object;\n" + self.start)
        self.assertTrue(any(".init_array" in f for f in found), found)

    def test_writable_code(self):
        found = self.image(self.start, "-Wl,-N")
        self.assertTrue(any("writable" in f for f in found), found)

    def test_a_dynamic_program(self):
        self.write("b.cc", "int main() {}\n")
        self.run_in("g++", "-o", "dynamic", "b.cc")
        self.run_in("g++", "-static", "-o", "static", "b.cc")
        path = os.path.join(self.folder, "dynamic")
        self.assertTrue(binaries.check_program(path, "b"))
        path = os.path.join(self.folder, "static")
        self.assertEqual(binaries.check_program(path, "b"), [])


class Callgraph(Scratch):
    def graph(self, **sources):
        for name, text in sources.items():
            self.write(f"build/{name}.cc", text)
            done = self.run_in("g++", "-O0", "-fcallgraph-info=su", "-c",
                               f"build/{name}.cc", "-o", f"build/{name}.o")
            self.assertEqual(done.returncode, 0, done.stderr)
        return callgraph.load(self.folder, ["build"])

    @staticmethod
    def is_start(name):
        return "start" in name

    def test_a_cycle_over_two_files(self):
        graph = self.graph(a="int b(int); int a(int n) { return b(n); }",
                           b="int a(int); int b(int n) { return a(n); }")
        findings, _ = callgraph.judge(graph, self.is_start)
        self.assertIn("recursion", findings[0])

    def test_a_function_that_calls_itself(self):
        graph = self.graph(a="int a(int n) { return n ? 1 + a(n - 1) : 0; }")
        self.assertTrue(callgraph.judge(graph, self.is_start)[0])

    def test_no_cycle(self):
        graph = self.graph(a="int b(int); int start() { return b(1); }",
                           b="int b(int n) { return n; }")
        findings, deepest = callgraph.judge(graph, self.is_start)
        self.assertEqual(findings, [])
        self.assertGreater(deepest, 0)

    def test_a_stack_too_deep_over_two_files(self):
        frame = ("char room[70000]; for (int i = 0; i < 70000; ++i) "
                 "room[i] = char(n + i); int s = room[n];")
        graph = self.graph(
            a=f"int b(int); int start(int n) {{ {frame} return s + b(s); }}",
            b=f"int b(int n) {{ {frame} return s; }}")
        self.assertIn("stack", callgraph.judge(graph, self.is_start)[0][0])

    def test_a_deep_callee_behind_a_virtual_call(self):
        graph = self.graph(
            a="struct F { virtual int read(int) = 0; };"
              "int start(F& f) { char room[70000]; for (char& c : room) "
              "c = char(f.read(1)); return room[f.read(2)]; }",
            b="struct F { virtual int read(int) = 0; };"
              "struct G : F { int read(int n) override { char room[70000];"
              "for (char& c : room) c = char(n); return room[n]; } };"
              "F* make() { static G g; return &g; }")
        self.assertTrue(callgraph.judge(graph, self.is_start)[0])

    def test_a_frame_of_no_fixed_size(self):
        graph = self.graph(a="int use(char*); int start(int n) { char* p = "
                             "(char*)__builtin_alloca(n); return use(p); }")
        self.assertTrue(callgraph.judge(graph, self.is_start)[0])


class Texts(unittest.TestCase):
    def test_lengths(self):
        self.assertTrue(texts.judge_length("a.cc", "\n" * 501))
        self.assertFalse(texts.judge_length("a.cc", "\n" * 500))
        body = "int F() {\n" + "  G();\n" * 60 + "}\n"
        self.assertTrue(texts.judge_functions("a.cc", body))
        body = "int F(int a,\n      int b) {\n" + "  G();\n" * 58 + "}\n"
        self.assertTrue(texts.judge_functions("a.cc", body))
        body = "int F() {\n" + "  G();\n" * 58 + "}\n"
        self.assertFalse(texts.judge_functions("a.cc", body))

    def test_versions_outside_the_table(self):
        for line in ("if (profile.version >= Version{8, 0})",
                     "if (profile->version < kLatest)",
                     "if (version.major >= 8)",
                     "constexpr Version kSomething{7, 2};"):
            self.assertTrue(texts.judge_versions("cmd/info.cc", line), line)
            self.assertFalse(texts.judge_versions("compat/profile.cc", line))
        for line in ("if (profile.backing_format_required)",
                     "if (facts.version() >= 3)",
                     "// Version 8.0 made it so."):
            self.assertFalse(texts.judge_versions("cmd/info.cc", line), line)

    def test_leftovers_and_private_paths(self):
        todo = "TO" + "DO"
        self.assertTrue(texts.judge_words("a.cc", f"// {todo}: more\n"))
        self.assertTrue(texts.judge_words("a.md", "see /work/x for it\n"))
        self.assertFalse(texts.judge_words("a.md", "see guest/work/x\n"))
        self.assertTrue(texts.judge_document("a.md", "in /tmp/x it is\n"))


class Documents(unittest.TestCase):
    def test_code_map(self):
        text = "## Code map\n| `cmd/` | the program |\n| `old/` | gone |\n"
        found = documents.judge_code_map(text, ["cmd", "vmm"])
        self.assertEqual(len(found), 2, found)

    def test_links_and_paths(self):
        self.assertTrue(documents.judge_links(
            "docs/a.md", "[b](b.md)", lambda path: False))
        self.assertFalse(documents.judge_links(
            "docs/a.md", "[b](b.md#c)", lambda path: path == "docs/b.md"))
        self.assertTrue(documents.judge_paths(
            "a.md", "`lib/gone.h`", lambda path: False))

    def test_threats(self):
        good = "| T1 | a | b | `tests/a` |\n"
        self.assertEqual(documents.judge_threats(
            good, lambda path: True, lambda path: ""), [])
        self.assertTrue(documents.judge_threats(
            good, lambda path: False, lambda path: ""))
        self.assertTrue(documents.judge_threats(
            "| T1 | a | b | none |\n", lambda path: True, lambda path: ""))
        self.assertTrue(documents.judge_threats(
            "| T2 | a | b | `tests/a` |\n", lambda p: True, lambda p: ""))
        self.assertTrue(documents.judge_threats(
            "| T1 | a | b | `vmm/a_test.cc:Gone` |\n", lambda path: True,
            lambda path: "TEST(A, Other)"))

    def test_readme(self):
        self.assertTrue(documents.judge_readme("```\nmake\nmake test\n```\n"))
        self.assertFalse(documents.judge_readme(
            "```\nmake demo   # one\nmake test\n```\n"))


class Analysis(Scratch):
    """The settings of clang-tidy and clang-format are in force."""

    def tidy(self, path, text):
        for name in (".clang-tidy", "lib/format/.clang-tidy", ".clang-format"):
            with open(os.path.join(ROOT, name)) as file:
                self.write(name, file.read())
        self.write(path, text)
        done = self.run_in("clang-tidy-14", "--quiet", path, "--",
                           "-std=c++20")
        return done.returncode, done.stdout

    def test_pointers_in_a_format(self):
        text = ("int Sum(const int* p);\n"
                "int Sum(const int* p) { return p[1] + *(p + 2); }\n")
        status, out = self.tidy("lib/format/a.cc", text)
        self.assertNotEqual(status, 0)
        self.assertIn("pro-bounds-pointer-arithmetic", out)
        self.assertEqual(self.tidy("lib/base/a.cc", text)[0], 0)

    def test_recursion(self):
        status, out = self.tidy(
            "vmm/a.cc", "int F(int n) { return n > 0 ? F(n - 1) : 0; }\n")
        self.assertNotEqual(status, 0)
        self.assertIn("misc-no-recursion", out)

    def test_format(self):
        self.tidy("a.cc", "int  x ;\n")
        done = self.run_in("clang-format-14", "--dry-run", "-Werror", "a.cc")
        self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    result = unittest.main(exit=False, argv=[sys.argv[0], "-b"],
                           testRunner=unittest.TextTestRunner(
                               stream=open(os.devnull, "w"))).result
    for _, trace in result.failures + result.errors:
        print(trace)
    wrong = len(result.failures) + len(result.errors)
    print(f"architecture: self-test: {result.testsRun - wrong} of "
          f"{result.testsRun} checks can fail")
    sys.exit(1 if wrong else 0)
