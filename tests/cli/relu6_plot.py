#!/usr/bin/env python3
"""relu6_plot.py PROGRAM: the table that is printed, the two files, and what is refused."""
import os
import re

import cli

# ReLU6 in float32: x, its bits, y, its bits, dy/dx with at_kink 0, 0.5, 1, [0, 1].
TABLE = """
-inf FF800000 0 00000000 0 0 0 0
-1 BF800000 0 00000000 0 0 0 0
-den 80000001 0 00000000 0 0 0 0
-0 80000000 -0 80000000 0 0.5 1 0
+0 00000000 0 00000000 0 0.5 1 0
+den 00000001 1.4012985e-45 00000001 1 1 1 1
3 40400000 3 40400000 1 1 1 1
6- 40BFFFFF 5.9999995 40BFFFFF 1 1 1 1
6 40C00000 6 40C00000 0 0.5 1 1
6+ 40C00001 6 40C00000 0 0 0 0
7 40E00000 6 40C00000 0 0 0 0
+inf 7F800000 6 40C00000 0 0 0 0
NaN 7FC00000 nan 7FC00000 0 0 0 0
"""


class Plot(cli.Case):
    def test_table_and_figure(self):
        text = self.succeeds("--out", "figures")
        rows = [line.split() for line in text.splitlines()]
        for expected in TABLE.strip().splitlines():
            self.assertIn(expected.split(), rows)
        svg = (self.folder / "figures/relu6.svg").read_text()
        self.assertIn("ReLU6 and Derivative", svg)
        curves = re.findall(r"<path stroke='rgb\(([^)]*)\)'\s+d='([^']*)'", svg)
        self.assertTrue({"31, 119, 180", "255, 127,  14"} <= {c.strip() for c, path in curves if path.count(",") > 900}, [c for c, _ in curves])
        png = (self.folder / "figures/relu6.png").read_bytes()
        self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual((int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")), (1200, 800))
        self.assertEqual(len(os.listdir(self.folder / "figures")), 2)

    def test_refusals(self):
        (self.folder / "file").write_text("x")
        self.refuses("--frobnicate", says="--frobnicate")
        self.refuses("--out", "file/x", says="file")
        self.refuses("--out", "new", env=cli.environment(PATH="/nowhere"), says=["gnuplot", "apt-get install gnuplot"])
        self.assertIn("--out", self.succeeds("--help"))
        self.assertRegex(self.succeeds("--version"), r"\d+\.\d+\.\d+")


if __name__ == "__main__":
    cli.main()
