"""A whole training in PyTorch as `mnist train` does it: model and recipe are those of a JSON config, weights start from the
same distributions, and the test images are classified as often. Prints the test accuracy as JSON."""
import argparse
import gzip
import json
import pathlib

import nets
import numpy as np
import torch
from torch.nn import functional

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--config", type=pathlib.Path, required=True)
parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with the four files of MNIST")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--layout", choices=["channels_last", "contiguous"], default="channels_last")
options = parser.parse_args()

config = json.loads(options.config.read_text(encoding="utf-8"))
training = {"epochs": 3, "batch": 128, "schedule": {"type": "constant"}, "eval_every": 1, **config["training"]}
unknown = training.keys() - {"data", "epochs", "batch", "seed", "threads", "optimizer", "schedule", "eval_every"}
if unknown or training["data"] != "mnist" or training["optimizer"]["type"] != "adamw":
    raise SystemExit(f"{options.config}: this script trains on MNIST with AdamW and knows nothing of {sorted(unknown)}")

torch.set_num_threads(options.threads)
torch.manual_seed(options.seed)
layout = torch.channels_last if options.layout == "channels_last" else torch.contiguous_format


def idx(name: str, header: int) -> np.ndarray:
    for file in (options.data / spelt for base in (name, name.replace("-idx", ".idx")) for spelt in (base, base + ".gz")):
        if file.exists():
            content = file.read_bytes()
            return np.frombuffer(gzip.decompress(content) if file.suffix == ".gz" else content, np.uint8, offset=header)
    raise SystemExit(f"{options.data} has no {name}")


def split(prefix: str) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = idx(f"{prefix}-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    images = torch.from_numpy(pixels.astype(np.float32)) / 255
    return images.contiguous(memory_format=layout), torch.from_numpy(idx(f"{prefix}-labels-idx1-ubyte", 8).astype(np.int64))


def make_schedule(optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    settings = dict(training["schedule"])
    kind = settings.pop("type")
    if kind == "one_cycle":
        settings = {"total_steps": steps, **settings}
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=optimizer.defaults["lr"], cycle_momentum=False, **settings)
    if kind == "cosine":
        settings = {"T_max": settings.pop("t_max", steps), **settings}
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, **settings)
    if kind == "constant":
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1)
    raise SystemExit(f"{options.config}: this script has no schedule {kind!r}")


def accuracy(net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    net.eval()
    with torch.inference_mode():
        right = sum(int((net(x).argmax(1) == y).sum()) for x, y in zip(images.split(1000), labels.split(1000)))
    net.train()
    return right / len(labels)


def fit() -> float:
    images, labels = split("train")
    test = split("t10k")
    net = nets.Net(config).to(memory_format=layout)
    settings = {key: value for key, value in training["optimizer"].items() if key != "type"}
    adamw = torch.optim.AdamW(net.parameters(), fused=True, **settings)
    batch, epochs = training["batch"], training["epochs"]
    batches = len(images) // batch
    schedule = make_schedule(adamw, epochs * batches)
    reached = 0.0
    for epoch in range(epochs):
        order = torch.randperm(len(images))
        for chosen in order[: batches * batch].split(batch):
            adamw.zero_grad(set_to_none=True)
            x = images[chosen].contiguous(memory_format=layout)
            functional.cross_entropy(net(x), labels[chosen]).backward()
            adamw.step()
            schedule.step()
        if epoch + 1 == epochs or training["eval_every"] and (epoch + 1) % training["eval_every"] == 0:
            reached = accuracy(net, *test)
    return reached


print(json.dumps({"test_accuracy": fit()}))
