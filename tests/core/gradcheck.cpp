// The public gradient check: what it accepts, what it rejects and how it says so.
#include "../../core/gradcheck.h"

#include <doctest/doctest.h>

#include "../../core/ops/ops.h"

using namespace six;

namespace {

// An activation as a user writes it, its derivative wrong by `factor` above `from`.
struct Cube {
  static constexpr const char* name = "cube";
  static constexpr const char* summary = "x^3 / 100";
  real factor = 1, from = 0;
  real f(real x) const { return x * x * x / 100; }
  real vjp(real x, real dy) const { return 3 * x * x / 100 * dy * (x > from ? factor : 1); }
  static constexpr Probe probes[] = {{0, 0, 0}};
};

// |x| that says nothing of its kink, and |x| that does.
struct Silent {
  static constexpr const char* name = "abs";
  static constexpr const char* summary = "|x|";
  real f(real x) const { return x < 0 ? -x : x; }
  real vjp(real x, real dy) const { return x < 0 ? -dy : dy; }
  static constexpr Probe probes[] = {{1, 1, 1}};
};
struct Abs : Silent {
  constexpr Kinks kinks() const { return {0}; }
};

// ReLU6 with a slope below 0, its vjp wrong in one of several ways that random numbers do not find.
enum class Slip { none, gate_late, gate_early, at_kink, multiplied, probe_value };
template <Slip S>
struct Leaky {
  static constexpr const char* name = "leaky";
  static constexpr const char* summary = "min(max(x, x / 8), 6)";
  static constexpr real kTop = S == Slip::gate_late ? kAbove6 : S == Slip::gate_early ? kBelow6 : 6;
  real f(real x) const { return x < 0 ? x / 8 : x > 6 ? 6 : x; }
  real vjp(real x, real dy) const {
    if (S == Slip::multiplied) return (x < 0 ? real(0.125) : x > 0 && x < 6 ? real(1) : real(0)) * dy;
    return x < 0 ? dy / 8 : (S == Slip::at_kink ? x >= 0 : x > 0) && (S == Slip::gate_late ? x <= kTop : x < kTop) ? dy : 0;
  }
  constexpr Kinks kinks() const { return {0, 6}; }
  static constexpr Probe probes[] = {{-8, -1, real(0.125)}, {0, 0, 0}, {3, S == Slip::probe_value ? 4 : 3, 1}, {7, 6, 0}};
};

// Softmax-like: the sum of its output is constant, so a check by the sum alone sees zero whatever the gradient.
struct Centre {
  static constexpr const char* name = "centre";
  real slip = 0;
  Tensor forward(const Context& c, Tensor x) {
    real *y = c.make(x.shape), mean = 0;
    for (long i = 0; i < x.size(); ++i) mean += x[i] / real(x.size());
    for (long i = 0; i < x.size(); ++i) y[i] = x[i] - mean;
    return {y, x.shape};
  }
  void backward(const Back& b, Tensor x) {
    const real* dy = b.plain_dy();
    real *dx = b.memory.fresh<real>(x.size()), mean = 0;
    for (long i = 0; i < x.size(); ++i) mean += dy[i] / real(x.size());
    for (long i = 0; i < x.size(); ++i) dx[i] = (dy[i] - mean) * (1 + slip);
    b.put(0, dx);
  }
};

const std::vector<real> kNearKinks = {real(-1), real(0), real(1e-6), real(5.9999999), real(3), real(7)};

}  // namespace

TEST_CASE("gradcheck accepts every activation, deferred or not, and has seen every side of every kink") {
  PointwiseOps::for_each([](auto tag) {
    using O = typename decltype(tag)::type;
    for (bool defer : {true, false}) {
      const GradcheckResult r = gradcheck(sample_of<O>(), {.tape = {.defer = defer}});
      CAPTURE(r.report());
      CHECK(r.ok);
      CHECK(r.numbers == 17 * 33);
      if (kinks_of(sample_of<O>()).count == 0) CHECK(r.skipped == 0);
    }
  });
}

TEST_CASE("gradcheck of a user's activation and of a user's function") {
  CHECK(gradcheck(Cube{}));
  CHECK(gradcheck(Abs{}));
  const GradcheckResult r = gradcheck([](const auto& x) { return mul(x[0], pointwise(x[1], Cube{})); }, {{{2, 3}}, {{2, 3}}});
  CAPTURE(r.report());
  CHECK(r.ok);
  CHECK(r.numbers == 12);
}

TEST_CASE("gradcheck of an activation runs its probes and looks beside its kinks") {
  const auto text_of = [](auto op) {
    const GradcheckResult r = gradcheck(op);
    CHECK(r.wrong == 0);  // random numbers see nothing
    CHECK(r.ok == r.points.empty());
    CHECK(r.report().find(r.points) != std::string::npos);
    return r.points;
  };
  CHECK(text_of(Leaky<Slip::none>{}) == "");
  CHECK(text_of(Leaky<Slip::gate_late>{}) == "above the kink 6 the derivative is 1, by differences 0");
  CHECK(text_of(Leaky<Slip::gate_early>{}).find("below the kink 6 the derivative is 0, by differences ") == 0);
  CHECK(text_of(Leaky<Slip::at_kink>{}) == "the derivative at 0 is 1, its probe says 0");
  CHECK(
      text_of(Leaky<Slip::multiplied>{}).find("the derivative at 0 is 0, but not every dy gives +0 (select, do not multiply); ") ==
      0);
  CHECK(text_of(Leaky<Slip::probe_value>{}) == "f(3) is 3, its probe says 4");
}

TEST_CASE("kinks are a list") {
  static_assert(Kinks{}.count == 0 && Kinks{3}.count == 1 && Kinks{0, 6}.count == 2);
  static_assert(Kinks{-1, 0.5, 2}.at[1] == real(0.5));
}

TEST_CASE("gradcheck rejects a derivative that is slightly wrong, and says where") {
  const real slightly = sizeof(real) == 8 ? real(1 + 1e-6) : real(1.01);
  CHECK_FALSE(gradcheck(Cube{slightly, -4}));
  const std::vector<real> x = {1, 2, 3, 9, 4};
  const GradcheckResult r = gradcheck([](const auto& v) { return pointwise(v[1], Cube{2, 5}); }, {{{5}, x}, {{5}, x}});
  CHECK_FALSE(r.ok);
  CHECK(r.wrong == 1);
  CHECK(r.input == 1);
  CHECK(r.index == 3);
  CHECK(r.analytic == doctest::Approx(2 * r.numeric).epsilon(1e-3));
  CHECK(r.report().find("FAILED, 1 of 10 numbers wrong") != std::string::npos);
  CHECK(r.report().find("input 1 [3]") != std::string::npos);
  CHECK(r.report().find('\n') == std::string::npos);
}

TEST_CASE("gradcheck does not check the sum, to which what cancels is invisible") {
  const std::vector<GradcheckInput> x = {{{7}}};
  CHECK(gradcheck([](const auto& v) { return v[0].tape().apply(Centre{}, v[0]); }, x));
  CHECK_FALSE(gradcheck([](const auto& v) { return v[0].tape().apply(Centre{real(0.1)}, v[0]); }, x));
}

TEST_CASE("gradcheck knows kinks: skipped, counted, and too many are too many") {
  const auto relu6_of = [](const std::vector<Var>& x) { return relu6(x[0]); };
  const GradcheckResult near = gradcheck(relu6_of, {{{6}, kNearKinks}});
  CHECK(near.skipped == 3);
  CHECK(near.wrong == 0);
  CHECK_FALSE(near.ok);
  std::vector<real> many;
  for (int i = 0; i < 100; ++i) many.push_back(real(-3 + 0.1003 * i));
  many[30] = 0, many[90] = 6;
  for (const bool defer : {true, false}) {
    const GradcheckResult few = gradcheck(relu6_of, {{{100}, many}}, {.tape = {.defer = defer}});
    CAPTURE(few.report());
    CHECK(few.ok);
    CHECK(few.skipped >= 2);
  }
  CHECK_FALSE(gradcheck([](const auto& x) { return pointwise(x[0], Silent{}); }, {{{100}, many}}));  // nobody told it of the kink
  CHECK(gradcheck([](const auto& x) { return pointwise(x[0], Abs{}); }, {{{100}, many}}));
}

TEST_CASE("gradcheck fails if a side of a kink was not sampled") {
  const GradcheckResult r = gradcheck(Relu6{}, {.lo = -2, .hi = 2});
  CHECK_FALSE(r.ok);
  CHECK(r.wrong == 0);
  CHECK(r.missed == "relu6 above 6");
  CHECK(r.report().find("no value lay at: relu6 above 6") != std::string::npos);
  CHECK(gradcheck(Relu6{}, {.lo = 7, .hi = 9}).missed == "relu6 below 0, relu6 between 0 and 6");
}

TEST_CASE("gradcheck of a net: kinks of inner values, parameters constant, dropout the same each time") {
  ParamSet set;
  const int w = set.add("w", {3, 3, 2, 4}, true);
  for (long i = 0; i < 72; ++i) set.value(w)[i] = real(std::sin(double(i)));
  const auto net = [&](const std::vector<Var>& x) {
    const Var y = batch_norm(conv2d(x[0], x[0].tape().param(set, w), {.stride = 1, .padding = 1}), x[1], x[2]);
    return global_avg_pool(dropout(relu6(y), 0.25));
  };
  const GradcheckResult r = gradcheck(net, {{{3, 4, 4, 2}}, {{4}, {3, 4, 5, 6}}, {{4}, {3, 2, 3, 4}}}, {.tape = {.seed = 5}});
  CAPTURE(r.report());
  CHECK(r.ok);
  CHECK(r.numbers == 3 * 4 * 4 * 2 + 8);
}

TEST_CASE("gradcheck refuses what it cannot check") {
  const auto same = [](const std::vector<Var>& x) { return x[0]; };
  CHECK_THROWS_WITH_AS(gradcheck(same, {}), "gradcheck: no input whose gradient could be checked", Error);
  CHECK_THROWS_WITH_AS(gradcheck(same, {{{0, 3}}}), "gradcheck: input 0 is empty ([0,3])", Error);
  CHECK_THROWS_WITH_AS(gradcheck(same, {{{2}, {1, 2, 3}}}), "gradcheck: input 0 has 3 numbers, its shape [2] needs 2", Error);
  CHECK_THROWS_AS(gradcheck(same, {{{2}}}, {.h = 0}), Error);
}
