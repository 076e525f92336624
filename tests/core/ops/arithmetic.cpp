// Elementwise arithmetic, sums and reshapes.
#include <doctest/doctest.h>

#include "../../harness.h"

using namespace six;
using namespace six::test;

namespace {

double plus(double a, double b) { return a + b; }
double minus(double a, double b) { return a - b; }
double times(double a, double b) { return a * b; }

// The same case over two inputs and over one input twice.
void check_both(const std::string& name, Shape s, Var (*op)(Var, Var), double (*f)(double, double), Dress before = Dress::none) {
  std::ostringstream title;
  title << name << ' ' << s;
  const Case two{title.str(),
                 {drawn(s, 1), drawn(s, 2)},
                 [op](const std::vector<Var>& x) { return op(x[0], x[1]); },
                 [f](const std::vector<Array>& x) { return naive::zip(x[0], x[1], f); }};
  const Case one{title.str() + " of one value",
                 {drawn(s, 3)},
                 [op](const std::vector<Var>& x) { return op(x[0], x[0]); },
                 [f](const std::vector<Array>& x) { return naive::zip(x[0], x[0], f); }};
  for (Case c : {two, one}) {
    c.large = s.size() > 1 << 14;
    check(dressed(c, before, before != Dress::none));
  }
}

Array map(Array x, double (*f)(double)) {
  for (double& v : x.v) v = f(v);
  return x;
}
Array total(const Array& x, double factor) {
  double s = 0;
  for (double v : x.v) s += v;
  return Array({}, std::vector<double>{s * factor});
}

}  // namespace

TEST_CASE("add, sub, mul at every length, of two values and of one twice") {
  for (long n : {1, 3, 7, 8, 9, 15, 16, 17, 31, 33})
    for (const Shape& s : {Shape{n}, Shape{3, n}, Shape{2, 2, 1, n}}) {
      check_both("add", s, add, plus);
      check_both("sub", s, sub, minus);
      check_both("mul", s, mul, times);
    }
  check_both("add", {}, add, plus);
}

TEST_CASE("add, sub, mul of deferred values, on several threads") {
  for (Dress d : {Dress::bias, Dress::relu6, Dress::norm, Dress::norm_relu6, Dress::relu6_at_kink}) {
    check_both("add", {4, 2, 3, 5}, add, plus, d);
    check_both("sub", {4, 2, 3, 5}, sub, minus, d);
    check_both("mul", {4, 2, 3, 5}, mul, times, d);
  }
  check_both("add", {35, 14, 34}, add, plus, Dress::norm_relu6);
  check_both("sub", {35, 14, 34}, sub, minus, Dress::norm_relu6);
  check_both("mul", {35, 14, 34}, mul, times, Dress::norm_relu6);
}

TEST_CASE("scale and the operators") {
  for (const Shape& s : {Shape{1}, Shape{17}, Shape{3, 5}, Shape{41, 17, 33}}) {
    Case c{"scale",
           {drawn(s, 4)},
           [](const std::vector<Var>& x) { return scale(x[0], real(-2.5)); },
           [](const std::vector<Array>& x) { return map(x[0], [](double v) { return -2.5 * v; }); }};
    c.large = s.size() > 1 << 14;
    check(c);
  }
  check({"operators",
         {drawn({3, 7}, 5), drawn({3, 7}, 6)},
         [](const std::vector<Var>& x) { return -(x[0] * real(2) + x[1]) - real(0.5) * (x[0] * x[1]); },
         [](const std::vector<Array>& x) {
           return naive::zip(x[0], x[1], [](double a, double b) { return -(a * 2 + b) - 0.5 * (a * b); });
         }});
}

TEST_CASE("sum and mean") {
  for (const Shape& s : {Shape{}, Shape{1}, Shape{33}, Shape{3, 5}, Shape{2, 3, 2, 3}, Shape{41, 17, 33}}) {
    Case c{"sum",
           {drawn(s, 7)},
           [](const std::vector<Var>& x) { return sum(x[0]); },
           [](const std::vector<Array>& x) { return total(x[0], 1); }};
    c.large = s.size() > 1 << 14;
    check(c);
    c.name = "mean";
    c.op = [](const std::vector<Var>& x) { return mean(x[0]); };
    c.naive = [](const std::vector<Array>& x) { return total(x[0], 1 / double(x[0].v.size())); };
    check(c);
  }
}

TEST_CASE("sum does not lose small numbers among large ones") {
  std::vector<real> x(20001, real(1e-3));
  x[0] = 1e6;
  Tape tape;
  const double expected = 1e6 + 20000 * double(real(1e-3));
  CHECK(std::fabs(sum(tape.input(x.data(), {20001})).item() - expected) <= (sizeof(real) == 4 ? 0.0625 : 1e-5));
}

TEST_CASE("reshape and flatten: the same numbers, of plain and of deferred values") {
  const Case c{"reshape",
               {drawn({4, 2, 3, 5}, 8)},
               [](const std::vector<Var>& x) {
                 return reshape(x[0], {8, 15});
               },
               [](const std::vector<Array>& x) {
                 return Array({8, 15}, x[0].v);
               }};
  for (const Case& d : all_dressed(c)) check(d);
  const Case flat{"flatten",
                  {drawn({3, 2, 2, 5}, 9)},
                  [](const std::vector<Var>& x) { return flatten(x[0]); },
                  [](const std::vector<Array>& x) {
                    return Array({3, 20}, x[0].v);
                  }};
  check(flat);
  check(dressed(flat, Dress::norm_relu6, true));
  check({"reshape of a value read twice",
         {drawn({3, 4}, 10)},
         [](const std::vector<Var>& x) {
           const Var y = scale(x[0], 3);
           return matmul(reshape(y, {4, 3}), y);
         },
         [](const std::vector<Array>& x) {
           const Array y = map(x[0], [](double v) { return 3 * v; });
           return naive::matmul(Array({4, 3}, y.v), y);
         }});
}
