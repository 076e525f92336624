#!/usr/bin/env python3
"""mnist_refusals.py PROGRAM: bad input to `mnist` is one line on stderr and exit code 2, and nothing is written."""
import gzip
import json
import os
import struct

import cli

PLAIN = ["train", "--config", "digits", "--out", "run"]
DIGITS = [*PLAIN, "--threads", "1", "--epochs", "1"]


def config(**changes):
    result = {"format": "sixgrad-model", "version": 1, "name": "net", "input": [8, 8, 1],
              "layers": [{"type": "conv2d", "out_channels": 4}, {"type": "relu6"}, {"type": "flatten"}, {"type": "linear", "out_features": 10}],
              "training": {"data": "digits", "epochs": 1}}
    result.update(changes)
    return json.dumps({k: v for k, v in result.items() if v is not None})


class Refusals(cli.Case):
    def test_command_lines(self):
        for arguments, says in [
            ([], "subcommand"), (["trian"], "did you mean train?"), (["train", "extra"], "extra"), (["--frobnicate"], "subcommand"),
            (["train", "--frobnicate"], "--frobnicate"),
            (["train", "--epoch", "3"], ["--epoch", "did you mean --epochs?"]), (["train", "--treads=2"], "did you mean --threads?"),
            (["predict", "run", "--inverse"], "did you mean --invert?"), (["train", "--epochs"], "--epochs"),
            (["train", "--epochs", "1-2"], '--epochs: must be an integer of at most 18 digits, got "1-2"'),
            (["train", "--config", "digits", "--epochs", "-00"], "epochs is 0"),
            (["train", "--epochs", "abc"], '--epochs: must be an integer of at most 18 digits, got "abc"'),
            (["train", "--epochs", "1.5"], "1.5"), (["train", "--epochs", "1e99"], "1e99"), (["train", "--batch", ""], "--batch"),
            (["train", "--activation", "gelu"], "gelu"),
            (["train", "--config", "digits", "--epochs", "99999999999999999999"], '18 digits, got "99999999999999999999"'),
            (["eval"], "RUN"), (["predict"], "RUN"),
            (["predict", "x", "y", "--index", "two"], "two"), (["eval", "x", "--split", "all"], "all"), (["eval", "x", "--threads", "many"], "many"),
            (["train", "--config", ""], ["--config", "the name of the config is empty"]),
            (["predict", "x", ""], ["IMAGE", "the name of the file is empty"]),
            *[(["train", "--config", "digits", option, ""], [option, "the name of the folder is empty"])
              for option in ("--out", "--data", "--from", "--teacher")]]:
            self.refuses(*arguments, says=says)

    def test_values_out_of_range(self):
        for arguments, says in [
            (["--epochs", "-3"], ["training: epochs is -3, must be between 1 and"]), (["--epochs", "0"], "epochs is 0"),
            (["--epochs", "9999999999"], "epochs is 9999999999"), (["--epochs", "999999999999999999"], "epochs is 999999999999999999,"),
            (["--batch", "0"], "batch is 0"),
            (["--batch", "1438"], "batch size 1438 exceeds the 1437 training images; a smaller batch is needed"),
            (["--validation", "1430"], "exceeds the 7 training images that validation leaves; a smaller batch or validation is needed"),
            (["--threads", "-1"], "threads is -1"), (["--threads", "99999"], "threads is 99999"), (["--seed", "-1"], "seed must be"),
            (["--seed", "ten"], 'got "ten"'), (["--seed", "0x10"], 'got "0x10"'), (["--seed", "1.5"], "got 1.5"), (["--seed", "18446744073709551616"], "18446744073709551616"),
            (["--validation", "-5"], "validation is -5"), (["--validation", "1437"], ["1437 of 1437", "one must be left"]),
            (["--set", "nonsense"], ["nonsense", "PATH=VALUE"]), (["--set", "training.epoch=3"], 'did you mean "epochs"?'),
            (["--set", "traning.epochs=3"], 'did you mean "training"?'), (["--set", "layers.99.kernel=3"], ["layers has", "no 99"]),
            (["--set", "layers.0.kernel=-3"], ["layers[0] (conv2d)", "-3"]), (["--set", "layers.0.out_channels=100000000000"], "out_channels"),
            (["--set", "layers.0.out_channels=16000000", "--set", "layers.3.out_channels=16000000"], "parameters are supported"),
            (["--set", "training.optimizer.lr=fast"], ["optimizer (adamw): lr must be a number", "fast"]),
            (["--set", "training.optimizer.lr=-1"], "lr is -1"), (["--set", "training=3"], "training"),
            (["--set", "training.optimizer.type=sgd", "--set", "training.optimizer.betas=[0,0]"],
             ['unknown key "betas"', """; with another type, set the whole of it: --set 'training.optimizer={"type": "sgd", ...}'"""]),
            (["--set", "layers.0.type=linear"], ["unknown key", """--set 'layers.0={"type": "linear", ...}'"""]), (["--set", "input=[8,8]"], "input"),
            (["--set", "training.augmentation.shift=1e9"], "shift is 1000000000"), (["--data", "somewhere"], "--data somewhere")]:
            self.refuses(*PLAIN, *arguments, says=says)

    def test_configs(self):
        near = ["mobilnet_28", ["no such file", "did you mean mobilenet_28?"]]
        self.refuses("train", "--config", near[0], says=near[1])
        self.refuses("train", "--config", "absent.json", says=["absent.json", "no such file", "mobilenet_tiny"])
        self.refuses("train", "--config", self.folder, says=[f"{self.folder}: is a folder, not a config", "--resume --out", "--from"])
        self.assertNotIn("did you mean", self.refuses("train", "--config", "nope", says="nope: there is no such file").stderr)
        for name, meant in (("mroe", "more"), ("digit", "digits")):
            self.refuses("train", "--config", name, says=f"did you mean {meant}?")
        layer = lambda **l: [l, {"type": "flatten"}, {"type": "linear", "out_features": 10}]
        for text, says in [
            ("", "line 1"), ("{", "line 1"), ("[]", "must be a JSON object"), ("3", "must be a JSON object"), (config() + "x", "line 1"),
            (config(format=None), "format"), (config(version=2), ["version is 2", "newer"]), (config(layers=None), 'missing key "layers"'),
            (config(input=None), 'missing key "input"'), (config(layer=[]), 'did you mean "layers"?'), (config(layers=[]), "layers"),
            (config(layers={}), "layers"), (config(input=[0, 8, 1]), "input"), (config(input="8x8"), "input"), (config(input=[8, 8, 1, 1, 1]), "input"),
            (config(input=[65536, 65536, 1]), ""), (config(layers=layer(type="conv3d")), ["conv3d", 'conv2d']),
            (config(layers=layer(type="conv2d")), 'missing key "out_channels"'), (config(layers=layer(kernel=3)), "type"),
            (config(layers=layer(type="conv2d", out_channels=4, kernal=3)), 'did you mean "kernel"?'),
            (config(layers=layer(type="conv2d", out_channels="4")), "out_channels must be an integer"),
            (config(layers=layer(type="conv2d", out_channels=4.0)), "out_channels must be an integer"),
            (config(layers=layer(type="conv2d", out_channels=4, kernel=9, padding=0)), ["layers[0] (conv2d)", "9"]),
            (config(layers=layer(type="relu6", at_kink=0.7)), ["layers[0] (relu6)", "at_kink", "0.7"]),
            (config(layers=[{"type": "linear", "out_features": 10}]), "layers[0] (linear)"),
            (config(layers=[{"type": "flatten"}, {"type": "linear", "out_features": 9}]), ["10 classes", "[9]"]),
            (config(input=[9, 9, 1]), ["[8,8,1]", "[9,9,1]"]), (config(training={"data": "cifar"}), "cifar"),
            (config(training={"optimizer": {"type": "adamx"}}), "did you mean adam"), (config()[:-1] + ', "name": "again"}', "duplicate key"),
            (config().replace("[8, 8, 1]", "[8, 8, NaN]"), "line 1"), ("[" * 100000, "nested deeper"), (config(name=3), "name")]:
            (self.folder / "net.json").write_text(text)
            self.refuses("train", "--config", "net.json", "--out", "run", says=["net.json", *([says] if isinstance(says, str) else says)])
        for text, says in [("[]", "must be a JSON object, got []"), (config(training=3), "training is")]:
            (self.folder / "net.json").write_text(text)
            self.refuses("train", "--config", "net.json", "--epochs", "1", "--out", "run", says=["mnist: net.json: ", says])

    def test_data(self):
        images = cli.idx([8, 28, 28], [0] * 8 * 784)

        def refused(says, **files):
            cli.mnist_files(self.folder / "set", 20, 8)
            for name, content in files.items():
                path = self.folder / "set" / (name.replace("_", "-") + ("-images-idx3-ubyte" if not name.endswith("labels") else ""))
                if name.endswith("labels"):
                    path = self.folder / "set" / (name[:-7].replace("_", "-") + "-labels-idx1-ubyte.gz")
                path.unlink()
                if content is not None:
                    path.write_bytes(content)
            self.refuses("train", "--config", "mobilenet_tiny", "--data", "set", "--batch", "4", "--out", "run", says=says)

        self.refuses("train", "--data", "nowhere", "--out", "run", says=["nowhere", "train-images-idx3-ubyte", "--data"])
        (self.folder / "empty").mkdir()
        for folder in ("nowhere", "empty"):
            for arguments in ([], ["--config", "mobilenet_tiny"]):
                self.refuses("train", *arguments, "--out", "run", env=cli.environment(MNIST_DIR=folder),
                             says=[f"MNIST_DIR is {folder}", "correct it, unset it or give --data"])
        (self.folder / "round").symlink_to("round")  # as a folder that may not be searched, which nothing is to root
        for arguments, says in [(["--data", "round"], "mnist: round/train-images-idx3-ubyte: cannot be read: "),
                                (["--out", "round", "--resume"], "mnist: round/model.json: cannot be read: ")]:
            self.refuses("train", *arguments, says=says)
        refused(["set: has no t10k-images-idx3-ubyte"], t10k=None)
        refused(["t10k-images-idx3-ubyte"], t10k=images[:-1])
        refused(["t10k-images-idx3-ubyte"], t10k=images + b"x")
        refused(["t10k-images-idx3-ubyte"], t10k=b"\0\0\x08\x01" + images[4:])
        refused(["t10k-images-idx3-ubyte"], t10k=b"abcd" + images[4:])
        refused(["t10k-images-idx3-ubyte"], t10k=b"")
        refused(["t10k-images-idx3-ubyte"], t10k=struct.pack(">HBBIII", 0, 8, 3, 2**31, 2**31, 2**31))
        refused(["t10k-labels-idx1-ubyte", "7 labels", "8 images"], t10k_labels=gzip.compress(cli.idx([7], [0] * 7)))
        refused(["t10k-labels-idx1-ubyte", "label 3 is 10"], t10k_labels=gzip.compress(cli.idx([8], [0, 1, 2, 10, 4, 5, 6, 7])))
        refused(["t10k-labels-idx1-ubyte"], t10k_labels=gzip.compress(cli.idx([8], [0] * 8))[:-3])
        refused(["t10k-labels-idx1-ubyte"], t10k_labels=gzip.compress(cli.idx([8], [0] * 100000)))
        refused(["t10k-images-idx3-ubyte"], t10k=cli.idx([0, 28, 28], []))
        refused(["[14,14,1]", "[28,28,1]"], t10k=cli.idx([8, 14, 14], [0] * 8 * 196))

    def test_folders_that_cannot_be_written(self):
        (self.folder / "file").write_text("something")
        for out in ("file", "file/run", "/proc/run", "/dev/null/run"):
            self.refuses("train", "--config", "digits", "--out", out, says=out.split("/run")[0])
        if os.geteuid() != 0:
            (self.folder / "locked").mkdir(mode=0o500)
            self.refuses(*DIGITS, "--out", "locked/run", says="locked")

    def test_weights(self):
        self.succeeds(*DIGITS)
        path = self.folder / "run/model.safetensors"
        good = path.read_bytes()
        size = struct.unpack("<Q", good[:8])[0]
        header = json.loads(good[8:8 + size])

        def with_header(change):
            h = json.loads(json.dumps(header))
            del h["__metadata__"]["sixgrad.crc32"]  # as of a file that others wrote
            change(h)
            text = json.dumps(h, separators=(",", ":")).encode()
            text += b" " * (-len(text) % 8)
            return struct.pack("<Q", len(text)) + text + good[8 + size:]

        def reshape(h):
            h["layers.7.weight"]["shape"].reverse()

        def rename(h):
            h["layers.7.wieght"] = h.pop("layers.7.weight")

        for content, says in [
            (b"", "model.safetensors"), (good[:7], "model.safetensors"), (good[:-1], "model.safetensors"), (good + b"x", "model.safetensors"),
            (b"P5 8 8 255 ", "model.safetensors"), (b"\xff" * 100, "model.safetensors"), (with_header(reshape), ["layers.7.weight", "[64,10]", "[10,64]"]),
            (with_header(rename), ["layers.7.weight", "layers.7.wieght"]),
            (good[:-100] + bytes([good[-100] ^ 1]) + good[-99:], ["model.safetensors", "sixgrad.crc32"])]:
            path.write_bytes(content)
            self.refuses("eval", "run", says=says)
            self.refuses("predict", "run", says=says)
        path.unlink()
        self.refuses("train", "--resume", "--out", "run", says=["run/model.safetensors: is no file", "remove that, then --resume"])
        hint = "mnist train --resume --out run` goes on"
        self.refuses("eval", "run", says=["run: has a model.json but no model.safetensors", f"the training is over; remove result.json, then `{hint}"])
        (self.folder / "run/result.json").unlink()
        self.refuses("eval", "run", says=[f"run: has a model.json but no model.safetensors: its training has not come to its end; `{hint}"])
        (self.folder / "my run").symlink_to("run")
        self.refuses("eval", "my run", says="`mnist train --resume --out 'my run'` goes on")
        self.succeeds("train", "--resume", "--out", "run")
        self.assertEqual(path.read_bytes(), good)
        path.write_bytes(good)
        (self.folder / "run/model.json").unlink()
        self.refuses("eval", "run", says="model.json")
        self.refuses("eval", "nowhere", says="nowhere")

    def test_images(self):
        self.succeeds(*DIGITS)
        (self.folder / "some.idx").write_bytes(cli.idx([2, 8, 8], range(128)))
        (self.folder / "labels.idx").write_bytes(cli.idx([2], [1, 2]))
        (self.folder / "wide.idx.gz").write_bytes(gzip.compress(cli.idx([1, 1, 16385], bytes(16385))))
        (self.folder / "cut.pgm").write_bytes(b"P5 8 8 255\n" + bytes(63))
        (self.folder / "good.pgm").write_bytes(b"P5 8 8 255\n" + bytes(64))
        (self.folder / "text.png").write_text("no image")
        (self.folder / "empty").write_bytes(b"")
        for arguments, says in [
            (["some.idx", "--index", "2"], ["some.idx", "--index is 2", "2 images"]), (["some.idx", "--index", "-1"], "--index is -1"),
            (["wide.idx.gz"], ["wide.idx.gz: an image of 1x16385 pixels", "16384"]),
            (["labels.idx"], "labels.idx"), (["cut.pgm"], "cut.pgm"), (["text.png"], "text.png"), (["empty"], "empty"), (["absent.png"], "absent.png"),
            (["good.pgm", "--index", "1"], ["good.pgm", "single image"]), (["--index", "360"], ["--index is 360", "360 images"]), ([self.folder], "")]:
            self.refuses("predict", "run", *arguments, says=says)

    def test_a_loss_that_is_not_finite(self):
        result = self.refuses(*DIGITS, "--set", "training.optimizer.lr=1e30", "--set", "training.schedule.type=constant", code=3,
                              says=["step ", "(epoch 1)", "is not finite", "layers.", "run/model.safetensors"])
        self.assertNotIn("test:", result.stdout)
        names = sorted(p.name for p in (self.folder / "run").iterdir())
        self.assertEqual(names, ["metrics.jsonl", "model.json", "model.safetensors"])
        self.assertRegex(self.succeeds("eval", "run"), r"loss \d+\.\d{4}, 360 images")  # the weights that were kept are sound


if __name__ == "__main__":
    cli.main()
