#!/usr/bin/env python3
"""kill_loop.py PROGRAM KILLS: `mnist train` is killed (SIGKILL) at random moments and resumed; weights and log of every run must be those
of one that nobody disturbed."""
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TRAIN = ["train", "--config", "digits", "--epochs", "6"]
TIMES = ("seconds", "images_per_second", "threads")


def result_of(run):
    """Weights, model and log of a run, without what depends on time and threads."""
    log = [{k: v for k, v in json.loads(line).items() if k not in TIMES} for line in (run / "metrics.jsonl").read_text().splitlines()]
    return (run / "model.safetensors").read_bytes(), (run / "model.json").read_bytes(), log


def kill_loop(program, folder, kills, seed):
    """How many of the runs ended in the bits of the undisturbed one; each was killed at least once."""
    rng = random.Random(seed)
    command = lambda out: [program, *TRAIN, "--out", folder / out, "--threads", str(rng.choice((1, 2, 3)))]
    begin = time.monotonic()
    subprocess.run(command("whole"), check=True, stdout=subprocess.DEVNULL)
    duration, whole = time.monotonic() - begin, result_of(folder / "whole")
    equal = done = 0
    while done < kills:
        run, killed = folder / "run", 0
        shutil.rmtree(run, ignore_errors=True)
        while True:
            options = ["--resume", "--checkpoint-every", str(rng.choice((1, 2, 5, 9, 50)))]
            with subprocess.Popen([*command("run"), *options], stdout=subprocess.DEVNULL) as process:
                if killed == 0 or rng.random() < 0.3:
                    try:
                        process.wait(rng.uniform(0, 1.5 * duration))
                    except subprocess.TimeoutExpired:
                        process.kill()
                code = process.wait()
            killed += code == -signal.SIGKILL
            if code == 0:
                break
            if code != -signal.SIGKILL:
                print(f"run {done}: exit code {code}")
                return equal
        if killed == 0:
            continue  # it was over before its moment came
        done += 1
        equal += result_of(run) == whole and not list(run.glob("*.tmp.*"))
    return equal


def main():
    program, kills = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
    seed = random.randrange(2**32)
    with tempfile.TemporaryDirectory() as folder:
        equal = kill_loop(program, pathlib.Path(folder), kills, seed)
    print(f"{equal} of {kills} killed and resumed runs ended in the bits of the undisturbed one (seed {seed})")
    sys.exit(equal != kills)


if __name__ == "__main__":
    main()
