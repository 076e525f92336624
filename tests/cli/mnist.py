#!/usr/bin/env python3
"""mnist.py PROGRAM: what `mnist` does when all is well, from the outside."""
import fcntl
import gzip
import hashlib
import json
import os
import pty
import re
import struct
import termios
import zlib

import cli

DIGITS = ["train", "--config", "digits", "--threads", "1"]
TIMES = ("seconds", "images_per_second")


def png(width, height, pixels):
    rows = b"".join(b"\0" + bytes(pixels[y * width:(y + 1) * width]) for y in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def width(text):
    return len(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text))


class Mnist(cli.Case):
    def train(self, *arguments, out="run", **options):
        text = self.succeeds(*DIGITS, "--out", out, *arguments, **options)
        return text, json.loads((self.folder / out / "result.json").read_text())

    def test_help_and_version(self):
        text = self.succeeds("--help")
        for word in ("train", "eval", "predict", "--version"):
            self.assertIn(word, text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        text = self.succeeds("train", "--help")
        for option in ("config", "data", "epochs", "batch", "seed", "threads", "activation", "validation", "set", "out", "overwrite"):
            self.assertIn("--" + option, text)
        self.assertIn("mobilenet_tiny", text)
        self.assertRegex(text, r"--epochs N  .*\(default:\s+the\s+config's\)")
        self.assertRegex(text, r"(?s)--set PATH=VALUE  .*several\s+times")
        self.assertRegex(text, r"--out DIR  .*\(default: runs/<time>-<name>\)")
        for command in ("eval", "predict"):
            self.assertIn("\n  RUN  ", self.succeeds(command, "--help"))
        self.assertRegex(self.succeeds("predict", "--help"), r"(?s)Usage: mnist predict \[OPTIONS\] RUN \[IMAGE\]\n.*--index N .*\(default: 0\)")
        for command in ("train", "eval", "predict"):
            text = self.succeeds(command, "--help")
            self.assertNotRegex(text, "TEXT|INT|REQUIRED|\\.\\.\\.")
            self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertRegex(self.succeeds("--version"), r"^sixgrad \d+\.\d+\.\d+ \(float(32|64), \w+\)\n$")

    def test_a_run_and_what_it_leaves(self):
        text, result = self.train("--epochs", "8", "--seed", "3")
        folder = self.folder / "run"
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["metrics.jsonl", "model.json", "model.safetensors", "result.json"])
        self.assertEqual(set(result), {"test_accuracy", "test_loss", "seconds_total", "seconds_training", "images_per_second", "parameters",
                                       "peak_rss_mb", "seed", "threads", "data_set", "config_hash", "version"})
        self.assertGreater(result["test_accuracy"], 0.6)
        self.assertLess(result["test_accuracy"], 1)
        self.assertGreater(result["seconds_total"], result["seconds_training"])
        self.assertGreater(result["seconds_training"], 0)
        self.assertGreater(result["images_per_second"], 0)
        self.assertTrue(1 < result["peak_rss_mb"] < 500)
        self.assertEqual((result["seed"], result["threads"], result["data_set"]), (3, 1, "digits"))
        self.assertEqual(result["config_hash"], hashlib.sha256((folder / "model.json").read_bytes()).hexdigest())

        log = cli.lines_of(folder / "metrics.jsonl")
        self.assertEqual(log[0]["format"], "sixgrad-log")
        self.assertEqual(log[0]["config_hash"], result["config_hash"])
        self.assertEqual([line["split"] for line in log[1:]], ["train", "test"] * 8)
        self.assertEqual(log[-1]["accuracy"], result["test_accuracy"])
        self.assertEqual(log[-1]["loss"], result["test_loss"])
        model = json.loads((folder / "model.json").read_text())
        self.assertEqual(model["training"]["epochs"], 8)
        self.assertEqual(model["training"]["seed"], 3)

        # No terminal: plain lines of at most 80 columns, a row for each epoch under its head, the confusion matrix at the end.
        self.assertNotIn("\r", text)
        self.assertNotIn("\x1b", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertEqual(len(re.findall(r"^ +\d+ +\d\.\d{4} +\d+\.\d\d %", text, re.M)), 8)
        matrix = re.findall(r"^ +\d  +[\d.]+ %((?: +(?:\d+|\.)){10})$", text, re.M)
        self.assertEqual(sum(int(n) for row in matrix for n in row.split() if n != "."), 360)

    def test_the_live_bar_fits_the_terminal(self):
        main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        pid = os.fork()
        if pid == 0:
            os.dup2(side, 1)
            os.chdir(self.folder)
            os.environ.update(TERM="xterm", MNIST_DIR="")
            os.execv(cli.PROGRAM, [str(cli.PROGRAM), *DIGITS, "--epochs", "12", "--out", "run"])
        os.close(side)
        text = b""
        try:
            while piece := os.read(main, 4096):
                text += piece
        except OSError:
            pass  # how a terminal ends on Linux
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        painted = [p for p in re.split(r"[\r\n]+", text.decode()) if "left" in p]
        self.assertGreater(len(painted), 0)
        for line in painted:
            self.assertLess(width(line), 80)
            for part in ("epoch ", "loss ", "acc ", "img/s"):
                self.assertIn(part, line)

    def test_the_same_bits_for_any_number_of_threads(self):
        runs = {}
        for threads in (1, 2, 7):
            out = f"threads{threads}"
            self.succeeds("train", "--config", "digits", "--epochs", "3", "--out", out, "--threads", threads)
            log = [{k: v for k, v in line.items() if k not in TIMES} for line in cli.lines_of(self.folder / out / "metrics.jsonl")[1:]]
            runs[threads] = ((self.folder / out / "model.safetensors").read_bytes(), (self.folder / out / "model.json").read_bytes(), log)
        self.assertEqual(runs[1], runs[2])
        self.assertEqual(runs[1], runs[7])

    def test_eval_and_predict_take_the_run(self):
        _, result = self.train("--epochs", "8")
        for run in ("run", "run/model.safetensors"):
            text = self.succeeds("eval", run)
            self.assertIn(f"accuracy {100 * result['test_accuracy']:.2f} %, loss {result['test_loss']:.4f}, 360 images", text)
        self.assertIn("1,437 images", self.succeeds("eval", "run", "--split", "train"))

        text = self.succeeds("predict", "run", "--index", "5")
        self.assertRegex(text, r"prediction \d, label \d\n$")
        rows = re.findall(r"^ +(\d)  +([\d.]+) %", text, re.M)
        self.assertEqual([int(c) for c, _ in rows], list(range(10)))
        self.assertAlmostEqual(sum(float(p) for _, p in rows), 100, delta=0.1)
        self.assertRegex(text.split("\n  0 ")[0], "[░▒▓█]")

        # The same image from files: PGM, PNG, IDX, packed IDX.
        data = gzip.decompress((cli.pathlib.Path(__file__).parents[2] / "data/digits.csv.gz").read_bytes()).splitlines()
        images = [[(int(v) * 255 + 8) // 16 for v in line.split(b",")[:64]] for line in data[1437:1445]]
        files = {"5.pgm": b"P5\n# a comment\n8 8\n255\n" + bytes(images[5]), "5.png": png(8, 8, images[5]),
                 "some.idx": cli.idx([8, 8, 8], sum(images, [])), "some.idx.gz": gzip.compress(cli.idx([8, 8, 8], sum(images, [])))}
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
            index = ["--index", "5"] if "idx" in name else []
            self.assertEqual(self.succeeds("predict", "run", name, *index), text.replace(text[text.index(", label"):], "\n"), name)
        (self.folder / "negative.png").write_bytes(png(8, 8, [255 - p for p in images[5]]))
        self.assertEqual(self.succeeds("predict", "run", "negative.png", "--invert"), self.succeeds("predict", "run", "5.png"))
        # Paper is light; what to do about it is said, and only then.
        self.assertIn("The image is mostly light, perhaps it needs --invert", self.succeeds("predict", "run", "negative.png"))
        self.assertIn("The image is mostly dark, perhaps it is better without --invert", self.succeeds("predict", "run", "5.png", "--invert"))

    def test_flags_override_the_config(self):
        self.train("--epochs", "2", "--batch", "50", "--seed", "18446744073709551615", "--validation", "37", "--activation", "relu", "--set",
                   "training.optimizer.lr=0.003", "--set", "layers.3.out_channels=24", "--set", "training.ema.decay=0.9")
        model = json.loads((self.folder / "run/model.json").read_text())
        training = model["training"]
        self.assertEqual((training["epochs"], training["batch"], training["seed"], training["validation"]), (2, 50, 2**64 - 1, 37))
        self.assertEqual((training["optimizer"]["lr"], training["ema"]["decay"]), (0.003, 0.9))
        self.assertEqual(model["layers"][3]["out_channels"], 24)
        self.assertNotIn("relu6", json.dumps(model["layers"]))
        self.assertEqual(model["layers"][2]["type"], "relu")
        log = cli.lines_of(self.folder / "run/metrics.jsonl")
        self.assertEqual([line["split"] for line in log[1:]], ["train", "validation", "train", "validation", "test"])
        self.assertIn("37 images", self.succeeds("eval", "run", "--split", "validation"))
        self.assertEqual(log[2]["step"], 28)  # 1,400 images

    def test_set_sees_what_the_config_leaves_out(self):
        self.train("--epochs", "1", "--set", "layers.3.activation.at_kink=1", "--set", "training.schedule.type=constant", "--set",
                   "training.ema.decay=0.5", "--set", "training.optimizer.eps=0.001")
        model = json.loads((self.folder / "run/model.json").read_text())
        self.assertEqual(model["layers"][3]["activation"], {"type": "relu6", "at_kink": [1, 1], "trainable": True})
        self.assertEqual(model["training"]["optimizer"]["eps"], 0.001)
        self.assertEqual(model["training"]["schedule"]["type"], "constant")
        config = {"format": "sixgrad-model", "version": 1, "name": "mine", "input": [8, 8, 1],
                  "layers": [{"type": "flatten"}, {"type": "linear", "out_features": 10}]}
        (self.folder / "mine.json").write_text(json.dumps(config))
        self.succeeds("train", "--config", "mine.json", "--epochs", "1", "--out", "mine", "--set", "training.data=digits", "--set",
                      "training.optimizer.lr=0.02", "--set", "training.augmentation.shift=1")
        training = json.loads((self.folder / "mine/model.json").read_text())["training"]
        self.assertEqual((training["optimizer"]["type"], training["optimizer"]["lr"], training["augmentation"]["shift"]), ("adamw", 0.02, 1))

    def test_an_explicit_config_file_and_data_stored_like_mnist(self):
        cli.mnist_files(self.folder / "bars", train=100)
        config = {"format": "sixgrad-model", "version": 1, "name": "mine", "input": [28, 28, 1],
                  "layers": [{"type": "flatten"}, {"type": "linear", "out_features": 10}], "training": {"epochs": 20, "batch": 10}}
        (self.folder / "mine.json").write_text(json.dumps(config))
        self.succeeds("train", "--config", "mine.json", "--data", "bars", "--threads", "1", "--out", "deep/er/run")
        result = json.loads((self.folder / "deep/er/run/result.json").read_text())
        self.assertEqual((result["parameters"], result["data_set"]), (7850, "mnist"))
        self.assertGreater(result["test_accuracy"], 0.9)
        self.assertIn(f"accuracy {100 * result['test_accuracy']:.2f} %", self.succeeds("eval", "deep/er/run", "--data", "bars"))
        self.assertIn("label 3", self.succeeds("predict", "deep/er/run", "--index", "3", env=cli.environment(MNIST_DIR="bars")))

    def test_without_out_the_run_has_a_folder_of_its_own(self):
        for _ in range(2):
            self.succeeds(*DIGITS, "--epochs", "1")
        names = [p.name for p in (self.folder / "runs").iterdir()]
        self.assertEqual(len(names), 2)
        for name in names:
            self.assertRegex(name, r"^\d{8}-\d{6}-digits(-2)?$")

    def test_without_mnist_the_digits_are_trained_on(self):
        cache = self.folder / "cache"
        cache.mkdir()
        offline = cli.environment(XDG_CACHE_HOME=str(cache), PATH=str(self.folder))
        text = self.succeeds("train", "--epochs", "1", "--out", "run", env=offline)
        self.assertEqual(sum("raining on the embedded digits" in line for line in text.splitlines()), 1)
        self.assertEqual(json.loads((self.folder / "run/result.json").read_text())["data_set"], "digits")
        self.refuses("train", "--config", "mobilenet_28", "--out", "other", env=offline, says=["MNIST", "--data", "MNIST_DIR"])
        # Found in $MNIST_DIR, the default is the net for MNIST.
        cli.mnist_files(self.folder / "set", train=20, test=4)
        self.succeeds("train", "--epochs", "1", "--batch", "10", "--out", "found", env=cli.environment(MNIST_DIR=str(self.folder / "set")))
        self.assertEqual(json.loads((self.folder / "found/model.json").read_text())["name"], "mobilenet_28")

    def test_overwriting_has_to_be_asked_for(self):
        self.train("--epochs", "1")
        self.refuses(*DIGITS, "--epochs", "1", "--out", "run", says=["run: holds a run", "--overwrite"])
        self.train("--epochs", "2", "--overwrite")
        self.assertEqual(json.loads((self.folder / "run/model.json").read_text())["training"]["epochs"], 2)


if __name__ == "__main__":
    cli.main()
