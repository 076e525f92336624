import os

from fixture import TreeTest
import readme_snippets


class Readme(TreeTest):
    def setUp(self):
        super().setUp()
        tool = self.write("build/bin/table", "#!/bin/sh\necho '| layer |'\n")
        os.chmod(tool, 0o755)
        self.runner = readme_snippets.Runner(self.root / "build", ["c++", "-std=c++20"])
        self.runner.libraries = lambda: []

    def check(self, text):
        count, problems, self.renewed = readme_snippets.check(text, self.runner)
        return count, len(problems)

    def cpp(self, body, mark=""):
        return f"text\n\n{mark}```cpp\n{body}\n```\n"

    def test_programs_are_compiled_and_run(self):
        self.assertEqual(self.check(self.cpp("int main() {}")), (1, 0))
        self.assertEqual(self.check(self.cpp("int main() { return 1; }")), (1, 1))
        self.assertEqual(self.check(self.cpp("int main() { return x; }")), (1, 1))
        self.assertEqual(self.check(self.cpp("int main() { return 1; }", "<!-- compile only -->\n")), (1, 0))
        self.assertEqual(self.check(self.cpp("int main() { return x; }", "<!-- compile only -->\n")), (1, 1))

    def test_a_fragment_must_say_so(self):
        self.assertEqual(self.check(self.cpp("int x;")), (0, 1))
        self.assertEqual(self.check(self.cpp("int x;", "<!-- fragment -->\n")), (0, 0))

    def test_shell_blocks_run_when_marked(self):
        self.assertEqual(self.check("<!-- run -->\n```bash\ntable | grep -q layer\n```\n"), (1, 0))
        self.assertEqual(self.check("<!-- run -->\n```bash\nfalse\ntrue\n```\n"), (1, 1))
        self.assertEqual(self.check("```bash\nfalse\n```\n"), (0, 0))
        self.assertEqual(self.check("<!-- run -->\n\n```console\n$ true\noutput\n```\n"), (1, 0))
        self.assertEqual(self.check("<!-- run -->\n```console\n$ false\n```\n"), (1, 1))

    def test_generated_parts_are_compared_and_renewed(self):
        good = "a\n<!-- generated: table -->\n| layer |\n<!-- end -->\nb\n"
        self.assertEqual(self.check(good), (1, 0))
        self.assertEqual(self.renewed, good)
        self.assertEqual(self.check(good.replace("| layer |", "| old |")), (1, 1))
        self.assertEqual(self.renewed, good)
        self.assertEqual(self.check(good.replace("table", "no_such_program")), (1, 1))
        self.assertEqual(self.check(good.replace("<!-- end -->\n", "")), (0, 1))

    def test_a_fence_around_generated_text_stays(self):
        fenced = "<!-- generated: table -->\n```text\n| layer |\n```\n<!-- end -->\n"
        self.assertEqual(self.check(fenced), (1, 0))
        self.assertEqual(self.check(fenced.replace("layer", "old")), (1, 1))
        self.assertEqual(self.renewed, fenced)
