import json
import pathlib

from fixture import TreeTest
import check_headers


class Headers(TreeTest):
    def check(self, header, flags=""):
        self.write("core/a.cpp", "\n")
        self.write("core/a.h", header)
        units = [("core/a.cpp", f"c++ -std=c++20 -DSIX_ISA=v3 -nonsense -o a.o -c {self.root}/core/a.cpp"),
                 ("core/a.cpp", f"c++ -std=c++20 {flags} -MD -MT a.o -MF a.d -o a.o -c {self.root}/core/a.cpp")]
        entries = [{"directory": str(self.root), "file": str(self.root / f), "command": c} for f, c in units]
        self.write("build/compile_commands.json", json.dumps(entries))
        return check_headers.check(self.root, pathlib.Path(self.root / "build"))[0]

    def test_a_whole_header_passes(self):
        self.assertEqual(self.check("#pragma once\n#include <string>\ninline std::string f() { return {}; }\n"), [])

    def test_flags_of_the_build_are_used(self):
        self.assertEqual(self.check("#pragma once\ninline SIX_REAL f() { return 0; }\n", "-DSIX_REAL=float"), [])

    def test_a_header_that_leans_on_another_fails(self):
        problems = self.check("#pragma once\ninline std::string f() { return {}; }\n")
        self.assertEqual(len(problems), 1)
        self.assertIn("core/a.h does not compile alone", problems[0])

    def test_warnings_fail(self):
        self.assertEqual(len(self.check("#pragma once\ninline int f(int unused) { return 1; }\n")), 1)

    def test_no_headers_is_a_problem(self):
        self.check("")
        (self.root / "core/a.h").unlink()
        self.assertEqual(len(check_headers.check(self.root, self.root / "build")[0]), 1)
