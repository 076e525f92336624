// The settings of the pointwise ops: what they list, what they refuse, clamps with odd bounds.
#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>

#include "../../core/error.h"
#include "relu6_conformance.h"

using namespace six;
using namespace six::test;

namespace {

template <class O>
std::string problem_text(const O& op) {
  std::ostringstream text;
  if (const Problem p = problem_of(op)) text << O::name << ": " << p;
  return text.str();
}

struct Keys {
  std::string keys;
  template <class Member>
  void operator()(const char* key, Member&, const char* doc) {
    keys += std::string(keys.empty() ? "" : " ") + key;
    CHECK(std::string(doc).size() > 10);
  }
};

template <class O>
std::string keys_of() {
  Keys visit;
  const O op = {};
  fields_of(visit, op);
  return visit.keys;
}

const std::vector<real> kPoints = {-kInf, -7,        -2, real(-1.5), -1, -kDenormal, real(-0.0), 0,
                                   1,     real(1.5), 2,  6,          7,  real(1e8),  kInf,       kNaN};

// f and the gradient of `c` at x, by the definition.
real naive_f(const Clamp& c, real x) { return x < c.lo ? c.lo : x > c.hi ? c.hi : x; }
real naive_slope(real lo, real hi, AtKink k, real x) {
  if (lo == hi || std::isnan(x)) return 0;
  if (x == lo) return std::isinf(lo) ? real(1) : k.lo;
  if (x == hi) return std::isinf(hi) ? real(1) : k.hi;
  return x > lo && x < hi ? real(1) : real(0);
}

}  // namespace

TEST_CASE("a clamp with any bounds: infinite ones have no kink, equal ones make a constant") {
  const real bounds[][2] = {{-kInf, kInf}, {0, kInf}, {-kInf, 2}, {-2, 2}, {2, 2}, {real(-0.0), 0}, {-1, real(1.5)}};
  for (const auto& bound : bounds)
    for (AtKink k : kProbeAtKink) {
      const real lo = bound[0], hi = bound[1];
      const ClampOp op{lo, hi, k};
      const Clamp c = op.clamp();
      CAPTURE(lo);
      CAPTURE(hi);
      CHECK(problem_text(op) == "");
      CHECK(c.clamps() == (lo > -kInf || hi < kInf));
      bool same_from_output = true;
      for (real x : kPoints)
        for (real dy : {real(2), kNaN, kInf, -kInf}) {
          CAPTURE(x);
          const real slope = naive_slope(lo, hi, k, x), want = slope == 0 ? real(0) : slope * dy;
          CHECK(bits(op.f(x)) == bits(naive_f(c, x)));
          CHECK(bits(op.vjp(x, dy)) == bits(want));
          same_from_output = same_from_output && bits(c.vjp(c.f(x), dy)) == bits(want);
        }
      CHECK(c.works_from_output() == same_from_output);
      const Kinks kinks = op.kinks();
      const int finite = lo == hi ? 0 : (lo > -kInf) + (hi < kInf);
      CHECK(kinks.count == finite);
      for (real kink : kinks) CHECK((kink == lo || kink == hi));
    }
}

TEST_CASE("relu is clamp(0, inf), hardtanh clamp(-1, 1), relu_n(n) clamp(0, n)") {
  for (AtKink k : kProbeAtKink)
    for (real x : kPoints) {
      const auto equal = [&](auto a, auto b) {
        CHECK(bits(a.f(x)) == bits(b.f(x)));
        CHECK(bits(a.vjp(x, 3)) == bits(b.vjp(x, 3)));
      };
      equal(Relu{k.lo}, ClampOp{0, kInf, k});
      equal(Hardtanh{k}, ClampOp{-1, 1, k});
      equal(ReluN{real(1.5), k}, ClampOp{0, real(1.5), k});
      equal(ReluN{6, k}, Relu6{k});
    }
}

TEST_CASE("settings as a config lists them") {
  CHECK(keys_of<Relu6>() == "at_kink");
  CHECK(keys_of<Relu>() == "at_kink");
  CHECK(keys_of<ClampOp>() == "min max at_kink");
  CHECK(keys_of<ReluN>() == "n at_kink");
  CHECK(keys_of<Hardtanh>() == "at_kink");
  CHECK(keys_of<HardSigmoid>() == "at_kink");
  CHECK(keys_of<HardSwish>() == "at_kink");
  CHECK(keys_of<Sigmoid>() == "");
  CHECK(keys_of<Gelu>() == "");

  ReluN op;
  const auto set = [](const char* key, auto& member, const char*) {
    if (std::string(key) == "n") member = 4;
  };
  fields_of(set, op);
  CHECK(op.n == 4);

  CHECK(Relu6{1}.at_kink.hi == 1);  // one number sets both
  CHECK(Relu6{.at_kink = {0, 1}}.at_kink.lo == 0);
}

TEST_CASE("settings that are refused, and why") {
  const std::string pair = "at_kink must be 0, 0.5 or 1, or a pair of them, got ";
  CHECK(problem_text(Relu6{real(0.7)}) == "relu6: " + pair + "0.7");
  CHECK(problem_text(Relu6{{0, 2}}) == "relu6: " + pair + "[0, 2]");
  CHECK(problem_text(Relu6{{kNaN, 0}}) == "relu6: " + pair + "[nan, 0]");
  CHECK(problem_text(Relu6{{0, -kInf}}) == "relu6: " + pair + "[0, -inf]");
  CHECK(problem_text(Relu{real(-1)}) == "relu: at_kink must be 0, 0.5 or 1, got -1");
  CHECK(problem_text(Hardtanh{real(0.25)}) == "hardtanh: " + pair + "0.25");
  CHECK(problem_text(HardSigmoid{3}) == "hard_sigmoid: " + pair + "3");
  CHECK(problem_text(HardSwish{-1}) == "hard_swish: " + pair + "-1");
  CHECK(problem_text(ClampOp{6, 0, {}}) == "clamp: min must not exceed max, and neither may be NaN, got [6, 0]");
  CHECK(problem_text(ClampOp{kNaN, 0, {}}) == "clamp: min must not exceed max, and neither may be NaN, got [nan, 0]");
  CHECK(problem_text(ClampOp{0, 1, 5}) == "clamp: " + pair + "5");
  for (real n : {real(0), real(-1), kInf})
    CHECK(problem_text(ReluN{n, {}}).find("relu_n: n must be positive and finite, got ") == 0);
  CHECK(problem_text(ReluN{3, 7}) == "relu_n: " + pair + "7");

  PointwiseOps::for_each([](auto tag) {
    using O = typename decltype(tag)::type;
    CHECK(problem_text(O{}) == "");
    for (int i = 0; i < 4; ++i) CHECK(problem_text(probed<O>(i)) == "");
  });
}
