"""PyTorch's training step: forward, loss, backward, AdamW. The batches lie in memory as numbers, in its layout."""
import argparse
import itertools
import pathlib

import data
import nets
import serve
import torch
from torch.nn import functional

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--folder", type=pathlib.Path, required=True, help="of `bench export`")
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--layout", choices=["channels_last", "contiguous"], default="channels_last")
parser.add_argument("--compiled", action="store_true")
options = parser.parse_args()

torch.set_num_threads(options.threads)
layout = torch.channels_last if options.layout == "channels_last" else torch.contiguous_format
net = nets.exported(options.folder).to(memory_format=layout)
images = torch.from_numpy(data.images(options.folder)).split(options.batch)
labels = torch.from_numpy(data.labels(options.folder)).split(options.batch)
batches = itertools.cycle([(x.contiguous(memory_format=layout), y) for x, y in zip(images, labels)])
forward = torch.compile(net) if options.compiled else net
adamw = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-2, fused=True)


def step() -> torch.Tensor:
    x, y = next(batches)
    adamw.zero_grad(set_to_none=True)
    loss = functional.cross_entropy(forward(x), y)
    loss.backward()
    adamw.step()
    return loss


serve.serve("PyTorch", torch.__version__, step, lambda: [step().item() for _ in range(3)])
