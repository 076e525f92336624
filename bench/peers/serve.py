"""The side of a peer in a comparison: answers the requests that bench/bench.h describes, with one JSON object a line."""
import gc
import json
import os
import resource
import sys
import time
from typing import Callable

replies = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no reply


def reply(answer: dict) -> None:
    print(json.dumps(answer), file=replies, flush=True)


def timed(once: Callable[[], object], warmup: int, count: int) -> dict:
    for _ in range(warmup):
        once()
    seconds = [0.0] * count
    gc.collect()
    gc.disable()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for i in range(count):
        start = time.perf_counter()
        once()
        seconds[i] = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    gc.enable()
    return {"seconds": seconds, "minor_faults": usage.ru_minflt - before, "peak_rss_mb": usage.ru_maxrss / 1024}


def serve(name: str, version: str, once: Callable[[], object], check: Callable[[], list[float]]) -> None:
    """`once` is a step or a call; `check` gives the values by which the peers are compared."""
    reply({"name": name, "version": version})
    for line in sys.stdin:
        request, *numbers = line.split()
        reply({"values": check()} if request == "check" else timed(once, *map(int, numbers)))
