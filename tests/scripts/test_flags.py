import json

from fixture import TreeTest
import check_flags


class Flags(TreeTest):
    def problems(self, path, text):
        self.write(path, text)
        return check_flags.check(self.root)[0]

    def test_build_files_and_scripts(self):
        for flag in ("-ffast-math", "-ffinite-math-only", "-fno-signed-zeros", "-Ofast", "-funsafe-math-optimizations"):
            for path in ("CMakeLists.txt", "cmake/a.cmake", "CMakePresets.json", "scripts/a.sh", "scripts/a.py", ".ci/run"):
                with self.subTest(flag=flag, path=path):
                    self.assertEqual(len(self.problems("other/" + path, f"x {flag} y\n")), 1)
                    self.assertEqual(self.problems("other/" + path, "x -O3 -fno-fast-math y\n"), [])

    def test_pragmas_and_attributes(self):
        self.assertEqual(len(self.problems("core/a.cpp", '#pragma GCC optimize("fast-math")\n')), 1)
        self.assertEqual(len(self.problems("core/a.cpp", '__attribute__((optimize("-ffinite-math-only"))) void f();\n')), 1)
        self.assertEqual(self.problems("core/a.cpp", '#error "must not be compiled with -ffast-math"\n'), [])

    def test_what_the_compiler_really_gets(self):
        self.write("core/a.cpp", "\n")
        for command, expected in (("c++ -O2 a.cpp", 0), ("c++ -O2 -fno-signed-zeros a.cpp", 1)):
            self.write("build/compile_commands.json", json.dumps([{"file": "a.cpp", "command": command}]))
            self.assertEqual(len(check_flags.check(self.root, self.root / "build")[0]), expected)

    def test_an_empty_tree_is_a_problem(self):
        self.assertEqual(len(check_flags.check(self.root)[0]), 1)
