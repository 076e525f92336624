#!/usr/bin/env python3
"""mnist_resume.py PROGRAM: checkpoints, interruptions and going on, from the outside."""
import json
import pathlib
import re
import resource
import signal
import subprocess
import time

import cli
import kill_loop

DIGITS = ["train", "--config", "digits", "--epochs", "4"]


def waits(pid, number):
    """Whether a signal sent to a process has not been taken yet."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^ShdPnd:\s*(\w+)$", status, re.M)[1], 16) >> (number - 1) & 1


class Resume(cli.Case):
    def checkpoints(self, out="run"):
        return sorted(p.name for p in (self.folder / out).glob("checkpoint-*"))

    def result(self, out="run"):
        return kill_loop.result_of(self.folder / out)

    def interrupt(self, signals, *arguments, out="run"):
        """Sends signals once the first epoch is logged, each when the one before was taken; returns exit code and output."""
        process = subprocess.Popen([cli.PROGRAM, *DIGITS[:-1], "400", "--out", out, *arguments], cwd=self.folder, env=cli.environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        log = self.folder / out / "metrics.jsonl"
        while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 2):
            time.sleep(0.005)
        for number in signals:
            process.send_signal(number)
            while process.poll() is None and waits(process.pid, number):
                pass
        text, errors = process.communicate(timeout=120)
        self.assertEqual(errors, "")
        return process.returncode, text

    def test_ctrl_c_and_sigterm_leave_a_checkpoint_and_say_how_to_go_on(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            code, text = self.interrupt([number], "--checkpoint-every", "1000000")
            self.assertEqual(code, 128 + number)
            self.assertIn("mnist train --resume --out run --checkpoint-every 1000000", text)
            self.assertEqual(len(self.checkpoints()), 1)
            self.assertIn(f"interrupted; all of it is in run/{self.checkpoints()[0]}", text)
            self.assertFalse((self.folder / "run/result.json").exists())
            self.refuses("train", "--config", "digits", "--out", "run", says=["run: holds a run", "--overwrite"])
            self.refuses(*DIGITS, "--out", "run", "--resume", says=["run: holds the run of another config", "training.epochs is 400, not 4"])
            for path in (self.folder / "run").iterdir():
                path.unlink()

    def test_more_signals_after_the_first_cost_no_checkpoint(self):
        # `timeout` and a closing terminal send more than one. Of those that come at the same time, the one of the smallest number is first.
        for i, signals in enumerate([(signal.SIGHUP, signal.SIGTERM, signal.SIGHUP), (signal.SIGTERM, signal.SIGTERM), (signal.SIGHUP, signal.SIGINT),
                                     (signal.SIGINT, signal.SIGTERM)]):
            code, text = self.interrupt(signals, "--threads", "1", out=f"run{i}")
            self.assertEqual((code, len(self.checkpoints(f"run{i}"))), (128 + signals[0], 1), signals)
            self.assertIn(f"interrupted; all of it is in run{i}/", text)

    def test_without_its_log_a_run_goes_on_with_a_new_one(self):
        self.succeeds(*DIGITS, "--out", "run", "--checkpoint-every", "50")
        log, whole = self.folder / "run/metrics.jsonl", self.result()
        lines = log.read_text().splitlines()
        (self.folder / "run/result.json").unlink()
        log.write_text(lines[0][:20])
        self.refuses("train", "--resume", "--out", "run", says=["run/metrics.jsonl: has 20 bytes", "or remove it"])
        log.unlink()
        text = self.succeeds("train", "--resume", "--out", "run", "--threads", "1")
        self.assertIn("run/metrics.jsonl: is missing, a new log begins here", text)
        self.assertIn("; 1 thread\n", text)
        self.assertEqual(json.loads(log.read_text().splitlines()[0])["format"], "sixgrad-log")
        self.assertEqual([json.loads(line)["epoch"] for line in log.read_text().splitlines()[1:]], [4, 4])
        self.assertEqual(self.result()[0], whole[0])
        (self.folder / "run/result.json").unlink()  # as if killed before its end: the checkpoint goes on in the new log
        self.assertIn("going on after step 150", self.succeeds("train", "--resume", "--out", "run"))
        self.assertEqual(self.result()[0], whole[0])

    def test_a_log_that_does_not_reach_the_disk_is_no_result(self):
        (self.folder / "run").mkdir()
        (self.folder / "run/metrics.jsonl").symlink_to("/proc/self/comm")  # can be written, not synced
        result = self.run_program(*DIGITS[:-1], "1", "--out", "run", "--resume")
        self.assertEqual((result.returncode, result.stderr), (2, "mnist: run/metrics.jsonl: cannot be written to the disk: Invalid argument\n"))
        self.assertFalse((self.folder / "run/result.json").exists())

    def test_memory_that_a_checkpoint_lacks_is_not_laid_to_the_step(self):
        wide = {"format": "sixgrad-model", "version": 1, "name": "wide", "input": [8, 8, 1], "layers": [
            {"type": "flatten"}, *[{"type": "linear", "out_features": n} for n in (1500, 1500, 10)]],
            "training": {"data": "digits", "epochs": 1000, "batch": 400}}
        (self.folder / "wide.json").write_text(json.dumps(wide))
        train = ["train", "--config", "wide.json", "--threads", "1", "--out", "run"]

        def started(*arguments, limit=resource.RLIM_INFINITY):
            process = subprocess.Popen([cli.PROGRAM, *train, "--overwrite", *arguments], cwd=self.folder, env=cli.environment(), text=True,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
            log = self.folder / "run/metrics.jsonl"
            while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 2):
                time.sleep(0.005)
            return process

        process = started()
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        process.kill(), process.communicate()
        peak = int(re.search(r"^VmPeak:\s*(\d+) kB$", status, re.M)[1]) << 10
        if peak > 1 << 36:
            self.skipTest("a sanitizer's shadow is larger than any limit")
        limit = peak + (4 << 20)  # a checkpoint is larger
        for steps, every in ((r"\d+", ()), ("5", ("--checkpoint-every", "5"))):
            (self.folder / "run/metrics.jsonl").unlink()
            process = started(*every, limit=limit)
            if not every:
                process.send_signal(signal.SIGTERM)
            errors = process.communicate(timeout=120)[1]
            self.assertEqual(process.returncode, 2, errors)
            self.assertRegex(errors, rf"^mnist: run: not enough memory to write the checkpoint of step {steps}; free some, then begin again with --overwrite\n$")

    def test_a_teacher_is_found_again(self):
        self.succeeds("train", "--config", "digits", "--epochs", "1", "--seed", "2", "--out", "large")
        learn = [*DIGITS[:-1], "2", "--teacher", "large"]
        self.succeeds(*learn, "--out", "whole")
        config = json.loads((self.folder / "whole/model.json").read_text())
        self.assertEqual(config["training"]["distillation"], {"teacher": "large", "weight": 0.9, "temperature": 4})
        self.succeeds(*learn, "--out", "run", "--checkpoint-every", "30")
        (self.folder / "run/result.json").unlink()
        self.assertIn("going on after step 60", self.succeeds("train", "--resume", "--out", "run"))
        self.assertEqual(self.result(), self.result("whole"))
        self.refuses(*learn, "--out", "large", "--overwrite", says=["large: holds large", "another --out"])
        (self.folder / "run/result.json").unlink()
        (self.folder / "large").rename(self.folder / "moved")
        self.refuses("train", "--resume", "--out", "run", says=["training.distillation.teacher", "large"])
        self.succeeds("train", "--resume", "--out", "run", "--teacher", str(self.folder / "moved"))
        self.assertEqual(self.result()[::2], self.result("whole")[::2])  # weights and log; model.json has the path

    def test_what_a_training_learns_from_is_kept_however_it_is_named(self):
        self.succeeds(*DIGITS[:-1], "1", "--out", ".")
        (self.folder / "some/where").mkdir(parents=True)
        for name in ("model.json", "model.safetensors"):
            (self.folder / "some/where" / name).symlink_to(self.folder / name)
        (self.folder / "link").symlink_to(".")
        for source in ("model.safetensors", "link", "some/where", "some/where/model.safetensors"):
            for learn in (["--config", "more", "--from", source], ["--config", "digits", "--teacher", source]):
                self.refuses("train", *learn, "--epochs", "1", "--out", ".", "--overwrite", says=[f".: holds {source}", "choose another --out"])

    def test_interrupted_and_resumed_is_uninterrupted(self):
        self.succeeds(*DIGITS, "--out", "whole", "--threads", "1")
        self.succeeds(*DIGITS, "--out", "run", "--threads", "2", "--checkpoint-every", "10")
        self.assertEqual(self.checkpoints(), ["checkpoint-160.safetensors", "checkpoint-170.safetensors"])
        self.assertEqual(self.result(), self.result("whole"))
        # As if killed after the checkpoint of step 170: the log has lines that the training is yet to write again.
        (self.folder / "run/result.json").unlink()
        (self.folder / "run/model.safetensors").unlink()
        text = self.succeeds("train", "--resume", "--out", "run", "--threads", "7")
        self.assertIn("run: going on after step 170 of 176", text)
        self.assertEqual(self.result(), self.result("whole"))
        before = self.snapshot()
        self.assertIn("run: is finished", self.succeeds("train", "--resume", "--out", "run"))
        self.assertEqual(self.snapshot(), before)
        self.succeeds(*DIGITS, "--out", "run", "--overwrite")
        self.assertEqual(self.checkpoints(), [])

    def test_before_the_first_checkpoint_it_starts_from_the_beginning_and_says_so(self):
        self.succeeds(*DIGITS, "--out", "whole")
        self.assertIn("run: no checkpoint yet, starting from the beginning", self.succeeds(*DIGITS, "--out", "run", "--resume"))
        self.assertEqual(self.result(), self.result("whole"))

    def test_a_fine_tuning_goes_on_from_its_first_weights_and_from_any_checkpoint(self):
        self.succeeds(*DIGITS, "--out", "trained")
        for config in ("more", "qat"):
            begin = ["train", "--config", config, "--from", "trained", "--epochs", "2", "--out"]
            self.succeeds(*begin, f"{config}-whole")
            for step, every in ((0, ["--checkpoint-every", "10000"]), (20, ["--checkpoint-every", "10"])):
                out = f"{config}-{step}"
                self.succeeds(*begin, out, "--threads", "2", *every)
                self.assertEqual(self.checkpoints(out)[-1], f"checkpoint-{step}.safetensors")
                for name in ("result.json", "model.safetensors"):  # as if killed after that checkpoint
                    (self.folder / out / name).unlink()
                text = self.succeeds("train", "--resume", "--out", out)
                self.assertIn(f"{out}: going on after step {step} of", text)
                self.assertIn("checkpoints: only if interrupted", text)
                self.assertEqual(self.result(out), self.result(f"{config}-whole"))

    def test_a_damaged_checkpoint_is_passed_over_loudly_and_two_are_the_end(self):
        self.succeeds(*DIGITS, "--out", "run", "--checkpoint-every", "10")
        whole = self.result()
        (self.folder / "run/result.json").unlink()
        newest, older = self.folder / "run/checkpoint-170.safetensors", self.folder / "run/checkpoint-160.safetensors"
        newest.write_bytes(newest.read_bytes()[:-5])
        text = self.succeeds("train", "--resume", "--out", "run")
        self.assertIn("WARNING: DAMAGED CHECKPOINT: run/checkpoint-170.safetensors", text)
        self.assertIn("going on after step 160", text)
        self.assertEqual(self.result(), whole)
        (self.folder / "run/result.json").unlink()
        older.write_bytes(b"")
        self.refuses("train", "--resume", "--out", "run", says=["run/checkpoint-160.safetensors", "no checkpoint in run can be read; remove them to begin again"])

    def test_refusals(self):
        self.refuses("train", "--config", "digits", "--resume", says="--resume needs --out")
        self.refuses(*DIGITS, "--resume", "--overwrite", "--out", "run", says="only one can be given")
        self.refuses("train", "--resume", "--out", "nothing", says=["nothing: has no model.json", "--config"])
        self.refuses("train", "--config", "qat", "--out", "run", says=["qat: is a training without layers", "--from"])
        for steps in ("0", "-1", "x", "1.5"):
            self.refuses(*DIGITS, "--checkpoint-every", steps, "--out", "run", says="--checkpoint-every")

    def test_one_process_at_a_time(self):
        process = subprocess.Popen([cli.PROGRAM, *DIGITS[:-1], "400", "--out", "run"], cwd=self.folder, env=cli.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while process.poll() is None and not (self.folder / "run/model.json").exists():
            time.sleep(0.005)
        for more in ("--resume", "--overwrite"):
            result = self.run_program(*DIGITS[:-1], "400", "--out", "run", more)
            self.assertEqual((result.returncode, result.stderr.count("\n")), (2, 1))
            self.assertIn("run: is in use by another process", result.stderr)
        process.send_signal(signal.SIGTERM)
        self.assertEqual((process.wait(120), process.stderr.read()), (128 + signal.SIGTERM, b""))

    def test_kill(self):
        self.assertEqual(kill_loop.kill_loop(cli.PROGRAM, self.folder, 4, seed=1), 4)


if __name__ == "__main__":
    cli.main()
