"""The files of the project, as the checks see them."""

import os

ROOMS = ("cmd", "compat", "vmm", "proto", "guest", "lib")
ALL = ROOMS + ("tests", "fuzz")


class Tree:
    def __init__(self, root):
        self.root = root

    def text(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8",
                  errors="replace") as file:
            return file.read()

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))

    def files(self, folders, endings):
        """Paths from the root, sorted; a folder may be one file."""
        found = []
        for folder in folders:
            top = os.path.join(self.root, folder)
            if os.path.isfile(top):
                found.append(folder)
            for path, names, files in os.walk(top):
                names[:] = [n for n in names
                            if n not in ("__pycache__", "selftest")]
                found += [os.path.relpath(os.path.join(path, f), self.root)
                          for f in files if f.endswith(endings)]
        return sorted(found)

    def sources(self):
        """Every C++ file of ours."""
        return self.files(ALL, (".h", ".cc"))

    def product_sources(self):
        """What ends up in build/instar."""
        return [path for path in self.files(
            ("cmd", "compat", "vmm", "guest", "lib"), (".cc",))
                if not path.endswith("_test.cc")]

    def documents(self):
        return self.files(("README.md", "docs", "lib", "baselines/README.md"),
                          (".md",))
