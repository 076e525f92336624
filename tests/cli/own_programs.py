#!/usr/bin/env python3
"""own_programs.py OWN_OP: an op, a layer and a loop of one's own are checked, trained and saved; what goes wrong is an exit code and one line."""
import re
import time

import cli


class OwnPrograms(cli.Case):
    def test_an_op_is_checked_and_learns(self):
        first, *epochs = self.succeeds().splitlines()
        self.assertRegex(first, r"^leaky_relu6: ")
        self.assertEqual(len(epochs), 5)
        first, *_, last = (float(re.search(r"accuracy (\d+\.\d\d) %$", epoch)[1]) for epoch in epochs)
        self.assertGreater(last, first)
        self.assertGreater(last, 75)  # 84 to 88 after five epochs, as the last bits of a build have it; 10 is chance

    def test_output_that_is_lost_is_an_error(self):
        self.loses_output()


class OwnLayer(cli.Case):
    PROGRAM = cli.PROGRAM.with_name("own_layer")

    def test_a_layer_learns_and_is_saved(self):
        result = cli.subprocess.run([self.PROGRAM], capture_output=True, text=True, timeout=300)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("layer_scale", result.stdout)
        self.assertTrue(result.stdout.endswith("saved and loaded: the outputs are the same\n"), result.stdout)

    def test_output_that_is_lost_is_an_error(self):
        self.loses_output(program=self.PROGRAM)


class OwnLoop(cli.Case):
    PROGRAM = cli.PROGRAM.with_name("own_loop")

    def run_in(self, folder):
        return cli.subprocess.run([self.PROGRAM, folder], cwd=self.folder, env=cli.environment(), capture_output=True, text=True, timeout=300)

    def test_a_loop_that_was_killed_ends_in_the_same_weights(self):
        whole = self.run_in("whole")
        self.assertEqual((whole.returncode, whole.stderr), (0, ""))
        self.assertTrue(whole.stdout.startswith("beginning at step 0\n"))
        for _ in range(3):  # each time once it has gone further
            process = cli.subprocess.Popen([self.PROGRAM, "killed"], cwd=self.folder, env=cli.environment(), stdout=cli.subprocess.DEVNULL)
            path, before = self.folder / "killed/checkpoint.safetensors", None
            if path.exists():
                before = path.stat().st_ino
            while process.poll() is None and not (path.exists() and path.stat().st_ino != before):
                time.sleep(0.002)
            process.kill()
            process.wait()
        killed = self.run_in("killed")
        self.assertNotIn("beginning at step 0\n", killed.stdout)
        self.assertEqual(killed.stdout.splitlines()[-1], whole.stdout.splitlines()[-1])
        weights = [(self.folder / out / "model.safetensors").read_bytes() for out in ("whole", "killed")]
        self.assertEqual(*weights)
        self.assertEqual(sorted(p.name for p in (self.folder / "killed").iterdir()), ["checkpoint.safetensors", "model.safetensors"])


if __name__ == "__main__":
    cli.main()
