import os
import signal
import subprocess
import time

from fixture import ROOT, TreeTest


class Bash(TreeTest):
    def bash(self, text, **environment):
        return subprocess.run(["bash", "-c", text], capture_output=True, text=True, cwd=self.root, env=dict(os.environ, **environment))


class Steps(Bash):
    START = f"set -euo pipefail; root=$PWD; jobs=1; source '{ROOT}/scripts/steps.sh'; "

    def verdict(self, text):
        result = self.bash(self.START + text)
        return result.returncode, result.stdout.rstrip("\n").split("\n")[-1]

    def tool(self, name, text):
        file = self.write("tools/" + name, "#!/bin/sh\n" + text + "\n")
        os.chmod(file, 0o755)
        return f"PATH={file.parent}:$PATH; "

    def test_all_good(self):
        self.assertEqual(self.verdict("step a true; step b true; complete=yes"), (0, "2 passed, 0 failed"))

    def test_a_failure_is_counted_and_the_rest_still_runs(self):
        self.assertEqual(self.verdict("step a false; step b true; complete=yes"), (1, "1 passed, 1 failed"))

    def test_a_failure_in_the_middle_of_a_function_counts(self):
        self.assertEqual(self.verdict("f() { false; true; }; step a f; complete=yes"), (1, "0 passed, 1 failed"))

    def test_an_empty_run_fails(self):
        self.assertEqual(self.verdict("complete=yes"), (1, "0 passed, 0 failed"))

    def test_a_run_that_ends_early_fails(self):
        self.assertEqual(self.verdict("step a true; exit 0"), (1, "1 passed, 1 failed"))
        self.assertEqual(self.verdict("step a true; no_such_command; complete=yes"), (1, "1 passed, 1 failed"))

    def test_an_interrupted_run_fails(self):
        process = subprocess.Popen(["bash", "-c", self.START + "step a true; step b sleep 1; complete=yes"], stdout=subprocess.PIPE, text=True,
                                   cwd=self.root)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        output = process.communicate()[0]
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(output, r"\d passed, 1 failed\n$")

    def test_ctest_results_are_added(self):
        run = "step a true; ctest_step tests release; complete=yes"
        good = self.tool("ctest", "echo '100% tests passed, 0 tests failed out of 7'")
        self.assertEqual(self.verdict(good + run), (0, "8 passed, 0 failed"))
        bad = self.tool("ctest", "echo '50% tests passed, 3 tests failed out of 6'; exit 8")
        self.assertEqual(self.verdict(bad + run), (1, "4 passed, 3 failed"))
        skips = self.tool("ctest", "echo '7/7 Test #7: a ....***Skipped 0.1 sec'; echo '100% tests passed, 0 tests failed out of 7'")
        self.assertEqual(self.verdict(skips + run), (0, "7 passed, 0 failed"))
        none = self.tool("ctest", "echo 'No tests were found!!!'; exit 8")
        self.assertEqual(self.verdict(none + run), (1, "1 passed, 1 failed"))
        silent = self.tool("ctest", "exit 0")
        self.assertEqual(self.verdict(silent + run), (1, "1 passed, 1 failed"))
        killed = self.tool("ctest", "echo '100% tests passed, 0 tests failed out of 7'; exit 3")
        self.assertEqual(self.verdict(killed + run), (1, "8 passed, 1 failed"))


class Packages(Bash):
    def need(self, missing, tools):
        for name, text in tools.items():
            os.chmod(self.write("tools/" + name, "#!/bin/bash\n" + text + "\n"), 0o755)
        fake = f"missing_packages() {{ {missing}; }}; PATH='{self.root}/tools'; need build; echo done"
        return self.bash(f"source '{ROOT}/scripts/common.sh'; " + fake)

    def test_nothing_missing_nothing_done(self):
        result = self.need(":", {"apt-get": "exit 9"})
        self.assertEqual((result.returncode, result.stdout), (0, "done\n"))

    def test_no_debian(self):
        result = self.need("echo libfoo-dev; echo bar", {})
        self.assertEqual(result.returncode, 1)
        self.assertIn("libfoo-dev bar", result.stderr)

    def test_neither_root_nor_sudo(self):
        result = self.need("echo libfoo-dev", {"apt-get": "exit 9", "id": "echo 1000"})
        self.assertEqual(result.returncode, 1)
        self.assertIn("apt-get install libfoo-dev", result.stderr)

    def test_root_installs(self):
        there = self.root / "there"
        install = f'[ "$1" != install ] || [ "${{@: -1}}" != libfoo-dev ] || echo > "{there}"'
        result = self.need(f'[ -e "{there}" ] || echo libfoo-dev', {"apt-get": install, "id": "echo 0", "env": 'shift; exec "$@"'})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(there.exists())

    def test_others_install_through_sudo(self):
        there = self.root / "there"
        tools = {"apt-get": "exit 0", "id": "echo 1000", "env": 'shift; exec "$@"',
                 "sudo": f'[ "$1" != env ] || echo > "{there}"; exec "$@"'}
        result = self.need(f'[ -e "{there}" ] || echo libfoo-dev', tools)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_an_installation_without_effect_stops(self):
        result = self.need("echo libfoo-dev", {"apt-get": "exit 0", "id": "echo 0", "env": 'shift; exec "$@"'})
        self.assertEqual(result.returncode, 1)
        self.assertIn("Still missing", result.stderr)
