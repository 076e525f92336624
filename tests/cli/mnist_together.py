#!/usr/bin/env python3
"""mnist_together.py PROGRAM: eight trainings at once reach what each reaches alone."""
import subprocess

import cli
import kill_loop


class Together(cli.Case):
    def test_eight(self):
        command = lambda seed, out: [cli.PROGRAM, "train", "--config", "digits", "--epochs", "2", "--threads", "2", "--seed", str(seed),
                                     "--checkpoint-every", "20", "--out", out]
        start = lambda *arguments: subprocess.Popen(command(*arguments), cwd=self.folder, env=cli.environment(), stdout=subprocess.DEVNULL)
        together = [start(seed, f"together-{seed}") for seed in range(8)]
        self.assertEqual([process.wait(300) for process in together], [0] * 8)
        for seed in range(8):
            self.assertEqual(start(seed, f"alone-{seed}").wait(300), 0)
            self.assertEqual(*(kill_loop.result_of(self.folder / f"{how}-{seed}") for how in ("together", "alone")))


if __name__ == "__main__":
    cli.main()
