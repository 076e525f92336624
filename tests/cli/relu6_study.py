"""relu6_study from the outside, on the embedded digits."""
import json
import os

from cli import Case, environment, main

# One net.
SMALL = ["--parts", "main", "--arms", "relu6", "--seeds", "1"]


class Study(Case):
    def environment(self):
        return environment(HOME=str(self.folder), XDG_CACHE_HOME=str(self.folder / "cache"))

    def run_program(self, *arguments, **options):
        return super().run_program(*arguments, **{"env": self.environment(), **options})

    def test_a_study_is_made_resumed_and_verified(self):
        out = self.succeeds("--quick", *SMALL, "--out", "a")
        self.assertLessEqual(max(map(len, out.splitlines())), 140)
        tables = {p.name: p.read_bytes() for p in (self.folder / "a").glob("*.csv") if p.name != "timing.csv"}
        self.assertTrue(tables["runs.csv"].startswith(b"run,dataset,net,arm,"))
        self.assertEqual(tables["runs.csv"].count(b"\n"), 2)
        self.assertEqual(json.loads((self.folder / "a/manifest.json").read_text())["mode"], "quick")
        self.succeeds("--quick", *SMALL, "--out", "a")  # all is there
        self.assertEqual(tables, {name: (self.folder / "a" / name).read_bytes() for name in tables})
        self.assertIn("main/relu6/1: ", self.succeeds("--verify", "a"))
        run = self.folder / "a/runs.csv"
        final = run.read_text().splitlines()[1].split(",")[14]
        run.write_text(run.read_text().replace(final, "0" * 16))
        changed = self.run_program("--verify", "a")
        self.assertEqual((changed.returncode, "was " + "0" * 16 in changed.stdout), (1, True), changed.stdout)
        manifest = self.folder / "a/manifest.json"
        manifest.write_text(manifest.read_text().replace('"design_sha256": "7', '"design_sha256": "8'))
        self.refuses("--verify", "a", says="docs/STUDY_DESIGN.md has changed since")

    def test_bad_input_is_one_line(self):
        self.refuses("--arms", "relu7", says=["there is no arm relu7", "relu6"])
        self.refuses("--parts", "mein", says=["there is no part mein", "main"])
        self.refuses("--seeds", "0", says="--seeds 0")
        self.refuses("--quick", "--full", says="--full")
        self.refuses("--data", "nowhere", says="nowhere")
        self.refuses("--verify", "nowhere", says="nowhere")
        (self.folder / "file").write_text("")
        self.refuses(*SMALL, "--out", "file/x", says="file")
        if os.geteuid():
            (self.folder / "locked").mkdir(mode=0o500)
            self.refuses(*SMALL, "--out", "locked", says="locked")


main()
