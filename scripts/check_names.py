#!/usr/bin/env python3
"""check_names.py [--root DIR]: names inside the library's sources are used once.

Several sources are compiled as one, where functions of the same name in two unnamed namespaces would overload each other unnoticed.
"""
import argparse
import collections
import pathlib
import re
import sys

import sources

ROOMS = ("core", "layers", "optim", "data", "train", "deploy")
UNNAMED = re.compile(r"^namespace \{$(.*?)^\}  // namespace$", re.S | re.M)
FUNCTION = re.compile(r"(?:template ?<.*?> )?(?:[\w:]+(?:<[^()]*>)?[ &*]+)+(\w+)\(")
TYPE = re.compile(r"(?:struct|class|enum class|using) (\w+)\b(?!::)")
CONSTANT = re.compile(r"(?:static |inline )?(?:constexpr|const) [\w:<>, *]*?\b(k[A-Z]\w*)\b")


def names(text):
    """What the unnamed namespaces of a source declare at their outermost level, where lines are not indented."""
    found = set()
    for block in UNNAMED.findall(text):
        for line in sources.without_comments(block).split("\n"):
            for pattern in (CONSTANT, TYPE, FUNCTION):
                match = pattern.match(line)
                if match:
                    found.add(match.group(1))
                    break
    return found


def check(root):
    used, paths = collections.defaultdict(list), []
    for path in sources.cpp_files(root):
        if path.suffix == ".cpp" and path.parts[0] in ROOMS and "kernels" not in path.parts:
            paths.append(path)
            for name in names((root / path).read_text(encoding="utf-8")):
                used[name].append(str(path))
    problems = [f"{name} is the name of different things in {' and '.join(where)}" for name, where in sorted(used.items()) if len(where) > 1]
    return problems, len(paths)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    problems, count = check(parser.parse_args().root)
    print("\n".join(problems + [f"names: {count} files, {len(problems)} problems"]))
    return 1 if problems or not count else 0


if __name__ == "__main__":
    sys.exit(main())
