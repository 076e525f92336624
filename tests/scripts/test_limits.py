from fixture import TreeTest
import check_limits


def found(text):
    return {name: last - first + 1 for name, first, last in check_limits.functions(text)}


class Functions(TreeTest):
    def test_lengths_from_signature_to_closing_brace(self):
        self.assertEqual(found("int f(int a,\n      int b) {\n  return a;\n}\n\nvoid g() {}\n"), {"f": 4, "g": 1})

    def test_namespaces_classes_and_values_are_no_functions(self):
        text = """namespace six::kernels {
inline namespace SIX_ISA {
namespace {
extern "C" {
struct [[nodiscard]] A : B<int> {
  enum class E : int { a, b };
  union { int i; float f; } u;
  int x{3}, y = {4};
  std::array<int, 2> z{{1, 2}};
};
constexpr Probe probes[] = {{-1, 0, 0}, {0, f(1), 0}};
const Table table = {
    .isa = "x",
    .matmul = matmul,
};
std::vector<int> v{1, 2};
}}}}
"""
        self.assertEqual(found(text), {})

    def test_members_constructors_and_operators(self):
        text = """class A {
 public:
  A(int x) : a_{x}, b_(x), c_{{x, 1}} {
    run();
  }
  explicit A() noexcept(true) : A(1) {}
  ~A() { stop(); }
  bool operator==(const A&) const { return true; }
  auto get() const -> std::vector<int> {
    return {};
  }
  template <class T, int N = (3 > 2)>
    requires std::floating_point<T>
  T as() const&
  {
    return T{a_};
  }
 private:
  struct Inner { int f() { return 1; } };
};
A::A(long) : A{1} {
}
"""
        self.assertEqual([(n, b - a + 1) for n, a, b in check_limits.functions(text)],
                         [("A", 3), ("A", 1), ("A", 1), ("operator", 1), ("get", 3), ("as", 6), ("f", 1), ("A", 2)])

    def test_blocks_and_lambdas_belong_to_their_function(self):
        text = """void f() {
  auto g = [&](int x) {
    if (x) { y(); } else { z(); }
  };
  struct Local { int h() { return 1; } };
  for (;;) { g(1); }
}
"""
        self.assertEqual(found(text), {"f": 7})

    def test_lambdas_outside_of_functions_count(self):
        lengths = check_limits.functions("auto f = [](int x) {\n  return x;\n};\nconst bool done = add([] {\n  g();\n}, 3);\n")
        self.assertEqual([b - a + 1 for _, a, b in lengths], [3, 3])

    def test_macros_that_open_functions(self):
        self.assertEqual(found('TEST_CASE("a { b") {\n  SUBCASE("c") { CHECK(1); }\n}\n'), {"TEST_CASE": 3})
        self.assertEqual(found('TEST_SUITE("s") {\nvoid f() {}\n}\n'), {"f": 1})
        self.assertEqual(found('TEST_CASE_TEMPLATE("a", T, float, double) {\n}\n'), {"TEST_CASE_TEMPLATE": 2})

    def test_text_that_only_looks_like_braces(self):
        text = 'void f() {\n  // }\n  /* } */ g("}", \'}\', R"({)");\n#define X {\n#define Y \\\n  }}\n  h();\n}\nvoid k() {\n}\n'
        self.assertEqual(found(text), {"f": 8, "k": 2})

    def test_elaborated_types_and_defaults_in_parameters(self):
        self.assertEqual(found("struct stat f(struct stat* s, A a = {}) {\n}\nint g(const B& b = {1, 2}) { return 0; }\n"), {"f": 2, "g": 1})


class Limits(TreeTest):
    def check(self, path, text):
        self.write(path, text)
        return check_limits.check(self.root)[0]

    def test_function_limit(self):
        self.assertEqual(self.check("core/a.cpp", "void f() {\n" + "  g();\n" * 58 + "}\n"), [])
        problems = self.check("core/a.cpp", "\nvoid f() {\n" + "  g();\n" * 59 + "}\n")
        self.assertEqual(len(problems), 1)
        self.assertIn("core/a.cpp:2: f has 61 lines", problems[0])

    def test_file_limit(self):
        self.assertEqual(self.check("core/a.h", "int x;\n" * 400), [])
        self.assertEqual(self.check("core/a.h", "int x;\n" * 401), ["core/a.h: 401 lines, the limit is 400"])
        self.assertEqual(len(self.check("scripts/a.py", "x = 1\n" * 401)), 2)

    def test_golden_files_do_not_count(self):
        self.check("core/a.h", "int x;\n")
        self.assertEqual(self.check("tests/golden/data.txt", "1\n" * 1000), [])

    def test_totals(self):
        self.write("core/a.cpp", "void f() {\n}\nvoid g() {}\n")
        self.assertEqual(check_limits.check(self.root)[1]["core"], [1, 3, 2, 2])

    def test_an_empty_tree_is_a_problem(self):
        self.assertEqual(len(check_limits.check(self.root)[0]), 1)
