"""Measures sixgrad and other frameworks side by side.

Every contestant trains or runs the same net from the same weights on the same images; its results are compared with
sixgrad's before its times count. Then all take turns, round after round, only one of them awake at a time."""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

import report
from contest import KEEP_MEMORY, Contest, Entry

HERE = pathlib.Path(__file__).resolve().parent
CONFIGS = HERE.parent.parent / "examples" / "configs"
NAMES = {"m28": "mobilenet_28", "m14": "mobilenet_14"}
MODES = [(layout, compiled) for layout in ("channels_last", "contiguous") for compiled in (False, True)]
RUNTIMES = {
    "torch": "PyTorch, jit frozen",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "litert": "LiteRT (XNNPACK)",
}
FORMATS = {"onnxruntime": "onnx", "openvino": "onnx", "litert": "tflite"}
INFERENCE = {"infer": [(1, 1), (256, 2)], "int8": [(1, 1)]}  # batch, threads
TASKS = ["step", "infer", "int8", "fit"]
INT8 = "int8 is inference in integers, everyone quantising the same net after training, on the same images"
FIT = "fit is a whole training on MNIST, from the start of the process, with the files in $MNIST_DIR"
TOLERANCE = 1e-3  # of losses and logits, of the largest
INT8_TOLERANCE = 0.1  # of logits that come from 8 bits with each one's own ranges
SETUP = """The frameworks are installed into a virtual environment, build/peers-venv or what --venv DIR says. --no-litert
leaves LiteRT out and with it TensorFlow, which writes its files."""


def listed(kind: type):
    return lambda text: [kind(part) for part in text.split(",")]


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="scripts/bench.sh --peers", description=__doc__, usage="%(prog)s [options]", epilog=SETUP)
    p.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    p.add_argument("--out", type=pathlib.Path, required=True, help="for report.txt, report.json and logs (build/peers)")
    p.add_argument("--nets", type=listed(str), default=["m28", "m14"], help="m28, m14, names of configs or model files (m28,m14)")
    p.add_argument("--threads", type=listed(int), default=[1, 2], help="of training (1,2)")
    p.add_argument("--batch", type=int, default=128, help="of training (128)")
    p.add_argument("--rounds", type=int, default=5, help="steady ones that are wanted (5); at most twice as many are run")
    p.add_argument("--steps", type=int, default=20, help="of each in a round (20); of calls on one image 25 times as many")
    p.add_argument("--tasks", type=listed(str), default=["step", "infer"], help=f"of {','.join(TASKS)} (step,infer); {INT8}; {FIT}")
    p.add_argument("--runtimes", type=listed(str), default=list(RUNTIMES), help=f"for inference ({','.join(RUNTIMES)})")
    p.add_argument("--default-malloc", action="store_true", help="do not set the C library to keep freed memory, for anyone")
    p.add_argument("--seeds", type=int, default=3, help="of fit (3)")
    options = p.parse_args()
    for name, known in (("tasks", TASKS), ("runtimes", list(RUNTIMES))):
        if set(getattr(options, name)) - set(known):
            p.error(f"--{name} takes {', '.join(known)}")
    if min(options.threads + [options.batch, options.rounds, options.steps, options.seeds]) < 1:
        p.error("numbers must be positive")
    if "fit" in options.tasks and "MNIST_DIR" not in os.environ:
        p.error("fit needs the environment variable MNIST_DIR, a folder with the four files of MNIST")
    return options


def machine() -> dict:
    info = {"system": platform.platform(), "processors": os.cpu_count(), "load_at_start": os.getloadavg()[0]}
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n"):
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "flags", "Features", "cache size"):
            info.setdefault(key.strip(), value.strip())
    compiler = subprocess.run(["c++", "--version"], capture_output=True, text=True)
    return {**info, "c++": compiler.stdout.split("\n")[0]}  # compiles what PyTorch generates


class Comparison:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.logs = options.out / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.bench = str(options.programs / "bench")
        self.result = {"machine": machine(), "command": " ".join(sys.argv[1:]), "versions": {}, "contests": []}
        self.text = options.out / "report.txt"
        self.text.write_text("", encoding="utf-8")

    def say(self, text: str) -> None:
        print(text, flush=True)
        with open(self.text, "a", encoding="utf-8") as file:
            print(text, file=file)

    def note(self, contest: dict, text: str) -> None:
        self.result["contests"].append(contest)
        for contestant in contest["contestants"]:
            about = contestant.pop("about", None)
            if about:
                self.result["versions"][about.pop("name")] = about
        (self.options.out / "report.json").write_text(json.dumps(self.result, indent=1) + "\n", encoding="utf-8")
        self.say("\n" + text)

    def start_of(self, net: str) -> pathlib.Path:
        """The folder with the weights and images that all begin with."""
        folder = self.options.out / net.replace("/", "_")
        folder.mkdir(exist_ok=True)
        subprocess.run([self.bench, "export", "--net", net, "--batch", str(self.options.batch), "--folder", folder], check=True)
        return folder

    def entry(self, label: str, script: str, folder: pathlib.Path, batch: int, threads: int, *more: str) -> Entry:
        common = ["--folder", str(folder), "--batch", str(batch), "--threads", str(threads)]
        return Entry(label, [sys.executable, str(HERE / script), *more, *common])

    def own(self, task: str, net: str, folder: pathlib.Path, batch: int, threads: int) -> list[str]:
        common = ["--folder", str(folder), "--batch", str(batch), "--threads", str(threads)]
        return [self.bench, "worker", "--task", task, "--net", net, *common]

    def probe(self, threads: int) -> Entry:
        return Entry("probe", [self.bench, "worker", "--task", "probe", "--threads", str(threads)])

    def step(self, net: str, folder: pathlib.Path, threads: int) -> None:
        batch, o = self.options.batch, self.options
        entries = [Entry("sixgrad", self.own("step", net, folder, batch, threads))]
        if threads > 1:
            entries.append(Entry("sixgrad, 1 thread", self.own("step", net, folder, batch, 1), 1))
        for layout, compiled in MODES:
            label = f"PyTorch, {layout}, {'compiled' if compiled else 'eager'}"
            more = ["--layout", layout] + ["--compiled"] * compiled
            entries.append(self.entry(label, "train.py", folder, batch, threads, *more))
        contest = Contest("step", net, batch, threads, TOLERANCE)
        contest.run(entries, self.probe(threads), o.rounds, o.steps, 5, self.logs)
        found = report.contest_json(contest)
        self.note(found, report.contest_text(found))

    def infer(self, task: str, net: str, folder: pathlib.Path, batch: int, threads: int) -> None:
        o, more = self.options, ["--int8"] * (task == "int8")
        runtimes = [r for r in o.runtimes if task == "infer" or r in FORMATS]
        for kind in sorted({FORMATS[r] for r in runtimes if r in FORMATS}):
            command = self.entry(kind, "export_net.py", folder, batch, threads, kind, *more).command
            with open(self.logs / f"export_{kind}_{task}.log", "w", encoding="utf-8") as log:
                subprocess.run(command, stdout=log, stderr=log)  # if it fails, the runtimes will miss the file
        entries = [Entry("sixgrad", self.own(task, net, folder, batch, threads))]
        entries += [self.entry(RUNTIMES[r], "infer.py", folder, batch, threads, r, *more) for r in runtimes]
        count = o.steps * 25 if batch == 1 else o.steps
        contest = Contest(task, net, batch, threads, INT8_TOLERANCE if more else TOLERANCE)
        contest.run(entries, self.probe(threads), o.rounds, count, count, self.logs)
        found = report.contest_json(contest)
        self.note(found, report.contest_text(found))

    def fit(self, net: str, threads: int) -> None:
        """Whole processes, one after the other; PyTorch eager, since compiling alone takes longer than the training."""
        config = net if net.endswith(".json") else str(CONFIGS / f"{NAMES.get(net, net)}.json")
        data = os.environ["MNIST_DIR"]
        subprocess.run([sys.executable, "-c", "import torch"], check=True)  # its files are then in memory
        runs: dict[str, list[dict]] = {"sixgrad, mnist train": [], "PyTorch, channels_last, eager": []}
        for seed in range(1, self.options.seeds + 1):
            common = ["--config", config, "--data", data, "--threads", str(threads), "--seed", str(seed)]
            out = self.options.out / "run"
            own = [str(self.options.programs / "mnist"), "train", *common, "--out", str(out), "--overwrite"]
            peer = [sys.executable, str(HERE / "fit.py"), *common]
            for name, command in zip(runs, (own, peer)):
                begin = time.perf_counter()
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                seconds = time.perf_counter() - begin
                if done.returncode:
                    raise SystemExit(f"{name}: exit code {done.returncode}\n{done.stdout}")
                text = (out / "result.json").read_text() if command is own else done.stdout.strip().split("\n")[-1]
                accuracy = json.loads(text)["test_accuracy"]
                runs[name].append({"seed": seed, "seconds": seconds, "test_accuracy": accuracy})
        found = report.fit_json(net, threads, 0.99, runs)
        self.note(found, report.fit_text(found))

    def run(self) -> None:
        o, about = self.options, self.result["machine"]
        name = about.get("model name", platform.machine())
        self.say(f"{name}, {about['processors']} processors, {about['system']}, load {about['load_at_start']:.1f}")
        for net in o.nets:
            folder = self.start_of(net)
            for threads in o.threads if "step" in o.tasks else []:
                self.step(net, folder, threads)
            for task in INFERENCE.keys() & set(o.tasks):
                for batch, threads in INFERENCE[task]:
                    self.infer(task, net, folder, batch, threads)
            if "fit" in o.tasks:
                self.fit(net, max(o.threads))
        versions = [f"{name} {', '.join(map(str, v.values()))}" for name, v in self.result["versions"].items()]
        self.say("\n" + "\n".join(versions))
        self.say(f"{about['c++']} for PyTorch's compiled modes")
        if not o.default_malloc:
            self.say("all with " + " ".join(f"{name}={value}" for name, value in KEEP_MEMORY.items()))
        self.say(f"all times: {o.out / 'report.json'}")


if __name__ == "__main__":
    chosen = arguments()
    if not chosen.default_malloc:
        os.environ.update(KEEP_MEMORY)
    Comparison(chosen).run()
