#!/usr/bin/env python3
"""own_programs.py OWN_OP: an op and a layer of one's own are checked, trained and saved; what goes wrong is an exit code and one line."""
import re

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


if __name__ == "__main__":
    cli.main()
