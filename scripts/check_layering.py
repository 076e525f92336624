#!/usr/bin/env python3
"""check_layering.py [root]: every #include goes down the layers of docs/DESIGN.md and names no other third party."""
import pathlib
import posixpath
import re
import sys

import sources

# What the files of a room may include of ours, besides their own room.
ALLOWED = {
    "core": {"kernels"},
    "tape": {"core", "kernels"},
    "kernels": set(),
    "ops": {"core", "tape", "kernels"},
    "data": {"core", "tape", "ops", "kernels"},
    "optim": {"core"},
    "layers": {"core", "tape", "ops", "kernels", "data"},
    "train": {"core", "tape", "ops", "kernels", "data", "layers", "optim"},
}
ALLOWED["deploy"] = {"train"} | ALLOWED["train"]
ALLOWED["examples"] = {"deploy", "umbrella"} | ALLOWED["deploy"]
ALLOWED["bench"] = {"examples"} | ALLOWED["examples"]
ALLOWED["umbrella"] = {"deploy"} | ALLOWED["deploy"]
ALLOWED["tests"] = {"examples", "bench"} | ALLOWED["examples"]

# Files of core/ that know the tape; all others stand below it.
TAPE = {"tape", "gradcheck"}

# Single edges that no room has: file, file it may include.
EDGES = {
    ("core/tape.cpp", "core/ops/materialize.h"),  # the tape materialises through one ordinary op, the identity
    ("core/kernels/dispatch.cpp", "core/error.h"),  # host code
}
KERNEL_HOST = {"core/kernels/dispatch.h", "core/kernels/dispatch.cpp"}  # compiled once, may use the standard library

# Third-party headers by pattern, and who may include them (rooms or files by pattern).
THIRD_PARTY = [
    (r"nlohmann/", r"(data|layers|train|deploy|examples|bench|tests)/"),
    (r"doctest/", r"tests/"),
    (r"omp\.h", r"core/parallel\.h"),
    (r"Eigen/", r"core/eigen\.h|core/[^/]+\.cpp|core/ops/[^/]+\.cpp|tests/"),
    (r"CLI/", r"(examples|bench)/"),
    (r"boost/math/", r"examples/study/"),
    (r"(png|zlib)\.h", r"(data|tests)/"),
    (r"(dirent|fcntl|poll|signal|spawn|unistd)\.h|sys/[a-z]+\.h", r"(core/[^/]+\.cpp|data|train|examples|bench|tests)"),
]
INTRINSICS = {"immintrin.h", "arm_neon.h", "cpuid.h"}
C_HEADERS = {"stdint.h", "stddef.h", "string.h", "math.h", "float.h", "limits.h"}
STANDARD = set("""
algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes climits cmath codecvt compare complex
concepts condition_variable coroutine csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime cuchar cwchar deque exception execution
filesystem format forward_list fstream functional future initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map
memory memory_resource mutex new numbers numeric optional ostream queue random ranges ratio regex semaphore set shared_mutex source_location span
sstream stack stdexcept stop_token streambuf string string_view syncstream system_error thread tuple type_traits typeindex typeinfo unordered_map
unordered_set utility valarray variant vector version""".split())

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def room(path):
    parts = path.split("/")
    if path == "sixgrad.h":
        return "umbrella"
    if parts[0] != "core":
        return parts[0]
    if len(parts) > 2:
        return parts[1]
    return "tape" if parts[1].rsplit(".", 1)[0] in TAPE else "core"


def check_ours(path, target, exists):
    """The problem with `path` including our file `target`, or None."""
    if not exists:
        return f"includes {target}, which does not exist (paths are relative to the file)"
    here, there = room(path), room(target)
    if here == "kernels" and path not in KERNEL_HOST and target in KERNEL_HOST:
        return f"includes {target}: kernels are chosen by host code, never the other way round"
    if here == there or (path, target) in EDGES:
        return None
    if here == "kernels":
        return None if target == "core/real.h" else f"includes {target}: kernels know core/real.h only"
    if there not in ALLOWED.get(here, set()):
        return f"includes {target}: {here} may include {', '.join(sorted(ALLOWED.get(here, set()))) or 'nothing'}"
    return None


def check_theirs(path, header):
    """The problem with `path` including <header>, or None."""
    if header == "sixgrad.h":
        return None if "umbrella" in ALLOWED.get(room(path), set()) else f"includes <sixgrad.h>: only programs and tests may"
    if room(path) == "kernels" and path not in KERNEL_HOST:
        if header in INTRINSICS | C_HEADERS:
            return None
        return f"includes <{header}>: kernels may include intrinsics and C headers only"
    if header in STANDARD | INTRINSICS | C_HEADERS | {"stdio.h", "stdlib.h"}:
        return None
    for pattern, allowed in THIRD_PARTY:
        if re.match(pattern, header):
            return None if re.match(allowed, path) else f"includes <{header}>: allowed in {allowed} only"
    return f"includes <{header}>, which is neither standard nor a dependency of the project"


def check_file(root, path):
    raw = (root / path).read_text(encoding="utf-8")
    code = sources.without_comments(raw)
    problems = []
    for match in INCLUDE.finditer(raw):
        line = raw.count("\n", 0, match.start()) + 1
        if "#" not in code[match.start():match.end()]:
            continue  # inside a comment or a literal
        name = match.group(2)
        if match.group(1) == '"':
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            problem = check_ours(path, target, not target.startswith("..") and (root / target).is_file())
        else:
            problem = check_theirs(path, name)
        if problem:
            problems.append(f"{path}:{line}: {problem}")
    if path != "core/parallel.h":
        for match in re.finditer(r"#\s*pragma\s+omp|\b_OPENMP\b|\bomp_\w+\s*\(", code):
            problems.append(f"{path}:{code.count(chr(10), 0, match.start()) + 1}: names OpenMP: only core/parallel.h may")
    if path.endswith(".h") and not re.search(r"^#pragma once$", raw, re.M):
        problems.append(f"{path}:1: a header without #pragma once")
    return problems


def check(root):
    root = pathlib.Path(root)
    paths = [str(p) for p in sources.cpp_files(root) if not str(p).startswith("tests/consumer/")]
    if not paths:
        return [f"{root}: no C++ files found"], 0
    return [problem for path in paths for problem in check_file(root, path)], len(paths)


def main():
    problems, count = check(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    print("\n".join(problems + [f"layering: {count} files, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
