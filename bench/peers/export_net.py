"""Writes batchN.onnx or batchN.tflite, for batches of N images, into a folder of `bench export`; with --int8 quantised
after training, as batchN_int8.*."""
import argparse
import os
import pathlib
import warnings

import data
import nets
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("format", choices=["onnx", "tflite"])
parser.add_argument("--folder", type=pathlib.Path, required=True)
parser.add_argument("--batch", type=int, default=1)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--int8", action="store_true")
options = parser.parse_args()
CALIBRATION = 256  # images, the first
file = options.folder / f"batch{options.batch}.{options.format}"
torch.set_num_threads(options.threads)
net = nets.exported(options.folder).eval()


def write_onnx() -> None:
    warnings.simplefilter("ignore")
    example = torch.from_numpy(data.images(options.folder, options.batch))
    torch.onnx.export(net, (example,), str(file), input_names=["x"], output_names=["y"], opset_version=17, dynamo=False)


def quantize_onnx() -> None:
    """Weights of each output channel with their own scale, activations in unsigned bytes: what both runtimes have fast
    kernels for."""
    from onnxruntime import quantization

    images = data.images(options.folder, CALIBRATION).reshape(-1, options.batch, *data.images(options.folder, 1).shape[1:])

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.batches = iter(images)

        def get_next(self):
            batch = next(self.batches, None)
            return None if batch is None else {"x": batch}

    types = {"activation_type": quantization.QuantType.QUInt8, "weight_type": quantization.QuantType.QInt8}
    prepared, quantized = file.with_suffix(".prepared.onnx"), file.with_name(f"batch{options.batch}_int8.onnx")
    quantization.shape_inference.quant_pre_process(str(file), str(prepared))
    quantization.quantize_static(
        str(prepared), str(quantized), Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True, **types
    )


def write_tflite() -> None:
    """Where the stride is 2 and the size even, TensorFlow's "SAME" pads only right and below, PyTorch on all sides but
    uses only left and above. Mirrored kernels on mirrored images make them the same arithmetic, without an operator of
    its own for the padding."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    leaves = [m for m in net.modules() if not list(m.children())]

    def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d):
        """Kernel [h, w, in, out], for a depthwise convolution [h, w, channels, 1], and bias."""
        w, b = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        order = (2, 3, 0, 1) if conv.groups > 1 else (2, 3, 1, 0)
        return tf.constant(w.detach().flip(2, 3).permute(order).numpy()), tf.constant(b.detach().numpy())

    def forward(x):
        for leaf, following in zip(leaves, leaves[1:] + [None]):
            if isinstance(leaf, nn.Conv2d):
                kernel, bias = folded(leaf, following)
                convolve = tf.nn.depthwise_conv2d if leaf.groups > 1 else tf.nn.conv2d
                x = convolve(x, kernel, (1, leaf.stride[0], leaf.stride[1], 1), "SAME") + bias
            elif isinstance(leaf, nn.ReLU6):
                x = tf.nn.relu6(x)
            elif isinstance(leaf, nn.ReLU):
                x = tf.nn.relu(x)
            elif isinstance(leaf, nets.GlobalAvgPool):
                x = tf.reduce_mean(x, (1, 2))
            elif isinstance(leaf, nn.Linear):
                x = tf.matmul(x, tf.constant(leaf.weight.detach().numpy().T)) + tf.constant(leaf.bias.detach().numpy())
        return x

    height, width, channels = data.config(options.folder)["input"]
    signature = tf.TensorSpec((options.batch, height, width, channels), tf.float32)
    function = tf.function(forward, input_signature=[signature]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if not options.int8:
        file.write_bytes(converter.convert())
        return
    images = data.images(options.folder, CALIBRATION).transpose(0, 2, 3, 1)[:, ::-1, ::-1]
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([i[None]] for i in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    file.with_name(f"batch{options.batch}_int8.tflite").write_bytes(converter.convert())


if options.format == "onnx":
    write_onnx()
    if options.int8:
        quantize_onnx()
else:
    write_tflite()
