#!/usr/bin/env python3
"""readme_snippets.py --build DIR [--update] [file]: what a page (README.md) shows is true.

- A cpp block with a main() is compiled against the library and run; after <!-- compile only --> it is only compiled. A cpp block
  without main() must stand after <!-- fragment -->, so that nothing is left out by accident.
- A bash or console block after <!-- run --> is executed, in console blocks the lines that start with "$ ".
- The text between <!-- generated: COMMAND --> and <!-- end --> equals the output of COMMAND, run in the project's root; --update rewrites it.
  A fence around the output stays.

Programs of DIR/bin are on the PATH. Snippets run in an empty folder that links to examples/ and data/.
"""
import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(?:^<!-- (?P<mark>[^\n]*?) -->\n+)?^```(?P<language>\w+)\n(?P<body>.*?)^```$", re.M | re.S)
GENERATED = re.compile(r"^<!-- generated: (?P<command>[^\n]+?) -->\n(?P<body>.*?)^<!-- end -->$", re.M | re.S)
FENCED = re.compile(r"\A(\n*```\w*\n)(.*?)(^```\n*)\Z", re.M | re.S)
TIMEOUT = 300


class Runner:
    def __init__(self, build, compiler):
        self.build, self.compiler = build.resolve(), compiler
        self.environment = dict(os.environ, PATH=f"{self.build / 'bin'}:{os.environ['PATH']}")

    def run(self, command, folder):
        """None, or what went wrong; the output is kept in self.output."""
        try:
            result = subprocess.run(command, cwd=folder, env=self.environment, capture_output=True, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return f"took more than {TIMEOUT} s"
        except OSError as error:
            return str(error)
        self.output = result.stdout
        return f"exit code {result.returncode}\n{result.stdout}{result.stderr}" if result.returncode else None

    def compile(self, body, folder, program):
        source = folder / (program + ".cpp")
        source.write_text(body, encoding="utf-8")
        return self.run([*self.compiler, str(source), "-o", str(folder / program), *self.libraries()], folder)

    def libraries(self):
        return [str(self.build / "libsixgrad.a"), "-lpng", "-lz"]

    def example(self, mark, body):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for entry in ("examples", "data"):
                (folder / entry).symlink_to(ROOT / entry)
            problem = self.compile(body, folder, "snippet")
            if not problem and mark != "compile only":
                problem = self.run([str(folder / "snippet")], folder)
            return problem

    def shell(self, language, body):
        if language == "console":
            body = "".join(line[2:] + "\n" for line in body.split("\n") if line.startswith("$ "))
        with tempfile.TemporaryDirectory() as name:
            for entry in ROOT.iterdir():
                if not entry.name.startswith(".") and entry.name not in ("build", "runs"):
                    (pathlib.Path(name) / entry.name).symlink_to(entry)
            return self.run(["bash", "-euo", "pipefail", "-c", body], name)


def check_block(runner, match):
    """(was it checked, problem or None)"""
    mark, language, body = match["mark"] or "", match["language"], match["body"]
    if language == "cpp":
        if re.search(r"\bint main\(", body):
            return True, runner.example(mark, body)
        return False, None if mark == "fragment" else "neither a program nor marked <!-- fragment -->"
    if language in ("bash", "console", "sh") and mark == "run":
        return True, runner.shell(language, body)
    return False, None


def generated(runner, match):
    """(what the part should be, problem or None)"""
    problem = runner.run(shlex.split(match["command"]), ROOT)
    if problem:
        return match["body"], f"<!-- generated: {match['command']} -->: {problem}"
    output = runner.output if runner.output.endswith("\n") else runner.output + "\n"
    fence = FENCED.match(match["body"])
    wanted = fence[1] + output + fence[3] if fence else output
    return wanted, None if wanted == match["body"] else f"differs from the output of `{match['command']}`; readme_snippets.py --update rewrites it"


def check(text, runner):
    """(number of things checked, problems, the text with generated parts renewed)"""
    problems, count = [], 0

    def line(match):
        return text.count("\n", 0, match.start()) + 1

    for match in BLOCK.finditer(text):
        checked, problem = check_block(runner, match)
        count += checked
        if problem:
            problems.append(f"line {line(match)}: {problem}")
    renewed, at = [], 0
    for match in GENERATED.finditer(text):
        wanted, problem = generated(runner, match)
        count += 1
        if problem:
            problems.append(f"line {line(match)}: {problem}")
        renewed += [text[at:match.start("body")], wanted]
        at = match.end("body")
    if text.count("<!-- generated:") != len(GENERATED.findall(text)):
        problems.append("a <!-- generated: --> part has no <!-- end -->")
    return count, problems, "".join(renewed) + text[at:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--compiler", default=f"{os.environ.get('CXX', 'c++')} -std=c++20 -O1 -fopenmp")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("file", type=pathlib.Path, nargs="?", default=ROOT / "README.md")
    arguments = parser.parse_args()
    compiler = shlex.split(arguments.compiler) + ["-I", str(arguments.build.resolve() / "include")]
    text = arguments.file.read_text(encoding="utf-8")
    count, problems, renewed = check(text, Runner(arguments.build, compiler))
    if arguments.update and renewed != text:
        arguments.file.write_text(renewed, encoding="utf-8")
    if not count:
        problems.append("nothing was checked")
    print("\n".join(problems + [f"{arguments.file.name}: {count} snippets checked, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
