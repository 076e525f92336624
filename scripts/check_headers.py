#!/usr/bin/env python3
"""check_headers.py [--root DIR] --build DIR: every header compiles alone, with the flags that the build folder uses in its folder."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import sources


def first_part(compiled):
    """The source itself; of several that CMake compiles as one, the first."""
    if compiled.parent.name != "Unity" or not compiled.is_file():
        return str(compiled)
    return re.search(r'#include "([^"]+)"', compiled.read_text(encoding="utf-8")).group(1)


def flags_by_folder(root, build):
    """Top-level folder -> (working folder, compiler and flags), from the first source of that folder; "" is any."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        words = shlex.split(entry["command"])
        if any(word.startswith("-DSIX_ISA=") for word in words):
            continue  # a kernel unit; headers are for host code too
        compiled = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        source = first_part(pathlib.Path(compiled))
        kept, skip = [], False
        for word in words:
            if skip or word in ("-o", "-MF", "-MT", "-c"):
                skip = not skip and word in ("-o", "-MF", "-MT")
            elif os.path.realpath(os.path.join(entry["directory"], word)) != compiled and word not in ("-MD", "-MMD"):
                kept.append(word)
        folder = os.path.relpath(source, os.path.realpath(root)).split(os.sep)[0]
        found.setdefault(folder, (entry["directory"], kept))
        found.setdefault("", (entry["directory"], kept))
    return found


def compile_alone(root, header, flags):
    directory, command = flags
    command = command + ["-Wall", "-Wextra", "-Wshadow", "-Werror", "-fsyntax-only", "-x", "c++", "-"]
    result = subprocess.run(command, cwd=directory, input=f'#include "{(root / header).resolve()}"\n', capture_output=True, text=True)
    return f"{header} does not compile alone:\n{result.stderr}" if result.returncode else None


def folder_of(header):
    """The folder whose flags a header needs. The library does without Eigen: its maps are compiled as the tests are."""
    return "tests" if header.name == "eigen.h" else header.parts[0]


def check(root, build):
    flags = flags_by_folder(root, build)
    headers = [h for h in sources.cpp_files(root) if h.suffix == ".h"]
    if not headers:
        return [f"{root}: no headers found"], 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_alone, root, h, flags.get(folder_of(h), flags[""])) for h in headers]
    return [job.result() for job in jobs if job.result()], len(headers)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    problems, count = check(arguments.root, arguments.build)
    print("\n".join(problems + [f"headers: {count} compiled alone, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
