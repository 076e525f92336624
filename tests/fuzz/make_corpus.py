#!/usr/bin/env python3
"""make_corpus.py: writes the seeds of the fuzz targets, one valid file per feature (good-...) and one per check of a reader, into corpus/.
Checkpoints are made from corpus/checkpoint/good-float32 and good-float64, which a program wrote."""
import gzip
import json
import math
import pathlib
import struct
import zlib

CORPUS = pathlib.Path(__file__).parent / "corpus"


def put(target, name, content):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def model(layers, **changes):
    members = {"format": "sixgrad-model", "version": 1, "name": "net", "input": [8, 8, 1], "layers": layers, **changes}
    return json.dumps({k: v for k, v in members.items() if v is not None})


def models():
    conv = {"type": "conv2d", "out_channels": 4, "kernel": [3, 1], "stride": 2, "padding": [1, 0, 1, 0], "bias": False, "init": "glorot_uniform"}
    head = [{"type": "flatten"}, {"type": "linear", "out_features": 5}]
    put("model", "good-all-layers", model([
        conv, {"type": "batch_norm", "eps": 1e-3, "momentum": 0.2}, {"type": "relu6", "at_kink": [0, 1]},
        {"type": "depthwise_conv2d", "kernel": 3, "padding": "same"}, {"type": "separable", "out_channels": 4, "activation": {"type": "hard_swish"}},
        {"type": "residual", "layers": [{"type": "separable", "out_channels": 4}]}, {"type": "inverted_residual", "out_channels": 4, "expansion": 2},
        {"type": "max_pool2d", "kernel": 2}, {"type": "global_avg_pool"}, {"type": "dropout", "p": 0.5}, {"type": "linear", "out_features": 3}]))
    put("model", "good-small", model(head))
    put("model", "good-names", model([{"type": "conv2d", "out_channels": 2, "name": "stem", "trainable": False}, {"type": "clamp", "min": -1, "max": 2.5}] + head))
    put("model", "good-utf-8-name", model(head, name="Ziffern für ein Gerät, 数字"))
    put("model", "good-training", model(head, training={"epochs": 2, "optimizer": {"type": "sgd"}}))
    bad = {
        "not-json": "layers", "cut": model(head)[:-9], "two-values": model(head) + "{}", "duplicate-key": '{"format": "sixgrad-model", "format": "x"}',
        "deep": "[" * 65 + "]" * 65, "utf-8": b'{"format": "\xff"}', "nan": '{"version": NaN}', "comment": "// x\n" + model(head), "zero-byte": model(head) + "\0",
        "no-object": "[]", "format": model(head, format="keras"), "no-format": model(head, format=None), "newer": model(head, version=2),
        "version-text": model(head, version="1"), "unknown-key": model(head, layer=[]), "no-layers": model(None), "empty-layers": model([]),
        "layers-object": model({}), "unknown-layer": model([{"type": "conv3d"}]), "no-type": model([{"kernel": 3}]),
        "missing-key": model([{"type": "conv2d"}]), "fraction": model([{"type": "conv2d", "out_channels": 3.0}]),
        "text-number": model([{"type": "conv2d", "out_channels": "3"}]), "too-large": model([{"type": "conv2d", "out_channels": 10**12}]),
        "beyond-64-bits": '{"format": 99999999999999999999999}', "negative": model([{"type": "conv2d", "out_channels": -3}]),
        "kernel-does-not-fit": model([{"type": "depthwise_conv2d", "kernel": 9, "padding": 0}]), "input": model(head, input=[8, 8]),
        "input-zero": model(head, input=[0, 8, 1]), "residual-shape": model([{"type": "residual", "layers": [{"type": "conv2d", "out_channels": 3}]}] + head),
        "layer-name": model(head[:1] + [{"type": "linear", "out_features": 5, "name": "7x"}]),
        "layer-name-lines": model(head[:1] + [{"type": "linear", "out_features": 5, "name": "two\nlines"}]),
        "name-escape": model(head, name="\x1b[31mnet"), "name-c1": model(head, name="\x9b31mnet")}
    for name, content in bad.items():
        put("model", name, content)


def trainings():
    every = {"data": "digits", "epochs": 4, "batch": 7, "seed": 2**64 - 1, "optimizer": {"type": "adamw", "lr": 0.01, "betas": [0.8, 0.99], "decay": "weights"},
             "schedule": {"type": "sequential", "policies": [{"type": "linear"}, {"type": "cosine", "t_max": 9}], "milestones": [5]},
             "augmentation": {"shift": 2, "rotate": 10, "scale": 0.1}, "label_smoothing": 0.1, "ema": {"decay": 0.99, "warmup": True}, "clip_norm": 1,
             "skip_non_finite": 3, "validation": 10, "eval_every": 2, "threads": 2}
    put("training", "good-all", json.dumps(every))
    put("training", "good-empty", "{}")
    for name, optimizer in {"sgd": {"momentum": 0.9, "nesterov": True}, "adam": {"eps": 1e-7}, "rmsprop": {"centered": True}}.items():
        put("training", f"good-{name}", json.dumps({"optimizer": {"type": name, **optimizer}}))
    for name, schedule in {"step": {"step_size": 3}, "exponential": {"gamma": 0.9}, "one_cycle": {"pct_start": 0.1}, "constant": {}}.items():
        put("training", f"good-{name}", json.dumps({"schedule": {"type": name, **schedule}}))
    for name, members in {
            "epochs": {"epochs": 0}, "epochs-large": {"epochs": 10**9}, "seed": {"seed": -1}, "unknown": {"epoch": 1}, "type": {"optimizer": {"type": "lion"}},
            "no-type": {"optimizer": {}}, "betas": {"optimizer": {"type": "adam", "betas": [0.9]}}, "lr": {"optimizer": {"type": "sgd", "lr": -1}},
            "good-lr-large-float64": {"optimizer": {"type": "sgd", "lr": 1e300}}, "milestones": {"schedule": {"type": "sequential", "policies": [], "milestones": []}},
            "ema": {"ema": {"decay": 1}}, "warmup": {"ema": {"warmup": True}}, "data": {"data": "cifar"}, "boolean": {"ema": {"warmup": 1}}}.items():
        put("training", name, json.dumps(members))
    put("training", "array", "[1]")


def overrides():
    document = '{"training": {"epochs": 3}, "layers": [{"type": "conv2d"}, {"type": "relu6"}]}'
    for name, line in {
            "good-number": "training.epochs=4", "good-new": "training.optimizer.lr=1e-2", "good-index": "layers.1.type=relu", "good-text": "name=a net",
            "good-array": "input=[8,8,1]", "no-value": "training.epochs", "no-path": "=3", "index": "layers.7.kernel=3", "text-index": "layers.x=3",
            "inside-number": "training.epochs.x=3", "empty-part": "training..epochs=3"}.items():
        put("override", name, line + "\n" + document)
    put("override", "no-document", "a=3")


def tensors(header, data=b"", size=None, pad=True):
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))).encode()
    if pad:
        text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors():
    w = entry("F32", [2], 0, 8)
    put("safetensors", "good-smallest", tensors({"w": w}, bytes(8)))
    put("safetensors", "good-empty", tensors({}))
    put("safetensors", "good-dtypes", tensors({
        "a": entry("F64", [1], 0, 8), "b": entry("I64", [], 8, 16), "c": entry("F32", [1, 1], 16, 20), "d": entry("F16", [3], 20, 26),
        "e": entry("BF16", [1], 26, 28), "f": entry("F32", [0, 7], 28, 28), "__metadata__": {"format": "pt", "k": "v"}}, bytes(range(28))))
    put("safetensors", "good-unaligned", tensors({"w": w}, bytes(8), pad=False))
    for name, content in {
            "01-short": b"\x08\0\0\0", "02-header-too-long": tensors({"w": w}, bytes(8), 100_000_001), "03-beyond-the-file": tensors({"w": w}, b"", 4096),
            "03-overflow": tensors({"w": w}, bytes(8), 2**64 - 8), "04-utf-8": tensors(b'{"\xc3":{}}'), "05-no-json": tensors("{w}"),
            "05-no-brace": tensors("[1]"), "05-after-the-brace": tensors("{}\n"), "06-duplicate": tensors('{"w":{"dtype":"F32","dtype":"F32"}}'),
            "06-duplicate-name": tensors('{"w":1,"w":2}'), "07-missing": tensors({"w": {"dtype": "F32", "shape": [2]}}, bytes(8)),
            "07-extra": tensors({"w": {**w, "x": 1}}, bytes(8)), "07-double": tensors('{"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}', bytes(8)),
            "07-large": tensors('{"w":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}', bytes(8)),
            "07-metadata": tensors({"__metadata__": {"a": 1}}), "08-dtype": tensors({"w": entry("F8_E4M3", [8], 0, 8)}, bytes(8)),
            "09-hole": tensors({"w": w, "v": entry("F32", [1], 12, 16)}, bytes(16)), "09-overlap": tensors({"w": w, "v": entry("F32", [1], 4, 8)}, bytes(8)),
            "09-reversed": tensors({"w": entry("F32", [2], 8, 0)}, bytes(8)), "10-shape": tensors({"w": entry("F32", [3], 0, 8)}, bytes(8)),
            "10-overflow": tensors({"w": entry("F32", [2**62, 4], 0, 0)}), "11-data-after": tensors({"w": w}, bytes(9)), "11-cut": tensors({"w": w}, bytes(7)),
            "12-offset": tensors({"w": entry("F32", [2], 2**64 - 8, 2**64 - 1)}, bytes(8)), "13-deep": tensors("{" + '"a":{' * 70 + "}" * 71),
            "crc": tensors({"__metadata__": {"sixgrad.crc32": "00000000"}}), "crc-case": tensors({"__metadata__": {"sixgrad.crc32": "ABCDEF00"}})}.items():
        put("safetensors", name, content)


def with_checksum(header, data):
    """As the library writes it: CRC-32 of the whole file, its own digits taken as zeros."""
    zeros = '"sixgrad.crc32":"00000000"'
    content = tensors({"__metadata__": {"sixgrad.crc32": "00000000", **header["__metadata__"]}, **{k: v for k, v in header.items() if k != "__metadata__"}}, data)
    return content.replace(zeros.encode(), zeros.replace("0" * 8, f"{zlib.crc32(content):08x}").encode())


def model_files():
    smallest = {"format": "sixgrad-model", "version": 1, "input": [2], "layers": [{"type": "linear", "out_features": 2}]}
    weights = {"layers.0.weight": ("F32", [2, 2]), "layers.0.bias": ("F32", [2])}
    width = {"F64": 8, "I64": 8, "F32": 4, "F16": 2, "BF16": 2}

    def header(config=smallest, entries=weights):
        text = config if isinstance(config, str) else json.dumps(config, separators=(",", ":"))
        out, at = {"__metadata__": {"format": "pt", "sixgrad.model": text}}, 0
        for name, (dtype, shape) in sorted(entries.items(), key=lambda e: (-width[e[1][0]], e[0])):
            end = at + width[dtype] * math.prod(shape)
            out[name], at = entry(dtype, shape, at, end), end
        return out, at

    def file(config=smallest, entries=weights, fill=b"\0\0\0\x3f", make=tensors):
        out, size = header(config, entries)
        return make(out, (fill * size)[:size])

    def changed(**members):
        return {k: v for k, v in {**smallest, **members}.items() if v is not None}

    layers = [{"type": "conv2d", "out_channels": 1, "kernel": 1}, {"type": "batch_norm"}, {"type": "relu6"}, {"type": "flatten"},
              {"type": "linear", "out_features": 2, "bias": False}]
    deep = {**{f"layers.1.{name}": ("F32", [1]) for name in ("weight", "bias", "running_mean", "running_var")}, "layers.0.weight": ("F32", [1, 1, 1, 1]),
            "layers.0.bias": ("F32", [1]), "layers.4.weight": ("F32", [2, 4])}
    count = {"layers.1.num_batches_tracked": ("I64", [])}
    net = changed(input=[2, 2, 1], layers=layers)
    seven = b"\7" + bytes(7) + b"\0\0\0\x3f" * 99
    good = file()
    for name, content in {
            "good-smallest": good, "good-batch-norm": file(net, {**deep, **count}, seven), "good-no-count": file(net, deep), "good-checksum": file(make=with_checksum),
            "good-f16": file(entries={"layers.0.weight": ("F16", [2, 2]), "layers.0.bias": ("BF16", [2])}), "good-not-finite": file(fill=b"\0\0\xc0\x7f\0\0\x80\xff"),
            "good-f64": file(entries={k: ("F64", shape) for k, (_, shape) in weights.items()}), "good-training": file(changed(training={"epochs": 2})),
            "metadata": tensors({"w": entry("F32", [2], 0, 8)}, bytes(8)), "not-json": file("layers"), "duplicate-key": file('{"format":"x","format":"x"}'),
            "format": file(changed(format="keras")), "newer": file(changed(version=2)), "unknown-key": file(changed(layer=[])), "no-layers": file(changed(layers=None)),
            "unknown-layer": file(changed(layers=[{"type": "conv3d"}])), "layer-does-not-fit": file(changed(layers=layers[:1])),
            "more-than-the-file": file(changed(input=[2048], layers=[{"type": "linear", "out_features": 2048}])),
            "missing": file(entries={"layers.0.weight": ("F32", [2, 2])}), "unexpected": file(entries={**weights, "layers.1.bias": ("F32", [2])}),
            "shape": file(entries={**weights, "layers.0.weight": ("F32", [4])}), "config-shape": file(changed(input=[3])), "dtype": file(entries={**weights, "layers.0.bias": ("I64", [2])}),
            "count-negative": file(net, {**deep, **count}, b"\xff" * 8), "count-dtype": file(net, {**deep, "layers.1.num_batches_tracked": ("F32", [])}),
            "checksum": file(make=with_checksum)[:-1] + b"x", "cut": good[:-1], "longer": good + b"x"}.items():
        put("model_file", name, content)


def checkpoints():
    for precision in ("float32", "float64"):
        path = CORPUS / "checkpoint" / f"good-{precision}"
        if not path.exists():
            continue
        content = path.read_bytes()
        n = struct.unpack("<Q", content[:8])[0]
        header, data = json.loads(content[8:8 + n]), content[8 + n:]
        for name, changes in {"format": {"format": "pt"}, "version": {"version": "3"}, "step": {"step": "3"}, "negative": {"epoch": "-1"},
                              "lr": {"lr": "nan"}, "hex": {"loss": "zz"}, "model": {"model": "{}"}, "training": {"training": "{}"}, "seed": {"seed": "9"},
                              "data": {"data_digest": "1"}, "missing": {"images": None}, "skipped": {"skipped": "9"}}.items():
            metadata = {k: v for k, v in {**header["__metadata__"], **changes}.items() if v is not None}
            put("checkpoint", f"{name}-{precision}", tensors({**header, "__metadata__": metadata}, data))
        other = {("ema.x" if k == "ema.layers.0.bias" else k): v for k, v in header.items()}
        put("checkpoint", f"tensor-{precision}", tensors(other, data))
        # Version 2 adds the last weights with which a loss was finite: here the present ones, which the data begin with.
        good = {k: v for k, v in header.items() if k.startswith(("model.", "ema."))}
        end = max(v["data_offsets"][1] for v in good.values())
        added = {f"good.{k}": {**v, "data_offsets": [len(data) + at for at in v["data_offsets"]]} for k, v in good.items()}
        second = {**header, "__metadata__": {**header["__metadata__"], "version": "2"}, **added}
        put("checkpoint", f"good-2-{precision}", tensors(second, data + data[:end]))
        second["good.model.x"] = second.pop("good.model.layers.0.bias")
        put("checkpoint", f"no-good-weight-{precision}", tensors(second, data + data[:end]))


def idx():
    plain = lambda dims, data, kind=8, zeros=b"\0\0": zeros + bytes([kind, len(dims)]) + b"".join(struct.pack(">I", d) for d in dims) + data
    images, labels = plain([2, 3, 4], bytes(range(24))), plain([5], bytes(5))
    pack = lambda content: gzip.compress(content, mtime=0)
    for name, content in {
            "good-images": images, "good-labels": labels, "good-images-gz": pack(images), "good-f64": plain([2], bytes(16), 14), "good-i16": plain([3], bytes(6), 11),
            "good-f32-gz": pack(plain([1, 1], b"\x3f\x80\0\0", 13)), "empty": b"", "magic": plain([5], bytes(5), zeros=b"\1\0"), "type": plain([5], bytes(5), 10),
            "no-dimensions": plain([], b"x"), "zero-size": plain([0, 3], b""), "overflow": plain([2**32 - 1] * 3, b""), "cut": images[:-1], "longer": images + b"x",
            "cut-header": images[:9], "gz-cut": pack(images)[:-9], "gz-after": pack(images) + b"x", "gz-crc": pack(images)[:-8] + bytes(8),
            "gz-bomb": pack(plain([2], bytes(100000))), "gz-short": pack(images[:-1]), "gz-header": b"\x1f\x8b\x08\xff" + bytes(20)}.items():
        put("idx", name, content)


def csv():
    line = ",".join(["0", "16"] * 32) + ",7"
    for name, content in {
            "good-lf": line + "\n" + line + "\n", "good-crlf": line + "\r\n", "good-no-end": line, "empty": "", "short": "1,2,3\n", "long": line + ",1\n",
            "pixel": line.replace("16", "17", 1), "label": line[:-1] + "10", "letter": line.replace("16", "x", 1), "space": " " + line, "sign": "-" + line,
            "empty-field": line.replace("16", "", 1), "empty-line": line + "\n\n" + line}.items():
        put("csv", name, content)
    pack = lambda content: gzip.compress(content.encode(), mtime=0)
    good = pack(line + "\n" + line + "\n")
    for name, content in {
            "good-gz": good, "gz-empty": pack(""), "gz-line": pack(line + "\n1,2,3\n"), "gz-cut": good[:-9], "gz-after": good + b"x", "gz-crc": good[:-8] + bytes(8),
            "gz-length": good[:-1] + b"x", "gz-bomb": pack("0," * 40000), "gz-twice": pack(line + "\n") * 2, "gz-method": b"\x1f\x8b\7" + good[3:], "gz-magic": good[:2],
            "gz-block": good[:10] + b"\7" + good[11:]}.items():
        put("csv", name, content)


def pgm():
    for name, content in {
            "good": b"P5\n3 2\n255\nabcdef", "good-comment": b"P5 # c\n# d\n2\t1 # e\n15\n\x01\x0f", "good-16": b"P5 1 2 65535\n\x01\x02\xff\xff", "magic": b"P6\n1 1\n255\nabc",
            "ascii": b"P2\n1 1\n255\n7", "zero": b"P5\n0 1\n255\n", "large": b"P5\n16385 1\n255\n", "overflow": b"P5\n99999999999999999999 1\n255\n",
            "maxval-0": b"P5\n1 1\n0\nx", "maxval": b"P5\n1 1\n65536\nxx", "above-maxval": b"P5\n1 1\n9\n\xff", "cut": b"P5\n3 2\n255\nabc", "longer": b"P5\n1 1\n255\nab",
            "cut-header": b"P5\n3", "empty": b"", "comment-without-end": b"P5 #"}.items():
        put("pgm", name, content)


def png():
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = b"\x89PNG\r\n\x1a\n"
    def image(width, height, color, rows, depth=8, interlace=0, split=False, extra=b""):
        packed = zlib.compress(rows)
        data = chunk(b"IDAT", packed[:5]) + chunk(b"IDAT", packed[5:]) if split else chunk(b"IDAT", packed)
        return head + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)) + extra + data + chunk(b"IEND", b"")
    rows = lambda width, height, channels, filters: b"".join(bytes([filters[y % len(filters)]]) + bytes((7 * i + y) % 256 for i in range(width * channels)) for y in range(height))
    good = image(3, 2, 0, rows(3, 2, 1, [0]))
    for name, content in {
            "good-grey": good, "good-rgb": image(2, 5, 2, rows(2, 5, 3, [0, 1, 2, 3, 4])), "good-rgba": image(2, 2, 6, rows(2, 2, 4, [4])),
            "good-split": image(3, 2, 0, rows(3, 2, 1, [1]), split=True), "good-text": image(3, 2, 0, rows(3, 2, 1, [0]), extra=chunk(b"tEXt", b"a\0b")),
            "signature": b"\x89PNG\n" + good[5:], "no-end": good[:-12], "cut": good[:-20], "after": good + b"x",
            "good-depth-16": image(1, 1, 0, b"\0ab", depth=16), "no-palette": image(1, 1, 3, b"\0a"),
            "good-palette": image(1, 1, 3, b"\0\1", extra=chunk(b"PLTE", b"abcdef")),
            "good-interlaced": image(3, 2, 0, b"\0a\0b\0c\0def", interlace=1),
            "zero": image(0, 2, 0, b""), "large": image(16385, 1, 0, b""), "filter": image(3, 2, 0, rows(3, 2, 1, [5])), "short-data": image(3, 2, 0, b"\0abc"),
            "long-data": image(3, 2, 0, rows(3, 3, 1, [0])), "bomb": image(1, 1, 0, bytes(200000)), "no-header": head + good[33:], "empty": b"",
            "length": good[:8] + b"\xff" + good[9:]}.items():
        put("png", name, content)


for make in (models, trainings, overrides, safetensors, model_files, checkpoints, idx, csv, pgm, png):
    make()
