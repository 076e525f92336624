"""What `bench export` wrote into a folder: the model with its weights, images and labels."""
from __future__ import annotations

import json
import pathlib

import numpy as np

IMAGES_CHECKED = 4  # whose logits are compared


def config(folder: pathlib.Path) -> dict:
    """The model in its JSON format, from the metadata of the weights."""
    with open(folder / "model.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return json.loads(header["__metadata__"]["sixgrad.model"])


def images(folder: pathlib.Path, count: int | None = None) -> np.ndarray:
    """[n, c, h, w], in [0, 1]; the first `count`, or all."""
    height, width, channels = config(folder)["input"]
    pixels = np.fromfile(folder / "images.u8", np.uint8).reshape(-1, height, width, channels)
    if count and count > len(pixels):
        raise SystemExit(f"{folder} has only {len(pixels)} images, {count} are needed")
    return np.ascontiguousarray(pixels[:count].transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def labels(folder: pathlib.Path) -> np.ndarray:
    return np.fromfile(folder / "labels.u8", np.uint8).astype(np.int64)
