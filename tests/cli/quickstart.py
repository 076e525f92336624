#!/usr/bin/env python3
"""quickstart.py PROGRAM: the README's first program is short, learns, and leaves a file that other programs read."""
import json
import pathlib
import re
import struct

import cli


class Quickstart(cli.Case):
    def test_it_is_short(self):
        source = pathlib.Path(__file__).parents[2] / "examples/quickstart.cpp"
        self.assertLessEqual(len(source.read_text().splitlines()), 25)

    def test_it_learns_the_digits(self):
        accuracy = re.fullmatch(r"test accuracy (\d+\.\d\d) %\n", self.succeeds())
        self.assertGreater(float(accuracy[1]), 90)
        weights = (self.folder / "quickstart.safetensors").read_bytes()
        header = json.loads(weights[8:8 + struct.unpack("<Q", weights[:8])[0]])
        self.assertEqual(header["layers.3.depthwise.weight"]["shape"], [16, 1, 3, 3])

    def test_it_takes_a_folder(self):
        cli.mnist_files(self.folder / "bars", train=320, test=20)
        self.assertRegex(self.succeeds("bars"), r"^test accuracy \d+\.\d\d %\n$")

    def test_output_that_is_lost_is_an_error_and_costs_no_weights(self):
        self.loses_output()
        self.assertGreater((self.folder / "quickstart.safetensors").stat().st_size, 1000)

    def test_a_folder_without_images_is_one_line(self):
        self.refuses("nowhere", says=["quickstart: nowhere: has no train-images-idx3-ubyte"])


if __name__ == "__main__":
    cli.main()
