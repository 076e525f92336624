#!/usr/bin/env python3
"""check_bits.py PROGRAM [arguments of `mnist train`]: trains the same for 1, 2, 3 and 7 threads and for each instruction set with
fused multiply-add; the losses in the log, the result and the weights must be the same to the last bit."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SETS, THREADS = ("v4", "v3"), (1, 2, 3, 7)
MAY_DIFFER = ("threads", "isa", "images_per_second", "seconds", "seconds_total", "seconds_training", "peak_rss_mb")


def lasting(text):
    """A JSON object without times and what they were measured with."""
    return {key: value for key, value in json.loads(text).items() if key not in MAY_DIFFER}


def run(program, arguments, isa, threads, folder):
    # Threads that wait sleep: there may be more of them than processors.
    environment = {**os.environ, "SIX_ISA": isa, "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run([program, "train", *arguments, "--threads", str(threads), "--out", folder, "--overwrite"], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 2 and "SIX_ISA" in done.stderr:
        return None
    if done.returncode != 0:
        sys.exit(f"{isa}, {threads} threads: exit code {done.returncode}: {done.stderr.strip()}")
    log = [lasting(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    result = json.loads((folder / "result.json").read_text())
    print(f"{isa}, {threads} threads: loss {log[1]['loss']!r} in training, {result['test_loss']!r} on the test images; "
          f"weights {weights[:16]}; {result['seconds_training']:.2f} s", flush=True)
    return log, lasting(json.dumps(result)), weights


def main():
    program, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        results = {isa: [run(program, arguments, isa, threads, pathlib.Path(folder)) for threads in THREADS] for isa in SETS}
    there = {isa: of_set for isa, of_set in results.items() if all(of_set)}
    if not there:
        sys.exit("this machine has no instruction set with fused multiply-add")
    every = [result for of_set in there.values() for result in of_set]
    if any(result != every[0] for result in every):
        sys.exit("the results differ")
    print(f"the same bits in {len(every)} trainings: {' and '.join(there)}, {', '.join(map(str, THREADS))} threads; "
          f"not on this machine: {', '.join(isa for isa in SETS if isa not in there) or 'none'}")


if __name__ == "__main__":
    main()
