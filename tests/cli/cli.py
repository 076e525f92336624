"""What the tests of programs share: running one, small data sets, and what every refusal must look like."""
import gzip
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests started in the background of a script get it ignored, and so would programs

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else None


def environment(**changes):
    """The environment without MNIST_DIR, changed; None removes a variable."""
    changed = {**os.environ, "MNIST_DIR": None, **changes}
    return {name: value for name, value in changed.items() if value is not None}


def idx(dims, data, kind=8):
    return struct.pack(">HBB", 0, kind, len(dims)) + struct.pack(f">{len(dims)}I", *dims) + bytes(data)


def mnist_files(folder, train=48, test=16, side=28):
    """A set stored like MNIST: the label is the column of a bright bar."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("t10k", test)):
        labels = [i % 10 for i in range(count)]
        images = bytearray()
        for label in labels:
            image = bytearray(side * side)
            for y in range(4, side - 4):
                image[y * side + 4 + 2 * label] = 255
            images += image
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx([count, side, side], images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx([count], labels)))


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_program(self, *arguments, env=None, timeout=300):
        # Sanitizers write to stderr only when they find something, and then the exit code is theirs.
        return subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, env=env or environment(), capture_output=True, text=True,
                              timeout=timeout)

    def succeeds(self, *arguments, **options):
        result = self.run_program(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        return result.stdout

    def refuses(self, *arguments, says=(), code=2, **options):
        """Exit code 2, one line on stderr that holds all of `says`, and no file made or changed."""
        before = self.snapshot()
        result = self.run_program(*arguments, **options)
        self.assertEqual(result.returncode, code, (arguments, result.stdout, result.stderr))
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertLess(len(result.stderr), 2000)
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, result.stderr)
        if code == 2:
            self.assertEqual(self.snapshot(), before, arguments)
        return result

    def loses_output(self, *arguments, program=None):
        """Exit code 2 and one line at the end, if nobody reads what the program prints."""
        reads, writes = os.pipe()
        os.close(reads)
        result = subprocess.run([program or PROGRAM, *arguments], cwd=self.folder, env=environment(), stdout=writes, stderr=subprocess.PIPE, text=True,
                                timeout=300)
        os.close(writes)
        self.assertEqual((result.returncode, result.stderr), (2, f"{(program or PROGRAM).name}: the output cannot be written: Broken pipe\n"))

    def snapshot(self):
        return {p.relative_to(self.folder): p.read_bytes() if p.is_file() else None for p in self.folder.rglob("*")}


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def main():
    unittest.main(verbosity=1)
