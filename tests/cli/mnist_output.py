#!/usr/bin/env python3
"""mnist_output.py PROGRAM: output that goes nowhere, files that may not grow, signals that are ignored."""
import json
import os
import resource
import signal
import subprocess
import time

import cli

DIGITS = ["train", "--config", "digits", "--epochs", "2", "--out", "run"]


class Output(cli.Case):
    def run_with(self, *arguments, **options):
        options = {"stderr": subprocess.PIPE, **options}
        process = subprocess.Popen([cli.PROGRAM, *arguments], cwd=self.folder, env=cli.environment(), text=True, **options)
        errors = process.communicate(timeout=300)[1]
        return process.returncode, errors

    def lost(self, result):
        code, errors = result
        self.assertEqual(code, 2, errors)
        self.assertTrue(errors.startswith("mnist: the output cannot be written"), errors)
        self.assertEqual(errors.count("\n"), 1, errors)

    def whole(self):
        self.assertEqual(sorted(p.name for p in (self.folder / "run").iterdir()),
                         ["metrics.jsonl", "model.json", "model.safetensors", "result.json"])
        json.loads((self.folder / "run/model.json").read_text())
        return (self.folder / "run/model.safetensors").read_bytes()

    def test_a_training_goes_on_without_output_and_says_so_at_the_end(self):
        self.succeeds(*DIGITS)
        expected = self.whole()
        reads, writes = os.pipe()
        os.close(reads)
        self.lost(self.run_with(*DIGITS, "--overwrite", stdout=writes))
        os.close(writes)
        self.assertEqual(self.whole(), expected)
        self.lost(self.run_with(*DIGITS, "--overwrite", preexec_fn=lambda: os.close(1)))
        self.assertEqual(self.whole(), expected)
        with open("/dev/full", "w") as full:
            self.lost(self.run_with("eval", "run", stdout=full))
            self.lost(self.run_with("--help", stdout=full))

    def test_files_that_may_not_grow_end_the_training_by_an_error_and_leave_nothing_half(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        code, errors = self.run_with(*DIGITS, "--checkpoint-every", "5", stdout=subprocess.DEVNULL, preexec_fn=limit)
        self.assertEqual(code, 2, errors)
        self.assertIn("run/checkpoint-5.safetensors: cannot be written: File too large", errors)
        self.assertEqual(sorted(p.name for p in (self.folder / "run").iterdir()), ["metrics.jsonl", "model.json"])

    def test_a_signal_that_was_ignored_stays_ignored(self):
        process = subprocess.Popen([cli.PROGRAM, *DIGITS[:-3], "4000", "--out", "run"], cwd=self.folder, env=cli.environment(),
                                   stdout=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        log = self.folder / "run/metrics.jsonl"
        rows = lambda: log.read_text().count("\n") if log.exists() else 0
        for _ in range(2):
            before = rows()
            process.send_signal(signal.SIGINT)
            while process.poll() is None and rows() < before + 3:
                time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=120), 128 + signal.SIGTERM)


if __name__ == "__main__":
    cli.main()
