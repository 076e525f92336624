"""Writes batchN.onnx or batchN.tflite, for batches of N images, into a folder of `bench export`."""
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
options = parser.parse_args()
file = options.folder / f"batch{options.batch}.{options.format}"
torch.set_num_threads(options.threads)
net = nets.exported(options.folder).eval()


def write_onnx() -> None:
    warnings.simplefilter("ignore")
    example = torch.from_numpy(data.images(options.folder, options.batch))
    torch.onnx.export(net, (example,), str(file), input_names=["x"], output_names=["y"], opset_version=17, dynamo=False)


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
    file.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())


if options.format == "onnx":
    write_onnx()
else:
    write_tflite()
