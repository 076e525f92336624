"""Inference of a peer on one batch, fp32 or int8: only the call is timed, its input lies in memory as numbers."""
import argparse
import pathlib

import data
import serve

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("runtime", choices=["torch", "onnxruntime", "openvino", "litert"])
parser.add_argument("--folder", type=pathlib.Path, required=True, help="of `bench export` and export_net.py")
parser.add_argument("--batch", type=int, default=1)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--int8", action="store_true", help="the file that export_net.py --int8 wrote")
options = parser.parse_args()
folder, batch, threads = options.folder, options.batch, options.threads
file = str(folder / f"batch{batch}{'_int8' * options.int8}.")


def with_torch(images):
    import nets
    import torch

    torch.set_num_threads(threads)
    x = torch.from_numpy(images)
    with torch.inference_mode():
        net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(nets.exported(folder).eval(), x)))

    def call():
        with torch.inference_mode():
            return net(x)

    return "PyTorch", torch.__version__, call, lambda: call().numpy()


def with_onnxruntime(images):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    net = onnxruntime.InferenceSession(file + "onnx", settings, providers=["CPUExecutionProvider"])
    binding = net.io_binding()
    binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(images))
    binding.bind_output("y")

    def call():
        net.run_with_iobinding(binding)
        return binding

    return "ONNX Runtime", onnxruntime.__version__, call, lambda: call().copy_outputs_to_cpu()[0]


def with_openvino(images):
    import openvino

    hints = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = openvino.Core().compile_model(file + "onnx", "CPU", hints).create_infer_request()
    request.set_input_tensor(openvino.Tensor(images))

    def logits():
        request.infer()
        return request.get_output_tensor().data

    return "OpenVINO", openvino.__version__.split("-")[0], request.infer, logits


def with_litert(images):
    import importlib.metadata

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(file + "tflite", num_threads=threads)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    mirrored = images.transpose(0, 2, 3, 1)[:, ::-1, ::-1]  # see export_net.py
    if options.int8:
        scale, zero = source["quantization"]
        mirrored = (mirrored / scale + zero).round().clip(-128, 127).astype("int8")
    interpreter.set_tensor(source["index"], mirrored.copy())

    def logits():
        interpreter.invoke()
        scale, zero = result["quantization"] if options.int8 else (1, 0)
        return (interpreter.get_tensor(result["index"]) - float(zero)) * scale

    return "LiteRT", importlib.metadata.version("ai-edge-litert"), interpreter.invoke, logits


runtimes = {"torch": with_torch, "onnxruntime": with_onnxruntime, "openvino": with_openvino, "litert": with_litert}
name, version, call, logits = runtimes[options.runtime](data.images(folder, batch))
serve.serve(name, version, call, lambda: [float(v) for v in logits()[:data.IMAGES_CHECKED].flatten()])
