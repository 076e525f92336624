#!/usr/bin/env python3
"""Exchanges models with PyTorch: names, layouts and outputs, both ways.

    torch_exchange.py PROGRAM

PROGRAM is model_exchange. For each model a torch module is made from its JSON; it loads our weights strictly, we load the module's,
and outputs agree. Needs the Python packages torch and safetensors. Exit code 0: all equal, 1: not, 77: skipped, because they are missing.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import safetensors
    import safetensors.torch
    import torch
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CONFIGS = pathlib.Path(__file__).resolve().parent.parent.parent / "examples" / "configs"

ODD = """{"format": "sixgrad-model", "version": 1, "input": [11, 7, 2], "layers": [
  {"type": "conv2d", "name": "stem", "out_channels": 5, "kernel": [3, 5], "stride": 2, "padding": "same"}, {"type": "batch_norm", "eps": 1e-3},
  {"type": "relu_n", "n": 4}, {"type": "depthwise_conv2d", "kernel": [2, 3], "padding": [1, 0, 0, 2]}, {"type": "hard_swish"},
  {"type": "residual", "layers": [{"type": "separable", "name": "inner", "out_channels": 5, "activation": {"type": "silu"}}, {"type": "tanh"}]},
  {"type": "sequential", "layers": [{"type": "inverted_residual", "out_channels": 5, "expansion": 3, "activation": {"type": "clamp", "min": -1}},
                                    {"type": "inverted_residual", "out_channels": 7, "expansion": 1}, {"type": "gelu"}]},
  {"type": "max_pool2d", "kernel": 3, "stride": 1, "padding": 1}, {"type": "avg_pool2d", "kernel": 2, "stride": 1, "padding": 1},
  {"type": "flatten"}, {"type": "batch_norm"}, {"type": "hardtanh"}, {"type": "dropout"}, {"type": "linear", "out_features": 11},
  {"type": "sigmoid"}, {"type": "residual", "layers": [{"type": "linear", "out_features": 11, "bias": false}, {"type": "hard_sigmoid"}]},
  {"type": "linear", "out_features": 3}]}"""


class Clamp(nn.Module):
    def __init__(self, lo, hi):
        super().__init__()
        self.lo, self.hi = lo, hi

    def forward(self, x):
        return torch.clamp(x, self.lo, self.hi)


class PaddedConv(nn.Conv2d):
    """A convolution with its own number of zeros on each side, [top, left, bottom, right]."""

    def __init__(self, zeros, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.zeros = zeros

    def forward(self, x):
        top, left, bottom, right = self.zeros
        return super().forward(nn.functional.pad(x, (left, right, top, bottom)))


class Parts(nn.Module):
    """Named parts one behind the other, plus the input if `skips`."""

    def __init__(self, parts, skips=False):
        super().__init__()
        self.names, self.skips = list(parts), skips
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        y = x
        for name in self.names:
            y = getattr(self, name)(y)
        return x + y if self.skips else y


class Layers(nn.Module):
    """The member "layers" of a model, a sequential or a residual."""

    def __init__(self, layers, shape, skips=False):
        super().__init__()
        self.layers, self.skips = nn.Sequential(), skips
        for i, layer in enumerate(layers):
            module = module_of(layer, shape)
            self.layers.add_module(layer.get("name", str(i)), module)
            with torch.no_grad():
                shape = module.eval()(torch.zeros(2, *shape)).shape[1:]

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.skips else y


ACTIVATIONS = {
    "relu6": nn.ReLU6, "relu": nn.ReLU, "hardtanh": nn.Hardtanh, "hard_sigmoid": nn.Hardsigmoid, "hard_swish": nn.Hardswish,
    "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "silu": nn.SiLU, "gelu": nn.GELU}


def conv1x1(c, k):
    return nn.Conv2d(c, k, 1, bias=False)


def depthwise3x3(c, stride):
    return nn.Conv2d(c, c, 3, stride, 1, groups=c, bias=False)


def block_of(layer, c):
    k, stride, act = layer["out_channels"], layer["stride"], lambda: module_of(layer["activation"], None)
    if layer["type"] == "separable":
        return Parts({"depthwise": depthwise3x3(c, stride), "bn1": nn.BatchNorm2d(c), "act1": act(), "pointwise": conv1x1(c, k),
                      "bn2": nn.BatchNorm2d(k), "act2": act()})
    wide = c * layer["expansion"]
    parts = {"expand": conv1x1(c, wide), "bn1": nn.BatchNorm2d(wide), "act1": act()} if wide > c else {}
    parts |= {"depthwise": depthwise3x3(wide, stride), "bn2": nn.BatchNorm2d(wide), "act2": act(), "project": conv1x1(wide, k),
              "bn3": nn.BatchNorm2d(k)}
    return Parts(parts, skips=stride == 1 and c == k)


def module_of(layer, shape):
    """The torch module of a layer (a JSON object with every default) for inputs of `shape`, [c, h, w] or [features]."""
    kind, get = layer["type"], layer.get
    if kind in ACTIVATIONS:
        return ACTIVATIONS[kind]()
    if kind == "clamp":
        return Clamp(get("min"), get("max"))
    if kind == "relu_n":
        return Clamp(0, get("n"))
    if kind in ("conv2d", "depthwise_conv2d"):
        c, groups = shape[0], 1 if kind == "conv2d" else shape[0]
        return PaddedConv(get("padding"), c, get("out_channels", c), get("kernel"), get("stride"), groups=groups, bias=get("bias"))
    if kind == "batch_norm":
        return (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(shape[0], get("eps"), get("momentum"))
    if kind == "linear":
        return nn.Linear(shape[0], get("out_features"), get("bias"))
    if kind in ("max_pool2d", "avg_pool2d"):
        return (nn.MaxPool2d if kind == "max_pool2d" else nn.AvgPool2d)(get("kernel"), get("stride"), get("padding"))
    if kind == "global_avg_pool":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if kind == "flatten":
        return nn.Flatten()
    if kind == "dropout":
        return nn.Dropout(get("p"))
    if kind in ("sequential", "residual"):
        return Layers(get("layers"), shape, skips=kind == "residual")
    return block_of(layer, shape[0])


def nchw(x):
    return x.permute(0, 3, 1, 2) if x.dim() == 4 else x


class Exchange:
    def __init__(self, program, folder, name, text):
        self.program, self.folder, self.name, self.failures = program, pathlib.Path(folder), name, 0
        self.model = self.folder / "model.json"
        self.model.write_text(text)

    def run(self, *words):
        subprocess.run([self.program, *map(str, words)], check=True)

    def check(self, what, ok):
        print(f"{self.name}: {what}: {'ok' if ok else 'FAILED'}")
        self.failures += not ok

    def same_outputs(self, what, module, weights, x):
        source, target = self.folder / "x.safetensors", self.folder / "y.safetensors"
        safetensors.torch.save_file({"x": x}, source)
        self.run("logits", self.model, weights, source, target)
        ours = safetensors.torch.load_file(target)["y"].double()
        with torch.no_grad():
            theirs = module.double().eval()(nchw(x).double()).flatten(1)
        module.float()
        self.check(f"{what} (spread {float(theirs.std()):.3g})", torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4))

    def all(self):
        ours, theirs, again = (self.folder / f"{n}.safetensors" for n in ("ours", "theirs", "again"))
        self.run("write", self.model, ours)
        with safetensors.safe_open(ours, "pt") as file:
            config = json.loads(file.metadata()["sixgrad.model"])
        size = config["input"]
        torch.manual_seed(1)
        module = Layers(config["layers"], size[2:] + size[:2] if len(size) == 3 else size)
        module.load_state_dict(safetensors.torch.load_file(ours), strict=True)
        x = torch.randn(6, *size)
        self.same_outputs("our weights in torch", module, ours, x)

        module.train()
        for parameter in module.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        for _ in range(2):
            module(nchw(torch.randn(6, *size)))
        state = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
        safetensors.torch.save_file(state, theirs)
        self.same_outputs("torch's weights here", module, theirs, x)
        self.run("resave", self.model, theirs, again)
        back = safetensors.torch.load_file(again)
        equal = back.keys() == state.keys() and all(back[n].dtype == t.dtype and torch.equal(back[n], t) for n, t in state.items())
        self.check("torch's weights read and written, bit for bit", equal)
        return self.failures


def main():
    models = {"odd": ODD} | {p.stem: p.read_text() for p in sorted(CONFIGS.glob("*.json"))}
    failures = 0
    for name, text in models.items():
        with tempfile.TemporaryDirectory() as folder:
            failures += Exchange(sys.argv[1], folder, name, text).all()
    print(f"{len(models)} models, {failures} failures")
    return 1 if failures or len(models) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
