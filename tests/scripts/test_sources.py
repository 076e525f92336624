import subprocess

from fixture import TreeTest
import sources


class Sources(TreeTest):
    def test_comments_and_literals_are_blanked_in_place(self):
        text = 'int a; // {\n/* { \n { */ char c = \'{\', d = \'"\';\nauto s = "{\\"{"; auto r = R"x({)" {)x"; long n = 1\'000;\nint b;'
        code = sources.without_comments(text)
        self.assertEqual(len(code), len(text))
        self.assertEqual(code.count("\n"), text.count("\n"))
        self.assertNotIn("{", code)
        self.assertIn("int b;", code)
        self.assertIn("1'000", code)

    def test_a_line_comment_can_be_continued(self):
        self.assertNotIn("{", sources.without_comments("// a \\\n{\nint b;"))

    def test_build_folders_do_not_count(self):
        for path in ("core/a.h", "build/release/x.cpp", "runs/1/y.cpp", ".cache/z.cpp"):
            self.write(path, "\n")
        self.assertEqual([str(p) for p in sources.cpp_files(self.root)], ["core/a.h"])

    def test_git_decides_where_there_is_git(self):
        for path in ("core/a.h", "core/new.cpp", "core/ignored.cpp"):
            self.write(path, "\n")
        self.write(".gitignore", "ignored.cpp\n")
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)
        self.assertEqual([str(p) for p in sources.cpp_files(self.root)], ["core/a.h", "core/new.cpp"])
