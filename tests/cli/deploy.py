#!/usr/bin/env python3
"""deploy.py PROGRAM: from a run folder to compiled C, and what is refused, from the outside."""
import json
import pathlib
import shutil
import struct
import subprocess
import unittest

import cli

MODEL = {"format": "sixgrad-model", "version": 1, "name": "small", "input": [8, 8, 1],
         "layers": [{"type": "conv2d", "out_channels": 6, "bias": False}, {"type": "batch_norm"}, {"type": "relu6"},
                    {"type": "separable", "out_channels": 10, "stride": 2}, {"type": "global_avg_pool"},
                    {"type": "linear", "out_features": 10}],
         "training": {"data": "digits", "epochs": 20, "batch": 32, "optimizer": {"type": "adamw", "lr": 0.02}, "schedule": {"type": "one_cycle"}}}

DRIVER = """#include "digits_net.h"
#include <stdio.h>
int main(void) {
  static uint8_t image[DIGITS_NET_IMAGE];
  static int8_t logits[DIGITS_NET_CLASSES];
  while (fread(image, 1, sizeof image, stdin) == sizeof image) {
    digits_net_predict(image, logits);
    for (int i = 0; i < DIGITS_NET_CLASSES; ++i) printf("%d ", logits[i]);
  }
  return digits_net_selftest();
}
"""


class Deploy(cli.Case):
    mnist = cli.PROGRAM.parent / "mnist"

    def setUp(self):
        super().setUp()
        self.train(MODEL)

    def train(self, model, out="run"):
        (self.folder / "model.json").write_text(json.dumps(model))
        subprocess.run([self.mnist, "train", "--config", "model.json", "--threads", "1", "--out", out, "--overwrite"], cwd=self.folder,
                       env=cli.environment(), check=True, capture_output=True)

    def deploy(self, *arguments, out="c", name="digits_net"):
        text = self.succeeds("run", "--name", name, "--out", out, *arguments)
        return text, json.loads((self.folder / out / "report.json").read_text())

    def test_help(self):
        text = self.succeeds("--help")
        self.assertRegex(self.succeeds("--version"), r"^sixgrad \d+\.\d+\.\d+ \(float32, \w+\)\n$")
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertRegex(text, r"--observer minmax\|ema\|percentile\|mse\|fixed\n .*\(default:\s+minmax\)")
        for option in ("name", "out", "data", "calibration", "rounding", "logits", "arena", "observer", "relu6-range", "avr-progmem", "check"):
            self.assertIn("--" + option, text)

    def test_from_a_run_to_the_same_logits_in_c(self):
        text, report = self.deploy("--test-logits", "logits", "--self-test-images", "2", "--check", "360")
        self.assertEqual(sorted(p.name for p in (self.folder / "c").iterdir()), ["digits_net.c", "digits_net.h", "report.json", "report.txt"])
        accuracy = report["accuracy"]
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertGreater(accuracy["float"], 0.8)
        self.assertLess(abs(accuracy["float"] - accuracy["integer"]), 0.02)
        self.assertLess(abs(accuracy["fake_quantized"] - accuracy["integer"]), 0.02)
        self.assertEqual(report["images"], 360)
        self.assertEqual(report["calibration_images"], 1000)
        self.assertIn("calibrated on 1000 training images", text + (self.folder / "c" / "digits_net.c").read_text())
        self.assertEqual(report["flash_bytes"], sum(l["constant_bytes"] for l in report["layers"]))
        self.assertEqual(report["flash_bytes"], 6 * 9 + 6 * 9 + 6 * 10 + 100 + (6 + 6 + 10 + 10) * 9)
        self.assertEqual(report["macs"], 64 * 54 + 16 * 54 + 16 * 60 + 100)
        for layer in report["layers"][:-1]:
            self.assertGreater(layer["sqnr_cumulative_db"], 20, layer)
        for line in text.splitlines()[:6]:
            self.assertIn(line, (self.folder / "c" / "report.txt").read_text())
        (self.folder / "c" / "main.c").write_text(DRIVER)
        subprocess.run(["gcc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2", "-DDIGITS_NET_SELFTEST",
                        "digits_net.c", "main.c", "-o", "net"], cwd=self.folder / "c", check=True)
        images = bytes((i * i * 7 + i // 3) % 256 for i in range(64 * 50))
        out = subprocess.run([self.folder / "c" / "net"], input=images, capture_output=True, check=True)
        self.assertEqual(len(out.stdout.split()), 500)
        logits = (self.folder / "logits").read_bytes()
        self.assertEqual(len(logits), 360 * 10 * 4)
        labels = struct.unpack("<3600i", logits)
        self.assertTrue(-128 <= min(labels) and max(labels) <= 127)
        # Twice the same bytes, whatever the number of threads.
        self.deploy("--self-test-images", "2", "--threads", "3", out="again")
        for name in ("digits_net.c", "digits_net.h", "report.json"):
            self.assertEqual((self.folder / "c" / name).read_bytes(), (self.folder / "again" / name).read_bytes())

    def test_options(self):
        plain, report = self.deploy(out="plain")
        _, no_overlap = self.deploy("--no-overlap", out="b")
        self.assertGreater(no_overlap["arena_bytes"], report["arena_bytes"])
        self.deploy("--arena", "caller", "--logits", "int32", "--rounding", "double", out="d")
        source = (self.folder / "d" / "digits_net.c").read_text()
        self.assertIn("int32_t *logits, int8_t *arena)", source)
        self.assertIn("requantize_double", source)
        self.deploy("--avr-progmem", out="avr")
        self.assertIn("#include <avr/pgmspace.h>", (self.folder / "avr" / "digits_net.c").read_text())
        _, packed = self.deploy("--weight-bits", "4", "--pack4", out="packed")
        self.assertLess(packed["flash_bytes"], report["flash_bytes"])
        self.assertIn("half_byte(W_1", (self.folder / "packed" / "digits_net.c").read_text())
        self.assertNotIn("oy, int32_t ox", source)
        v2 = [*MODEL["layers"][:3], {"type": "inverted_residual", "out_channels": 8, "expansion": 4}, *MODEL["layers"][4:]]
        self.train({**MODEL, "layers": v2, "training": {**MODEL["training"], "epochs": 2}}, out="v2")
        arenas = []
        for option in ("--no-overlap", "--fused-dw-pw"):
            text = self.succeeds("v2", "--name", "net", "--out", "v2c", option)
            self.assertEqual(", fused " in text, option == "--fused-dw-pw")
            arenas.append(json.loads((self.folder / "v2c" / "report.json").read_text())["arena_bytes"])
        self.assertLess(arenas[1], arenas[0])
        self.assertIn("      layer_3(x, oy, ox, pixel);\n", (self.folder / "v2c" / "net.c").read_text())
        _, folded = self.deploy("--fold-mean", out="folded")
        self.assertEqual(len(folded["layers"]), len(report["layers"]) - 1)
        self.assertIn(" of the mean, 4x4x10 -> 10", folded["layers"][-1]["description"])
        self.assertEqual(folded["flash_bytes"], report["flash_bytes"])
        self.assertIn("rounding single, mean folded, ranges fixed6 minmax", folded["provenance"])
        self.assertIn("rounding single, ranges fixed6 minmax", report["provenance"])
        self.assertLess(abs(folded["accuracy"]["integer"] - report["accuracy"]["float"]), 0.02)
        for arguments in (["--observer", "mse", "--relu6-range", "observed"], ["--observer", "percentile", "--percentile", "99.9"],
                          ["--observer", "ema"], ["--weights", "tensor"], ["--weight-bits", "6", "--activation-bits", "7"]):
            _, other = self.deploy(*arguments, out="e")
            self.assertGreater(other["accuracy"]["integer"], 0.7, arguments)

    def fine_tune(self, *arguments, run="run", quant={}, config=None, out="qat"):
        training = {**MODEL["training"], "epochs": 2, "optimizer": {"type": "sgd", "lr": 0.0005, "momentum": 0.9}, "quant": quant}
        (self.folder / "qat.json").write_text(json.dumps(config or {"format": "sixgrad-training", "version": 1, "training": training}))
        return subprocess.run([self.mnist, "train", "--from", run, "--config", "qat.json", "--threads", "1", "--out", out, "--overwrite",
                               *arguments], cwd=self.folder, env=cli.environment(), capture_output=True, text=True)

    def test_quantisation_aware_training(self):
        for bits in (8, 5):
            result = self.fine_tune(quant={"weights": {"bits": bits}, "activations": {"bits": bits}})
            self.assertEqual(result.returncode, 0, result.stderr)
            trained = json.loads((self.folder / "qat" / "result.json").read_text())["test_accuracy"]
            self.succeeds("qat", "--name", "net", "--out", "q")
            report = json.loads((self.folder / "q" / "report.json").read_text())
            self.assertLess(abs(report["accuracy"]["fake_quantized"] - trained), 0.01)
            self.assertLess(abs(report["accuracy"]["integer"] - trained), 0.01)
            self.assertEqual(report["layers"][1]["name"], "layers.3.depthwise (depthwise_conv2d)")
            self.assertEqual(report["calibration_images"], 0)  # its ranges are those it was trained with
            for name in ("net.c", "net.h", "report.txt", "report.json"):
                self.assertNotIn("calibrated", (self.folder / "q" / name).read_text(), name)
            self.assertIn(f"weights {bits} bits", (self.folder / "q" / "net.c").read_text())
        for options in (["--weight-bits", "4"], ["--activation-bits", "8"], ["--weights", "tensor"], ["--observer", "mse"],
                        ["--percentile", "99"], ["--fixed", "5"], ["--relu6-range", "observed"]):
            self.refuses("qat", "--name", "net", "--out", "other", *options, says=[options[0] + ": the model was trained with", "leave the option out"])
        self.refuses("qat", "--name", "net", "--out", "other", "--calibration", "5",
                     says="--calibration: the ranges of this model were trained; leave the option out")
        self.succeeds("qat", "--name", "net", "--out", "q", "--weight-bits", "5", "--observer", "minmax", "--weights", "channel")
        result = self.fine_tune(quant={"rounding": "double", "warm_up": 0.5})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.succeeds("qat", "--name", "net", "--out", "q")
        self.assertIn("requantize_double(acc", (self.folder / "q" / "net.c").read_text())
        self.succeeds("qat", "--name", "net", "--out", "q", "--rounding", "single")
        self.assertIn("requantize_single(acc", (self.folder / "q" / "net.c").read_text())
        # Of 1437 images 237 are set aside: 37 batches of 32 an epoch, and in the last fifth the ranges stay.
        result = self.fine_tune("--validation", "237")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads((self.folder / "qat" / "model.json").read_text())["layers"][0]["freeze_after"], 60)
        result = subprocess.run([self.mnist, "train", "--config", "model.json", "--teacher", "qat", "--out", "taught"], cwd=self.folder,
                                env=cli.environment(), capture_output=True, text=True)
        self.assertEqual(result.returncode, 2)
        self.assertIn("qat: was trained as integers, a teacher must be a float model; name the run it was made of", result.stderr)
        result = self.fine_tune(quant=None, out="float")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("quantized", (self.folder / "float" / "model.json").read_text())

    def test_refusals_of_fine_tuning(self):
        for change, says in ((dict(run="nowhere"), "nowhere"), (dict(config=MODEL), "sixgrad-training"),
                             (dict(quant={"weights": {"bits": 9}}), "bits"), (dict(quant={"wights": {}}), "weights")):
            result = self.fine_tune(**change)
            self.assertEqual(result.returncode, 2, (change, result.stderr))
            self.assertEqual(result.stderr.count("\n"), 1)
            self.assertIn(says, result.stderr)
            self.assertFalse((self.folder / "qat").exists())
        self.assertEqual(self.fine_tune().returncode, 0)
        self.assertIn("quantised already", self.fine_tune(run="qat", out="twice").stderr)

    def test_integers_that_were_never_calibrated(self):
        (self.folder / "model.json").write_text(json.dumps({**MODEL, "layers": [{"type": "quantized", "layers": MODEL["layers"]}]}))
        result = subprocess.run([self.mnist, "train", "--config", "model.json", "--threads", "1", "--out", "never"], cwd=self.folder,
                                env=cli.environment(), capture_output=True, text=True)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)
        self.assertIn("layers.0 (conv2d): its range was never observed; make the model of a trained one with --from", result.stderr)

    def test_refusals(self):
        for name in ("9net", "my-net", "", "a/b"):
            self.refuses("run", "--name", name, "--out", "c", says="is no C identifier")
        self.refuses("nowhere", "--name", "net", "--out", "c", says="nowhere")
        self.refuses("run", "--name", "net", "--out", "run/model.json", says="run/model.json")
        self.refuses("run", "--name", "net", "--out", "c", "--calibration", "0", says=["calibration on 0 images", "1437"])
        self.refuses("run", "--name", "net", "--out", "c", "--calibration", "100000", says=["calibration on 100000 images", "1437"])
        self.refuses("run", "--name", "net", "--out", "c", "--rounding", "up", says="--rounding")
        self.refuses("run", "--name", "net", "--out", "c", "--pack4", says="two weights of 8 bits do not fit")
        self.refuses("run", "--name", "net", "--out", "c", "--fold-mean", "--rounding", "double", says="--fold-mean: needs sums that are rounded once; add --rounding single")
        self.refuses("run", "--name", "net", "--out", "c", "--fixed", "3", says="--fixed: is for --observer fixed, not minmax")
        self.refuses("run", "--name", "net", "--out", "c", "--observer", "mse", "--percentile", "99",
                     says="--percentile: is for --observer percentile, not mse")
        self.refuses("run", "--out", "c", says="--name")
        for value, must in (("1000", "between 50 and 100"), ("0", "between 50 and 100"), ("-3", "between 50 and 100"), ("nan", "a number")):
            self.refuses("nowhere", "--name", "net", "--out", "c", "--observer", "percentile", "--percentile", value,
                         says=f"percentile is {value}, must be {must}")
        self.refuses("nowhere", "--name", "net", "--out", "c", "--observer", "fixed", "--fixed", "0", says="fixed is 0, must be between 1e-30 and 1e+30")

    def test_nothing_is_written_if_something_cannot_be(self):
        for name, says in (("stdint", "header of C"), ("int", "a word of C")):
            self.refuses("run", "--name", name, "--out", "c", says=says)
        for path in ("c/net.h", "c/report.txt", "logits"):
            (self.folder / path).mkdir(parents=True)
            self.refuses("run", "--name", "net", "--out", "c", "--test-logits", "logits", says=path + ": is a folder where a file should be")
            (self.folder / path).rmdir()
        self.refuses("run", "--name", "net", "--out", "c", "--test-logits", "none/logits", says="none/logits: there is no folder none")
        for path in ("c/net.h", "./c/../c/report.txt", self.folder / "c" / "net.c"):
            self.refuses("run", "--name", "net", "--out", "c", "--test-logits", path, says=f"{path}: would be written twice; name another")
        self.succeeds("run", "--name", "net", "--out", "new", "--test-logits", "new/logits")
        model = (self.folder / "run" / "model.json").read_text()
        (self.folder / "run" / "model.json").write_text(model.replace('"epochs"', '"epocs"'))
        self.refuses("run", "--name", "net", "--out", "c", says=["deploy: run", "epocs"])

    def test_layers_without_integers_are_named(self):
        self.train({**MODEL, "layers": [*MODEL["layers"][:1], {"type": "gelu"}, *MODEL["layers"][4:]]}, out="gelu")
        self.refuses("gelu", "--name", "net", "--out", "c", says=["gelu: layers.1 (gelu): no integer kernel"])

    def test_a_damaged_run_folder(self):
        run = self.folder / "run"
        weights = (run / "model.safetensors").read_bytes()
        for content in (b"", weights[:100], weights[:-1]):
            (run / "model.safetensors").write_bytes(content)
            self.refuses("run", "--name", "net", "--out", "c", says="model.safetensors")
        (run / "model.safetensors").unlink()
        self.refuses("run", "--name", "net", "--out", "c", says="model.safetensors")
        (run / "model.safetensors").write_bytes(weights)
        (run / "model.json").write_text("{")
        self.refuses("run", "--name", "net", "--out", "c", says="model.json")

    @unittest.skipUnless(shutil.which("avr-gcc") and pathlib.Path("/usr/lib/avr/include/avr/pgmspace.h").exists(), "no avr-gcc with avr-libc")
    def test_avr(self):
        self.deploy("--avr-progmem")
        subprocess.run(["avr-gcc", "-mmcu=atmega328p", "-std=c99", "-Os", "-Wall", "-Wextra", "-Werror", "-c", "digits_net.c", "-o", "net.o"],
                       cwd=self.folder / "c", check=True)


if __name__ == "__main__":
    cli.main()
