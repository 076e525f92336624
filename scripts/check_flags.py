#!/usr/bin/env python3
"""check_flags.py [--root DIR] [--build DIR]: nothing is compiled with flags that let a NaN, an infinity or the sign of zero get lost.

Reads build files, scripts and the pragmas and attributes of sources, and what the build folder really passes to the compiler.
"""
import argparse
import json
import pathlib
import re
import sys

import sources

FORBIDDEN = ("fast-math", "finite-math-only", "no-signed-zeros", "unsafe-math-optimizations", "associative-math", "reciprocal-math")
FLAG = re.compile(r"-f(?:" + "|".join(FORBIDDEN) + r")\b|-Ofast\b")
IN_SOURCE = re.compile(r"(?:pragma[^\n]*(?:optimize|float_control|fp reassociate)|__attribute__\s*\(\(\s*optimize|gnu::optimize)[^\n]*")
EXEMPT = (pathlib.Path(__file__).name, "check_deploy.py")  # emitted C computes with integers: it is tried under these flags, too
BUILD_FILES = {".txt", ".cmake", ".in", ".json", ".sh", ".py", ""}


def check(root, build=None):
    problems, count = [], 0
    for path in sources.files(root):
        if path.name in EXEMPT or path.parts[:2] == ("tests", "scripts") or "golden" in path.parts:
            continue
        if path.suffix not in sources.CPP | BUILD_FILES:
            continue
        count += 1
        text = (root / path).read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.split("\n"), 1):
            if path.suffix in sources.CPP:
                code = IN_SOURCE.search(line)
                bad = code and re.search("|".join(FORBIDDEN) + "|Ofast", code.group())
            else:
                bad = FLAG.search(line)
            if bad:
                problems.append(f"{path}:{number}: {bad.group()}")
    if build:
        for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
            bad = FLAG.search(entry["command"])
            if bad:
                problems.append(f"{entry['file']}: compiled with {bad.group()}")
    if not count:
        problems.append(f"{root}: no files found")
    return problems, count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--build", type=pathlib.Path)
    arguments = parser.parse_args()
    problems, count = check(arguments.root, arguments.build)
    print("\n".join(problems + [f"flags: {count} files, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
