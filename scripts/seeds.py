#!/usr/bin/env python3
"""seeds.py CONFIG [--seeds N] [--data DIR] [--qat] [options of `mnist train`, behind --]: trains CONFIG with the seeds 1 to N, writes
each net as C, compiles that and runs it on the test images. With --qat each net is also trained on, as integers and, for comparison,
in floating point. Prints every figure, and mean and worst as rows of a Markdown table. Trainings that are done are not repeated."""
import argparse
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from check_deploy import DRIVER, STRICT, numbers, test_images

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRAINING = ROOT / "examples/training"


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/seeds.py", description=__doc__)
    parser.add_argument("config", help="a name or file; -- and options of `mnist train` may follow all others")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--data", default=os.environ.get("MNIST_DIR"), help="the four files of MNIST ($MNIST_DIR)")
    parser.add_argument("--bin", default=ROOT / "build/release/bin", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="for the runs (build/seeds/CONFIG)")
    parser.add_argument("--qat", action="store_true")
    parser.add_argument("--threads", default="0")
    own, _, more = "\0".join(sys.argv[1:]).partition("\0--\0")
    options = parser.parse_args(own.split("\0") if own else [])
    options.more = more.split("\0") if more else []
    if not options.data or options.seeds < 1:
        parser.error("--data or $MNIST_DIR must name the files of MNIST, and --seeds be positive")
    options.out = options.out or ROOT / "build/seeds" / pathlib.Path(options.config).stem
    return options


def run(command, log):
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as file:
        done = subprocess.run([str(part) for part in command], stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{log}: exit code {done.returncode}")


def accuracy_of_c(folder, images, labels):
    """Of the compiled file."""
    (folder / "main.c").write_text(DRIVER)
    subprocess.run(["cc", *STRICT, "-O3", "-march=native", "net.c", "main.c", "-o", "net"], cwd=folder, check=True)
    subprocess.run(["./net", images, "logits"], cwd=folder, check=True)
    logits = numbers(folder / "logits")
    rows = [list(logits[i:i + 10]) for i in range(0, len(logits), 10)]
    return sum(row.index(max(row)) == label for row, label in zip(rows, labels, strict=True)) / len(rows)


class Study:
    def __init__(self, options):
        self.o = options
        options.out.mkdir(parents=True, exist_ok=True)
        images = test_images(options.data)
        self.images = (options.out / "images").resolve()
        self.images.write_bytes(images)
        self.labels = test_images(options.data, "labels-idx1", 8)

    def recipe(self, command):
        """What decides a training: the program, the command, and the files that it names."""
        parts = [pathlib.Path(part) for part in map(str, command)]
        files = [self.o.bin / "mnist", *(part for part in parts if part.is_file()), *(part / "model.safetensors" for part in parts if part.is_dir())]
        return "\n".join([*map(str, command), *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)]) + "\n"

    def net(self, name, command):
        """Accuracy in floating point and of the C file, and seconds of training, of a training that `command` is."""
        folder = self.o.out / name
        begin = time.monotonic()
        made_by, recipe = folder / "made-by", self.recipe(command)
        if not (folder / "result.json").exists() or not made_by.exists() or made_by.read_text() != recipe:
            common = ["--data", self.o.data, "--threads", self.o.threads, "--out", folder, "--overwrite"]
            run([self.o.bin / "mnist", "train", *command, *common], self.o.out / f"{name}.log")
            made_by.write_text(recipe)
        result = json.loads((folder / "result.json").read_text())
        run([self.o.bin / "deploy", folder, "--name", "net", "--out", folder / "c", "--data", self.o.data], self.o.out / f"{name}.deploy")
        report = json.loads((folder / "c/report.json").read_text())
        row = {"name": name, "float": report["accuracy"]["float"], "c": accuracy_of_c(folder / "c", self.images, self.labels),
               "seconds": result["seconds_training"], "parameters": result["parameters"], "flash": report["flash_bytes"]}
        print(f"{name}: float {100 * row['float']:.2f} %, C {100 * row['c']:.2f} %, {row['seconds']:.0f} s of training "
              f"({time.monotonic() - begin:.0f} s here)", flush=True)
        return row

    def seed(self, seed):
        """The nets of one seed: as trained, and trained on."""
        name = f"seed{seed}"
        rows = {"after training": self.net(name, ["--config", self.o.config, "--seed", seed, *self.o.more])}
        for what, config in (("quantisation-aware", "qat"), ("float trained on", "more")) if self.o.qat else ():
            rows[what] = self.net(f"{name}-{config}", ["--from", self.o.out / name, "--config", TRAINING / f"{config}.json", "--seed", seed])
        return rows


def line(what, values):
    return f"| {what} | {100 * statistics.mean(values):.3f} % | {100 * min(values):.2f} % | {len(values)} |"


def losses(title, before, after):
    points = [100 * (a["float"] - b["c"]) for a, b in zip(before, after)]
    return f"| {title} | {statistics.mean(points):.3f} points | {max(points):.2f} points | {len(points)} |"


def main():
    options = arguments()
    study = Study(options)
    seeds = [study.seed(seed) for seed in range(1, options.seeds + 1)]
    first = seeds[0]["after training"]
    print(f"\n{options.config}: {first['parameters']} parameters, {first['flash']} bytes of constants, "
          f"{statistics.mean(s['after training']['seconds'] for s in seeds):.0f} s of training each")
    print("| | mean | worst | seeds |\n|---|---|---|---|")
    for what in seeds[0]:
        rows = [s[what] for s in seeds]
        print(line(f"{what}, float", [r["float"] for r in rows]))
        if what != "float trained on":
            print(line(f"{what}, compiled C", [r["c"] for r in rows]))
    trained = [s["after training"] for s in seeds]
    print(losses("float minus C, after training", trained, trained))
    if options.qat:
        print(losses("float trained on minus C, quantisation-aware", [s["float trained on"] for s in seeds],
                     [s["quantisation-aware"] for s in seeds]))


if __name__ == "__main__":
    main()
