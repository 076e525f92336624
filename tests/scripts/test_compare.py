"""The comparison with other frameworks, with contestants that only pretend."""
import os
import pathlib
import sys
import textwrap
import time
import unittest

from fixture import ROOT, TreeTest

sys.path.insert(0, str(ROOT / "bench" / "peers"))
import contest  # noqa: E402
import report  # noqa: E402

# Answers as bench/bench.h says, and keeps a diary. Its arguments: name, speed, value, and what it does in its turns.
PRETENDER = textwrap.dedent("""
    import json, os, sys
    name, seconds, value, habit = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    if habit == "missing": sys.exit("no module named " + name)
    print(json.dumps({"name": name, "version": "1"}), flush=True)
    probes = 0
    for line in sys.stdin:
        request, *numbers = line.split()
        with open("diary", "a") as diary: diary.write(f"{name} {line}")
        if habit == "dies" and numbers[:1] == ["3"]: sys.exit("out of luck")
        if request == "check": answer = {"values": [1.0, value]}
        elif request == "probe":
            probes += 1
            answer = {"fma_gflops": 100, "read_gb_s": 10 if habit != "drifts" or probes != 2 else 9.4}
        else: answer = {"seconds": [seconds] * int(numbers[1]), "minor_faults": 4, "peak_rss_mb": 50}
        print(json.dumps(answer), flush=True)
""")


class Compare(TreeTest):
    def entry(self, name, seconds=1.0, value=2.0, habit="works", threads=None):
        script = self.write("pretender.py", PRETENDER)
        return contest.Entry(name, [sys.executable, str(script), name, str(seconds), str(value), habit], threads)

    def compare(self, *entries, probe="works", rounds=2, task="step"):
        here = os.getcwd()
        os.chdir(self.root)
        self.addCleanup(os.chdir, here)
        c = contest.Contest(task, "m28", 128, 2, 1e-3)
        c.run(list(entries), self.entry("probe", habit=probe), rounds, 5, 4, pathlib.Path(self.root))
        return c

    def diary(self):
        return (pathlib.Path(self.root) / "diary").read_text().split("\n")[:-1]

    def test_contestants_take_turns_between_probes(self):
        self.compare(self.entry("a"), self.entry("b"))
        start = ["a check", "b check", "a run 0 4", "b run 0 4", "probe probe"]
        self.assertEqual(self.diary(), start + ["a run 3 5", "b run 3 5", "probe probe"] * 2)

    def test_ratios_are_of_medians(self):
        c = report.contest_json(self.compare(self.entry("sixgrad", 0.25), self.entry("b", 0.75)))
        self.assertEqual([row["median"] for row in c["contestants"]], [250, 750])
        self.assertEqual([row["ratio"] for row in c["contestants"]], [1, 3])
        self.assertIn("best peer: b, 3.00 times", report.contest_text(c))

    def test_other_results_are_left_out(self):
        others = [self.entry("wrong", value=2.01), self.entry("nan", value=float("nan")), self.entry("near", value=2.001)]
        c = self.compare(self.entry("a"), *others)
        self.assertEqual([x.label for x in c.contestants], ["a", "near"])
        self.assertIn("differ by 5.0e-03", c.missing["wrong"])
        self.assertIn("nan", c.missing)

    def test_a_peer_that_cannot_start_or_dies_is_left_out_and_named(self):
        c = self.compare(self.entry("a"), self.entry("torch", habit="missing"), self.entry("b", habit="dies"))
        self.assertEqual([x.label for x in c.contestants], ["a"])
        self.assertIn("no module named torch", c.missing["torch"])
        self.assertIn("out of luck", c.missing["b"])
        self.assertIn("left out: exit code 1: no module named torch", report.contest_text(report.contest_json(c)))

    def test_without_the_first_there_is_no_comparison(self):
        for habit in ("missing", "dies"):
            with self.assertRaises(SystemExit):
                self.compare(self.entry("a", habit=habit), self.entry("b"))

    def test_rounds_in_which_the_machine_changed_are_marked_and_run_again(self):
        c = self.compare(self.entry("a"), self.entry("b"), probe="drifts", rounds=2)
        self.assertEqual([r["steady"] for r in c.rounds], [False, False, True, True])
        text = report.contest_text(report.contest_json(c))
        self.assertIn("4 rounds of 5, 2 of them steady", text)
        self.assertEqual(text.count("(not steady)"), 2)

    def test_at_most_twice_the_rounds(self):
        c = self.compare(self.entry("a"), probe="drifts", rounds=1)
        self.assertEqual([r["steady"] for r in c.rounds], [False, False])
        self.assertIn("NO ROUND WAS STEADY", report.contest_text(report.contest_json(c)))

    def test_a_contestant_sleeps_between_its_turns(self):
        busy = "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()\n"
        script = self.write("busy.py", busy + PRETENDER)
        os.chdir(self.root)
        self.addCleanup(os.chdir, ROOT)
        c = contest.Contestant("busy", [sys.executable, str(script), "busy", "1", "2", "works"], 1, pathlib.Path(self.root))
        self.addCleanup(c.end)
        c.ask("check")
        status = pathlib.Path(f"/proc/{c.process.pid}/stat")
        for _ in range(1000):  # the signal may be on its way
            if status.read_text().rpartition(")")[2].split()[0] == "T":
                break
            time.sleep(0.01)
        else:
            self.fail("never stopped")
        c.ask("check")
        c.end()
        self.assertFalse(status.exists())

    def test_quantiles(self):
        self.assertEqual(report.summary([4, 1, 3, 2, 5]), {"median": 3, "min": 1, "q1": 2, "q3": 4})
        self.assertEqual(report.summary([1, 2])["median"], 1.5)
        self.assertEqual(report.summary([7]), {"median": 7, "min": 7, "q1": 7, "q3": 7})


if __name__ == "__main__":
    unittest.main()
