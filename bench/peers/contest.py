"""Programs timed in turn. Each is a process of its own that answers requests (see bench/bench.h), and is stopped between its
turns, so that no pool of threads that spins while it waits for work takes time from another."""
from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import select
import signal
import subprocess
from collections.abc import Callable

# Lets the C library keep memory that was freed: PyTorch would otherwise get each step's tensors from the kernel, page by page.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4000000000", "MALLOC_TRIM_THRESHOLD_": "4000000000"}
SILENCE = 900  # seconds until a program that does not answer is given up
QUIET = 3  # untimed steps or calls at the beginning of a turn
STEADY = 0.05  # a machine that changed by more during a round was disturbed


def change(before: dict, after: dict) -> float:
    """The largest relative change of what a probe measures."""
    return max(abs(after[key] / before[key] - 1) for key in before)


class Failed(Exception):
    """A contestant that cannot take part, and why."""


def processors(count: int) -> list[int]:
    """That many of those this process may use, each of another core if there are enough cores."""
    usable, cores = sorted(os.sched_getaffinity(0)), {}
    for cpu in usable:
        siblings = pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.setdefault(siblings.read_text() if siblings.exists() else str(cpu), cpu)
    return (list(cores.values()) if len(cores) >= count else usable)[:count]


class Contestant:
    """It is held on as many processors as it has threads."""

    def __init__(self, label: str, command: list[str], threads: int, logs: pathlib.Path):
        self.label = label
        self.log = logs / ("".join(c if c.isalnum() else "_" for c in label) + ".log")
        self.seconds: list[list[float]] = []  # by round
        self.faults, self.peak_rss_mb = 0, 0.0
        self.values: list[float] = []  # by which it is compared, and how far they are from those of the first
        self.difference = 0.0
        cpus = processors(threads)

        def settle() -> None:
            os.setpgid(0, 0)
            os.sched_setaffinity(0, cpus)

        settings = {"OMP_NUM_THREADS": str(threads), "TORCHINDUCTOR_COMPILE_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        with open(self.log, "w", encoding="utf-8") as log:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
            self.process = subprocess.Popen(command, text=True, env=os.environ | settings, preexec_fn=settle, **pipes)
        try:
            self.about = self.receive()
            self.halt()
        except BaseException:
            self.end()
            raise

    def receive(self) -> dict:
        if not select.select([self.process.stdout], [], [], SILENCE)[0]:
            raise Failed(f"no answer for {SILENCE} s")
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            last = self.log.read_text(encoding="utf-8", errors="replace").strip().split("\n")[-1]
            raise Failed(f"exit code {status}: {last[:200]} ({self.log})")
        return json.loads(line)

    def halt(self) -> None:
        os.killpg(self.process.pid, signal.SIGSTOP)

    def ask(self, request: str) -> dict:
        os.killpg(self.process.pid, signal.SIGCONT)
        with contextlib.suppress(BrokenPipeError):  # `receive` says why
            print(request, file=self.process.stdin, flush=True)
        answer = self.receive()
        self.halt()
        return answer

    def turn(self, count: int) -> None:
        answer = self.ask(f"run {QUIET} {count}")
        self.seconds.append(answer["seconds"])
        self.faults += answer["minor_faults"]
        self.peak_rss_mb = answer["peak_rss_mb"]

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()


@dataclasses.dataclass
class Entry:
    """A contestant to be: `threads` if they are others than those of the contest."""

    label: str
    command: list[str]
    threads: int | None = None


@dataclasses.dataclass
class Contest:
    """Steps or calls on one net, batch and number of threads, and what came of it. The first contestant is the one that
    the others are compared with."""

    task: str
    net: str
    batch: int
    threads: int
    tolerance: float  # of the values compared before times count, of the largest
    contestants: list[Contestant] = dataclasses.field(default_factory=list)
    rounds: list[dict] = dataclasses.field(default_factory=list)  # probes before and after, and whether the machine was steady
    missing: dict[str, str] = dataclasses.field(default_factory=dict)

    def enter(self, entries: list[Entry], logs: pathlib.Path) -> None:
        for entry in entries:
            try:
                contestant = Contestant(entry.label, entry.command, entry.threads or self.threads, logs)
                self.contestants.append(contestant)
                contestant.values = contestant.ask("check")["values"]
                self.compare(self.contestants[0].values, contestant)
            except Failed as failure:
                self.drop(entry.label, failure)
            if not self.contestants:
                raise SystemExit(f"{entry.label}: {self.missing[entry.label]}")

    def compare(self, reference: list[float], contestant: Contestant) -> None:
        scale = max(abs(v) for v in reference)
        differences = [abs(a - b) / scale for a, b in zip(reference, contestant.values, strict=True)]
        contestant.difference = max(differences)
        if not all(d <= self.tolerance for d in differences):  # a NaN is not, and may hide from max
            raise Failed(f"its results differ by {contestant.difference:.1e} of the largest, {self.tolerance} is allowed")

    def drop(self, label: str, failure: Failed) -> None:
        self.missing[label] = str(failure)
        for contestant in [c for c in self.contestants if c.label == label]:
            self.contestants.remove(contestant)
            contestant.end()

    def each(self, action: Callable[[Contestant], object]) -> None:
        first = self.contestants[0]
        for contestant in self.contestants[:]:
            try:
                action(contestant)
            except Failed as failure:
                self.drop(contestant.label, failure)
        if first.label in self.missing:
            raise SystemExit(f"{first.label}: {self.missing[first.label]}")

    def run(self, entries: list[Entry], probe: Entry, rounds: int, count: int, warmup: int, logs: pathlib.Path) -> None:
        """Rounds until `rounds` of them were steady, at most twice as many. The probe tells how fast the machine is."""
        machine = Contestant(probe.label, probe.command, self.threads, logs)
        try:
            self.enter(entries, logs)
            self.each(lambda contestant: contestant.ask(f"run 0 {warmup}"))
            before = machine.ask("probe")
            while sum(r["steady"] for r in self.rounds) < rounds and len(self.rounds) < 2 * rounds:
                self.each(lambda contestant: contestant.turn(count))
                after = machine.ask("probe")
                self.rounds.append({"before": before, "after": after, "steady": change(before, after) <= STEADY})
                before = after
        finally:
            for contestant in [machine, *self.contestants]:
                contestant.end()
