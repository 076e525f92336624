#!/usr/bin/env python3
"""Checks our safetensors reader and writer against the reference package, bit for bit.

    safetensors_roundtrip.py PROGRAM

PROGRAM IN OUT must read the file IN and write what it read to OUT (read_safetensors, write_safetensors). Needs the Python packages
safetensors and numpy, and uses torch as well if it is there. Exit code 0: all equal, 1: not, 77: skipped, because they are missing.
"""
import os
import subprocess
import sys
import tempfile

try:
    import numpy
    import safetensors
    import safetensors.numpy
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

DTYPES = ["float64", "int64", "float32", "float16"]
SHAPES = [(), (1,), (7,), (2, 3), (0, 4), (3, 1, 3, 3), (1, 2, 3, 4, 5)]
METADATA = {"format": "pt", "note": 'quotes " and \\ and \n and é', "empty": ""}


def samples():
    """Tensors of random bits: NaN payloads and all."""
    rng = numpy.random.default_rng(1)
    tensors = {}
    for dtype in map(numpy.dtype, DTYPES):
        for shape in SHAPES:
            data = rng.bytes(int(numpy.prod(shape)) * dtype.itemsize)
            tensors[f"layers.{len(tensors)}.{dtype} é"] = numpy.frombuffer(data, dtype).reshape(shape)
    return tensors


def content(file):
    """Name to (dtype, shape, bytes) as the reference package reads them."""
    return {n: (str(t.dtype), t.shape, t.tobytes()) for n, t in safetensors.numpy.load_file(file).items()}


def check(what, ok):
    if not ok:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}")


def copy(program, source, target):
    done = subprocess.run([program, source, target], capture_output=True, text=True)
    check(f"{os.path.basename(program)} reads {os.path.basename(source)}{done.stderr and ': '}{done.stderr.strip()}", done.returncode == 0)


def check_torch(program, folder):
    try:
        import torch
        from safetensors.torch import load_file, save_file
    except ImportError:
        print("torch is not installed: its part is skipped")
        return
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 5, (2, 7)), torch.nn.BatchNorm2d(5), torch.nn.Linear(2, 3))
    source, target = os.path.join(folder, "torch"), os.path.join(folder, "torch.ours")
    state = model.state_dict()
    state.update({str(d): torch.randn(3, 5).to(d) for d in (torch.bfloat16, torch.float16, torch.float64)})
    save_file(state, source)
    copy(program, source, target)
    back = load_file(target)
    check("a torch state_dict comes back with the same bits", back.keys() == state.keys() and all(torch.equal(back[k], state[k]) for k in state))
    model.load_state_dict(back, strict=False)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours, again = (os.path.join(folder, name) for name in ("theirs", "ours", "again"))
        tensors = samples()
        safetensors.numpy.save_file(tensors, theirs, METADATA)
        copy(program, theirs, ours)
        check("every tensor comes back with the same bits", content(ours) == content(theirs))
        check("nothing is lost or added", len(content(ours)) == len(tensors))
        with safetensors.safe_open(ours, "numpy") as f:
            check("the metadata come back", f.metadata() == METADATA)
        copy(program, ours, again)
        with open(ours, "rb") as a, open(again, "rb") as b:
            check("a second copy has the same bytes", a.read() == b.read())
        check_torch(program, folder)


main()
