"""Models of the project's JSON format in PyTorch."""
import collections
import pathlib

import data
import torch
from safetensors.torch import load_file
from torch import nn


class GlobalAvgPool(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


class Net(nn.Module):
    """Its tensors have the names that they have in our files."""

    def __init__(self, config: dict):
        super().__init__()
        channels = config["input"][2]
        layers = []
        for settings in config["layers"]:
            module, channels = layer(settings, channels)
            layers.append(module)
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def exported(folder: pathlib.Path) -> Net:
    net = Net(data.config(folder))
    net.load_state_dict(load_file(folder / "model.safetensors"))
    return net


def layer(settings: dict, channels: int) -> tuple[nn.Module, int]:
    """The module for inputs with that many channels, and the channels of its output."""
    kind, out, stride = settings["type"], settings.get("out_channels", channels), settings.get("stride", 1)
    if kind == "conv2d":
        return convolution(channels, out, settings["kernel"], stride, bias=settings.get("bias", True)), out
    if kind == "batch_norm":
        return nn.BatchNorm2d(channels, eps=settings.get("eps", 1e-5), momentum=settings.get("momentum", 0.1)), channels
    if kind in ("relu", "relu6"):
        return {"relu": nn.ReLU, "relu6": nn.ReLU6}[kind](inplace=True), channels
    if kind == "global_avg_pool":
        return GlobalAvgPool(), channels
    if kind == "linear":
        return nn.Linear(channels, settings["out_features"], bias=settings.get("bias", True)), settings["out_features"]
    if kind == "separable":
        return separable(settings, channels, out, stride), out
    raise SystemExit(f"the peers have no layer {kind!r}")


def separable(settings: dict, channels: int, out: int, stride: int) -> nn.Module:
    activation = settings.get("activation", {"type": "relu6"})
    parts = {
        "depthwise": convolution(channels, channels, 3, stride, groups=channels),
        "bn1": nn.BatchNorm2d(channels),
        "act1": layer(activation, channels)[0],
        "pointwise": convolution(channels, out, 1, 1),
        "bn2": nn.BatchNorm2d(out),
        "act2": layer(activation, out)[0],
    }
    return nn.Sequential(collections.OrderedDict(parts))


def convolution(channels: int, out: int, kernel: int, stride: int, groups: int = 1, bias: bool = False) -> nn.Conv2d:
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=bias)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return conv
