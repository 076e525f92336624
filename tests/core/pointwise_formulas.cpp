// Every formula of PointwiseOps: probes, naive double versions, numeric derivatives, vector bodies and tails, settings.
#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <map>

#include "../../core/error.h"
#include "../../core/kernels/dispatch.h"
#include "../golden_json.h"
#include "relu6_conformance.h"

using namespace six;
using namespace six::test;

namespace {

// Calls check(op's index, an instance of it) for every op and each at_kink of the probes.
template <class Check>
void for_each_op(Check check) {
  PointwiseOps::for_each([&](auto tag) {
    using O = typename decltype(tag)::type;
    static_assert(PointwiseOp<O>);
    CAPTURE(std::string(O::name));
    for (int column = 0; column < 4; ++column) check(PointwiseOps::index_of<O>(), probed<O>(column), column);
  });
}

template <class O>
real vjp_at(const O& op, real x, real dy) {
  return op.vjp(saves_output<O>() ? op.f(x) : x, dy);
}

// From the definitions, in double.
double relu6(double x) { return std::isnan(x) ? x : std::fmin(std::fmax(x, 0), 6); }
const std::map<std::string, double (*)(double)> kNaive = {
    {"relu6", relu6},
    {"relu", [](double x) { return x > 0 ? x : 0; }},
    {"clamp", [](double x) { return std::fmin(std::fmax(x, -2), 3); }},  // the sample
    {"relu_n", relu6},
    {"hardtanh", [](double x) { return std::fmin(std::fmax(x, -1), 1); }},
    {"hard_sigmoid", [](double x) { return relu6(x + 3) / 6; }},
    {"hard_swish", [](double x) { return x * relu6(x + 3) / 6; }},
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"tanh", [](double x) { return std::tanh(x); }},
    {"silu", [](double x) { return x / (1 + std::exp(-x)); }},
    {"gelu", [](double x) { return x / 2 * std::erfc(-x / std::sqrt(2.0)); }},
};

// Numbers that reach every branch, the probes of all ops among them.
std::vector<real> interesting(long n) {
  std::vector<real> x;
  PointwiseOps::for_each([&](auto tag) {
    for (const Probe& p : decltype(tag)::type::probes) x.push_back(p.x);
  });
  for (unsigned i = 0; long(x.size()) < n; ++i) x.push_back(real(double(i * 2654435761u % 1400000) / 1e5 - 4));
  return x;
}

}  // namespace

TEST_CASE("every op passes its probes, bit by bit, under every at_kink") {
  for_each_op([](int, auto op, int column) {
    using O = decltype(op);
    CAPTURE(column);
    for (const Probe& p : O::probes) {
      CAPTURE(p.x);
      CHECK(bits(op.f(p.x)) == bits(p.y));
      const real slope = p.slope[column];
      for (real dy : {real(2), real(-2), kNaN, kInf, -kInf}) {
        if (slope == 0 && kinks_of(op).count == 0) continue;  // a smooth function's slope of 0 is a limit, not a closed gate
        CHECK(bits(vjp_at(op, p.x, dy)) == bits(slope == 0 ? real(0) : slope * dy));
      }
    }
  });
}

TEST_CASE("every op equals its definition") {
  CHECK(kNaive.size() == PointwiseOps::count);
  for_each_op([](int, auto op, int) {
    double worst = 0;
    for (double x = -12; x <= 12; x += 1.0 / 1024) {
      const double want = kNaive.at(op.name)(x), error = std::fabs(op.f(real(x)) - want) / std::max(1.0, std::fabs(want));
      worst = std::max(worst, error);
    }
    CHECK(worst <= (kFloat ? 3e-7 : 4e-16));
  });
}

TEST_CASE("the derivatives are those of central differences, away from the kinks") {
  const double h = kFloat ? 1.0 / 256 : 1.0 / 65536;  // exact in x +- h
  for_each_op([&](int, auto op, int) {
    const Kinks kinks = kinks_of(op);
    double worst = 0;
    long skipped = 0, total = 0;
    std::vector<long> per_branch(kinks.count + 1);
    for (double x = -4; x <= 10; x += 1.0 / 64) {
      const bool near = std::any_of(kinks.begin(), kinks.end(), [&](real k) { return std::fabs(x - k) <= 2 * h; });
      ++total;
      if (near) {
        ++skipped;
        continue;
      }
      ++per_branch[std::count_if(kinks.begin(), kinks.end(), [&](real k) { return x > k; })];
      const double numeric = (double(op.f(real(x + h))) - double(op.f(real(x - h)))) / (2 * h), exact = vjp_at(op, real(x), 1);
      worst = std::max(worst, std::fabs(numeric - exact) / std::max(1.0, std::fabs(exact)));
    }
    CHECK(worst <= (kFloat ? 3e-4 : 1e-9));
    CHECK(skipped * 20 <= total);
    for (long sampled : per_branch) CHECK(sampled > 0);
  });
}

TEST_CASE("NaN stays NaN; a clamp's gradient there is 0") {
  for_each_op([](int, auto op, int) {
    using O = decltype(op);
    CHECK(std::isnan(op.f(kNaN)));
    CHECK(std::isnan(op.f(-kNaN)));
    if (kinks_of(op).count > 0) CHECK(bits(vjp_at(op, kNaN, 2)) == 0);
    if (!IsClamp<O>) CHECK(std::isnan(vjp_at(op, 1, kNaN)));
  });
}

TEST_CASE("vector body and tail give the same bits, whatever the length, in place or not, on every instruction set") {
  const std::vector<real> x = interesting(400);
  const long n = long(x.size());
  for (const kernels::Table* table : kernels::tables()) {
    CAPTURE(std::string(table->isa));
    for_each_op([&](int index, auto op, int) {
      std::vector<real> dy(x.rbegin(), x.rend()), y(n), dx(n);
      for (real& d : dy) d = std::isfinite(d) ? d : 1;
      const std::vector<real>& v = saves_output<decltype(op)>() ? y : x;
      for (long i = 0; i < n; ++i) {  // one by one: only the tail
        table->pointwise_forward(index, &op, 1, &x[i], &y[i]);
        table->pointwise_vjp(index, &op, 1, &v[i], &dy[i], &dx[i]);
      }
      long differ = 0;
      for (long length = 1; length <= 33; ++length)
        for (long at = 0; at + length <= n; at += length) {
          std::vector<real> y2(length + 2, 5), dx2(length + 2, 5), in_place(&x[at], &x[at] + length);
          table->pointwise_forward(index, &op, length, &x[at], &y2[1]);
          table->pointwise_forward(index, &op, length, in_place.data(), in_place.data());
          table->pointwise_vjp(index, &op, length, &v[at], &dy[at], &dx2[1]);
          for (long i = 0; i < length; ++i) {
            differ += bits(y2[i + 1]) != bits(y[at + i]) || bits(in_place[i]) != bits(y[at + i]);
            differ += bits(dx2[i + 1]) != bits(dx[at + i]);
          }
          differ += y2.front() != 5 || y2.back() != 5 || dx2.front() != 5 || dx2.back() != 5;
        }
      CHECK(differ == 0);
    });
  }
}

TEST_CASE("all instruction sets with FMA give the same bits; the others differ by rounding only") {
  const std::vector<real> x = interesting(3000);
  const long n = long(x.size());
  for_each_op([&](int index, auto op, int) {
    std::vector<real> first, first_dx;
    for (const kernels::Table* table : kernels::tables()) {
      CAPTURE(std::string(table->isa));
      std::vector<real> y(n), dx(n), dy(n, real(0.7));
      table->pointwise_forward(index, &op, n, x.data(), y.data());
      table->pointwise_vjp(index, &op, n, saves_output<decltype(op)>() ? y.data() : x.data(), dy.data(), dx.data());
      long far = 0, differ = 0;
      for (long i = 0; i < n; ++i) {
        const real want = op.f(x[i]), tolerance = 16 * kUlp1 * std::max(real(1), std::fabs(want));
        far += bits(y[i]) != bits(want) && !(std::fabs(y[i] - want) <= tolerance);
        if (!first.empty()) differ += bits(y[i]) != bits(first[i]) || bits(dx[i]) != bits(first_dx[i]);
      }
      CHECK(far == 0);
      CHECK(differ == 0);
      if (std::string(table->isa) != "baseline") first = y, first_dx = dx;
    }
  });
}

TEST_CASE("golden: values and gradients of PyTorch") {
  int compared = 0;
  const nlohmann::json file = golden("ops.json");
  for (const nlohmann::json& c : file["cases"])
    PointwiseOps::for_each([&](auto tag) {
      using O = typename decltype(tag)::type;
      if (c["op"] != O::name) return;
      CAPTURE(std::string(O::name));
      ++compared;
      const std::vector<double> x = numbers(c["in"]["x"]), y = numbers(c["y"]), dy = numbers(c["dy"]), dx = numbers(c["grad"]["x"]);
      // PyTorch's hard_sigmoid gradient is a product with the float nearest 1/6, in double too.
      const double unit = __is_same(O, HardSigmoid) ? 1.0 / 6 / (1.0f / 6) : 1;
      double worst = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        worst = std::max(worst, std::fabs(O{}.f(real(x[i])) - y[i]) / std::max(1.0, std::fabs(y[i])));
        worst = std::max(worst, std::fabs(vjp_at(O{}, real(x[i]), real(dy[i])) - dx[i] * unit) / std::max(1.0, std::fabs(dx[i])));
      }
      CHECK(worst <= (kFloat ? 1e-6 : 1e-12));
    });
  CHECK(compared == 8);
}
