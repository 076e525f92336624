from fixture import TreeTest
import check_names


class Names(TreeTest):
    def unnamed(self, path, *lines):
        self.write(path, "namespace six {\nnamespace {\n\n" + "\n".join(lines) + "\n\n}  // namespace\n\nint shown_outside();\n}  // namespace six\n")

    def test_the_same_name_in_two_sources_is_found_whatever_it_names(self):
        for line in ("std::string shown(const Json& v) {\n}", "struct shown {\n};", "using shown = int;", "template <class A>\nA shown(A a);",
                     "const std::vector<float>& shown(long n) {\n}"):
            self.unnamed("data/a.cpp", line)
            self.unnamed("train/b.cpp", "void shown(int n);")
            self.assertEqual(check_names.check(self.root)[0], ["shown is the name of different things in data/a.cpp and train/b.cpp"], line)

    def test_constants(self):
        self.unnamed("core/a.cpp", "constexpr long kLine = 64;")
        self.unnamed("core/b.cpp", "const std::vector<int> kLine = {1};")
        self.assertEqual(len(check_names.check(self.root)[0]), 1)

    def test_what_is_indented_called_or_outside_is_no_declaration(self):
        self.unnamed("core/a.cpp", "void first() {\n  shown(1);\n}", "// void shown(int);", "using other::shared;")
        self.unnamed("core/b.cpp", "void shown();", "using other::shared;")
        self.unnamed("core/kernels/c.cpp", "void shown();")
        self.assertEqual(check_names.check(self.root)[0], [])
