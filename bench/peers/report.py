"""Contests as tables and as JSON."""
from __future__ import annotations

import statistics

from contest import Contest, change

UNITS = {"step": ("ms", 1e3), "infer": ("us", 1e6), "int8": ("us", 1e6)}
QUANTILES = {"median": 0.5, "min": 0, "q1": 0.25, "q3": 0.75}
HEAD = " " * 34 + "".join(f"{name:>12}" for name in QUANTILES) + f"{'ratio':>8}"


def quantile(sorted_values: list[float], share: float) -> float:
    position = share * (len(sorted_values) - 1)
    low = int(position)
    high = min(low + 1, len(sorted_values) - 1)
    return sorted_values[low] + (position - low) * (sorted_values[high] - sorted_values[low])


def summary(seconds: list[float], scale: float = 1) -> dict:
    values = sorted(s * scale for s in seconds)
    return {name: quantile(values, share) for name, share in QUANTILES.items()}


def contest_json(contest: Contest) -> dict:
    """Times are of the steady rounds; of all, if there are none."""
    unit, scale = UNITS[contest.task]
    steady = [i for i, r in enumerate(contest.rounds) if r["steady"]]
    rows = []
    for contestant in contest.contestants:
        kept = [s for i in steady or range(len(contest.rounds)) for s in contestant.seconds[i]]
        rows.append({
            "name": contestant.label,
            **summary(kept, scale),
            "peak_rss_mb": contestant.peak_rss_mb,
            "faults_per_call": contestant.faults / sum(map(len, contestant.seconds)),
            "difference": contestant.difference,
            "about": contestant.about,
            "seconds": contestant.seconds,
        })
    for row in rows:
        row["ratio"], row["ratio_of_minima"] = row["median"] / rows[0]["median"], row["min"] / rows[0]["min"]
    return {
        "task": contest.task,
        "net": contest.net,
        "batch": contest.batch,
        "threads": contest.threads,
        "unit": unit,
        "rounds": contest.rounds,
        "contestants": rows,
        "missing": contest.missing,
    }


def plural(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def times(row: dict) -> str:
    return f"{row['name']:34}" + "".join(f"{row[key]:12.2f}" for key in QUANTILES) + f"{row['ratio']:8.2f}"


def contest_text(c: dict) -> str:
    what = {"step": "training step", "infer": "inference", "int8": "inference in 8-bit integers"}[c["task"]]
    steady, rounds = sum(r["steady"] for r in c["rounds"]), len(c["rounds"])
    calls = len(c["contestants"][0]["seconds"][0])
    title = f"{what}, {c['net']}, batch {c['batch']}, {plural(c['threads'], 'thread')}: {c['unit']}, "
    title += f"{plural(rounds, 'round')} of {calls}, {steady} of them steady"
    if not steady:
        title += "; NO ROUND WAS STEADY, times are of all and say little"
    lines = [title, f"{HEAD}{'of min':>8}{'MB':>7}{'faults':>8}"]
    for row in c["contestants"]:
        lines.append(f"{times(row)}{row['ratio_of_minima']:8.2f}{row['peak_rss_mb']:7.0f}{row['faults_per_call']:8.1f}")
    lines += [f"{name:34}  left out: {reason}" for name, reason in c["missing"].items()]
    peers = [row for row in c["contestants"] if not row["name"].startswith("sixgrad")]
    if peers:
        best = min(peers, key=lambda row: row["median"])
        ratios = f"{best['ratio']:.2f} times sixgrad's time by medians, {best['ratio_of_minima']:.2f} by minima"
        lines.append(f"best peer: {best['name']}, {ratios}")
    first = c["rounds"][0]["before"]
    percent = [(100 * change(r["before"], r["after"]), "" if r["steady"] else " (not steady)") for r in c["rounds"]]
    changes = ", ".join(f"{number:.0f} %{remark}" for number, remark in percent)
    lines.append(f"the machine: {first['fma_gflops']:.1f} GFLOP/s, {first['read_gb_s']:.1f} GB/s; changes by round: {changes}")
    return "\n".join(lines)


def fit_json(net: str, threads: int, target: float, runs: dict[str, list[dict]]) -> dict:
    rows = []
    for name, results in runs.items():
        good = [r["test_accuracy"] for r in results]
        rows.append({
            "name": name,
            **summary([r["seconds"] for r in results]),
            "mean_accuracy": statistics.mean(good),
            "worst_accuracy": min(good),
            "reached": sum(a >= target for a in good),
            "runs": results,
        })
    for row in rows:
        row["ratio"] = row["median"] / rows[0]["median"]
    return {"task": "fit", "net": net, "threads": threads, "target": target, "contestants": rows}


def fit_text(c: dict) -> str:
    runs = len(c["contestants"][0]["runs"])
    threads, seeds = plural(c["threads"], "thread"), plural(runs, "seed")
    lines = [f"whole training on MNIST, {c['net']}, {threads}: s from the start of the process to its end, {seeds}"]
    lines.append(f"{HEAD}{'mean %':>8}{'worst':>8}  reached {100 * c['target']:g} %")
    for row in c["contestants"]:
        accuracy = f"{100 * row['mean_accuracy']:8.2f}{100 * row['worst_accuracy']:8.2f}"
        lines.append(f"{times(row)}{accuracy}  {row['reached']} of {runs}")
    return "\n".join(lines)
