// The ops that follow from PointwiseOps: adding an activation there is all it takes to be tested here.
#include <doctest/doctest.h>

#include "../../../core/gradcheck.h"
#include "../../harness.h"

using namespace six;
using namespace six::test;

namespace {

// The formula one number at a time; which side of its kinks a number lies on is noted.
template <class O>
Array formula_of(const O& op, const Array& x) {
  Array y = x;
  const Kinks kinks = kinks_of(op);
  std::vector<bool> seen(std::size_t(kinks.count + 1), false);
  for (double& v : y.v) {
    int side = 0;
    for (real k : kinks) side += v > double(k);
    Path::way.push_back(side), seen[std::size_t(side)] = true;
    v = double(op.f(real(v)));
  }
  for (bool s : seen) Path::all_sides = Path::all_sides && s;
  return y;
}

template <class O>
Case case_of(const O& op, Shape s, Dress before = Dress::none, bool norm_after = false) {
  std::ostringstream name;
  name << O::name << ' ' << s;
  const Case c{name.str(),
               {drawn(s, 1, -4, 10)},
               [op](const std::vector<Var>& x) { return pointwise(x[0], op); },
               [op](const std::vector<Array>& x) { return formula_of(op, x[0]); }};
  return dressed(c, before, norm_after);
}

struct Own : Tanh {
  static constexpr const char* name = "own";
};

// All that a case asks for; in float, where the formula itself is rounded, gradcheck's wider steps stand in for its derivatives.
template <class O>
void check_op(const Case& c, const O& op) {
  if (kDouble) return check(c);
  for (const std::string& fault : faults_of(c)) {
    CAPTURE(fault);
    CHECK(fault.find("numerically") != std::string::npos);
  }
  CHECK(gradcheck(op));
}

}  // namespace

TEST_CASE("every pointwise op: at every length, deferred and not, on several threads, with every derivative at its kinks") {
  PointwiseOps::for_each([](auto tag) {
    using O = typename decltype(tag)::type;
    CAPTURE(std::string(O::name));
    for (int k = 0; k < 4; ++k) {
      const O op = probed<O>(k);
      if (k > 0 && kinks_of(op).count == 0) break;
      check_op(case_of(op, {5, 3, 4, 7}), op);
      check_op(case_of(op, {11, 9}, Dress::norm, true), op);
    }
    const O op = sample_of<O>();
    for (long n : {31, 32, 33}) check_op(case_of(op, {n}), op);
    for (Dress d : {Dress::bias, Dress::norm}) check_op(case_of(op, {7, 2, 3, 3}, d, false), op);
    Case large = case_of(op, {35, 15, 33}, Dress::norm, true);
    large.large = true;
    check_op(large, op);
  });
}

TEST_CASE("a pointwise op runs over every length like over single numbers") {
  PointwiseOps::for_each([](auto tag) {
    using O = typename decltype(tag)::type;
    CAPTURE(std::string(O::name));
    const O op = sample_of<O>();
    const std::vector<double> source = drawn({40}, 2, -4, 10).v;
    const std::vector<real> x(source.begin(), source.end());
    Tape tape;
    for (long n = 1; n <= 33; ++n) {
      tape.reset();
      const Var in = tape.input(x.data(), {n}, true), y = pointwise(in, op);
      const std::vector<real> values = y.values();
      tape.backward(sum(y));
      const std::vector<real> grads = in.grad();
      for (std::size_t i = 0; i < std::size_t(n); ++i) {
        Tape single;
        const Var one = single.input(&x[i], {1}, true), z = pointwise(one, op);
        CHECK(z.item() == values[i]);
        single.backward(sum(z));
        CHECK(one.grad()[0] == grads[i]);
      }
    }
  });
}

TEST_CASE("a pointwise op passes its probes and NaN on the tape") {
  PointwiseOps::for_each([](auto tag) {
    using O = typename decltype(tag)::type;
    CAPTURE(std::string(O::name));
    for (int k = 0; k < 4; ++k)
      for (const Probe& p : O::probes) {
        CAPTURE(p.x);
        Tape tape;
        const Var x = tape.input(&p.x, {1}, true), y = pointwise(x, probed<O>(k));
        const real v = y.item(), tolerance = 4 * kUlp1;
        CHECK(((std::isnan(v) && std::isnan(p.y)) || v == p.y || std::fabs(v - p.y) <= tolerance * std::fabs(p.y)));
        tape.backward(sum(y));
        const real g = x.grad()[0];
        CHECK(((std::isnan(g) && std::isnan(p.slope[k])) || std::fabs(g - p.slope[k]) <= tolerance));
      }
  });
}

TEST_CASE("a user's activation runs like the library's") {
  check_op(case_of(Own{}, {5, 33}), Own{});
  CHECK(gradcheck(Own{}));
}

TEST_CASE("settings that are refused are refused on the tape, with the op's name") {
  const real x = 1;
  Tape tape;
  const Var v = tape.input(&x, {1});
  CHECK_THROWS_WITH_AS(relu6(v, real(0.7)), "relu6: at_kink must be 0, 0.5 or 1, or a pair of them, got 0.7", Error);
  CHECK_THROWS_WITH_AS(clamp(v, 6, 0), "clamp: min must not exceed max, and neither may be NaN, got [6, 0]", Error);
  CHECK_THROWS_AS(relu_n(v, 0), Error);
}
