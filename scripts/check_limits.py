#!/usr/bin/env python3
"""check_limits.py [root]: files stay within 400 lines, C++ functions within 60; prints the totals per folder."""
import collections
import pathlib
import re
import sys

import sources

MAX_FILE, MAX_FUNCTION = 400, 60
CODE = sources.CPP | {".py", ".sh", ".cmake", ".txt"}
TOKEN = re.compile(r"[A-Za-z_]\w*|::|->|[^\s\w]|\d[\w.']*")
RECORDS = {"class", "struct", "union", "enum"}
NOT_PARAMETERS = {"alignas", "decltype", "noexcept", "requires", "sizeof", "__attribute__", "explicit"}


def tokens(text):
    """(token, line) of C++ without comments and preprocessor lines; a literal is one token."""
    text = sources.without_comments(text)
    text = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: "\n" * m.group().count("\n"), text, flags=re.M)
    text = re.sub(r"\"([^\"]*)\"", lambda m: '""' + "\n" * m.group().count("\n"), text)
    line, at = 1, 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        yield match.group(), line


def outer_groups(head):
    """Names before the parenthesis groups of `head`, template lists and attributes left out, and its tokens outside of them."""
    names, flat, depth, square, angle = [], [], 0, 0, 0
    for i, token in enumerate(head):
        before = head[i - 1] if i else ""
        if token == "(":
            if depth == 0 and square == 0 and angle == 0:
                names.append(before)
            depth += 1
        elif token == ")":
            depth -= 1
        elif token == "[":
            square += 1
        elif token == "]":
            square -= 1
        elif token == "<" and depth == 0 and (angle or re.match(r"[A-Za-z_]", before)) and before != "operator":
            angle += 1
        elif token == ">" and angle and depth == 0:
            angle -= 1
        elif depth == 0 and square == 0 and angle == 0:
            flat.append(token)
    return names, flat, depth


def kind(head):
    """What the brace after `head` opens at namespace or class scope: "scope", "function", "init" (of a member) or "value"."""
    names, flat, depth = outer_groups(head)
    last = head[-1] if head else ""
    if depth > 0:  # inside parentheses: a lambda, or a braced value
        return "function" if last in (")", "]", "mutable", "noexcept") else "value"
    if not head or "namespace" in flat or flat[:1] == ["extern"] and len(flat) == 1 + (last == '"') * 2 or head[0] == "TEST_SUITE":
        return "scope"
    parameters = any(name not in NOT_PARAMETERS for name in names)
    if any(word in RECORDS for word in flat) and not parameters:
        return "scope"
    if last in ("=", ",", "return") or (last == "]" and "=" not in flat) or (not parameters and "=" not in flat and last != "]"):
        return "value"
    if parameters and ":" in flat and last not in (")", "{}", "try"):
        return "init"
    if "=" in flat and last not in (")", "]", "mutable", "noexcept", "constexpr") and "->" not in flat:
        return "value"
    return "function"


def functions(text):
    """(name, first line, last line) of each function, a lambda inside one being part of it."""
    stack, head, found = [], [], []  # stack: [kind, first line, name, head to restore]
    inside = 0
    first = None
    for token, line in tokens(text):
        if token == "{":
            opened = "block" if inside else kind([t for t, _ in head])
            start = head[0][1] if head else line
            stack.append((opened, start, signature(head), head))
            inside += opened == "function"
            head = []
        elif token == "}":
            if not stack:
                break
            opened, start, name, before = stack.pop()
            if opened == "function":
                inside -= 1
                found.append((name, start, line))
            depth = outer_groups([t for t, _ in before])[2]
            keeps = opened in ("init", "value") or (opened == "function" and depth > 0)
            head = before + [("{}", line)] if keeps and not inside else []
        elif token == ";" and not inside and outer_groups([t for t, _ in head])[2] > 0:
            head.append((token, line))
        elif token == ";":
            head = []
        elif token == ":" and not inside and head and head[-1][0] in ("public", "private", "protected"):
            head = []
        elif not inside and not (head and head[-1][0] == "operator" and token != "(" and not re.match(r"[A-Za-z_]", token)):
            head.append((token, line))  # the symbols of an operator's name would look like an assignment or a template list
    return found


def signature(head):
    words = [t for t, _ in head]
    if words[:1] and words[0] == "template":  # skip its list
        depth = 0
        for i, token in enumerate(words[1:], 1):
            depth += (token == "<") - (token == ">")
            if depth == 0:
                words = words[i + 1:]
                break
    names = [words[i - 1] for i, t in enumerate(words) if t == "(" and i and re.match(r"[A-Za-z_]", words[i - 1])]
    return names[0] if names else " ".join(words[:4])


def check(root):
    root = pathlib.Path(root)
    problems, totals = [], collections.defaultdict(lambda: [0, 0, 0, 0])
    for path in sources.files(root):
        if path.suffix not in CODE or "golden" in path.parts:
            continue
        text = (root / path).read_text(encoding="utf-8")
        lines = text.count("\n")
        total = totals[str(path.parent)]
        total[0] += 1
        total[1] += lines
        if lines > MAX_FILE:
            problems.append(f"{path}: {lines} lines, the limit is {MAX_FILE}")
        for name, first, last in functions(text) if path.suffix in sources.CPP else []:
            length = last - first + 1
            total[2] += 1
            total[3] = max(total[3], length)
            if length > MAX_FUNCTION:
                problems.append(f"{path}:{first}: {name} has {length} lines, the limit is {MAX_FUNCTION}")
    if not totals:
        problems.append(f"{root}: no source files found")
    return problems, totals


def main():
    problems, totals = check(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    print(f"{'folder':24}{'files':>7}{'lines':>8}{'functions':>11}{'longest':>9}")
    for folder, (count, lines, number, longest) in sorted(totals.items()):
        print(f"{folder:24}{count:7}{lines:8}{number:11}{longest:9}")
    sums = [sum(t[i] for t in totals.values()) for i in range(3)]
    print(f"{'total':24}{sums[0]:7}{sums[1]:8}{sums[2]:11}{max([t[3] for t in totals.values()], default=0):9}")
    print("\n".join(problems + [f"limits: {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
