// exp, log, tanh, erf and sigmoid of the kernels: accuracy against the C library in long double, and special values.
#include "../../core/kernels/math.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <type_traits>

#include "../precision.h"

using namespace six;
using namespace six::test;

namespace {

using Limits = std::numeric_limits<real>;
constexpr real kNan = Limits::quiet_NaN();

// |got - want| in units of the last place of `want` (of the smallest denormal at least); infinite if only one is NaN or inf.
double error_in_ulp(real got, long double want) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : HUGE_VAL;
  if (std::fabs(want) > Limits::max() || std::isinf(got)) {
    const long double rounds_to_inf = std::ldexp(2 - std::ldexp(1.0L, -Limits::digits), Limits::max_exponent - 1);
    const long double slack = Limits::max() * (1 - 2 * Limits::epsilon());  // within the error of the largest finite numbers
    const bool same_sign = std::signbit(got) == std::signbit(want);
    return same_sign && (std::isinf(got) ? std::fabs(want) > slack : std::fabs(want) < rounds_to_inf) ? 0 : HUGE_VAL;
  }
  const int exponent = want == 0 ? Limits::min_exponent : std::max(std::ilogb(want) + 1, Limits::min_exponent);
  return double(std::fabs(got - want) / std::ldexp(1.0L, exponent - Limits::digits));
}

// Calls visit(x) for about a million numbers spread over all bit patterns: every sign and exponent, denormals, inf, NaN.
template <class Visit>
void over_all_numbers(Visit visit) {
  using Bits = std::conditional_t<kFloat, std::uint32_t, std::uint64_t>;
  const Bits stride = kFloat ? Bits(4099) : Bits(17592186044423);  // primes, about 2^32 / 2^20 and 2^64 / 2^20
  Bits b = 0;
  do {
    real x;
    std::memcpy(&x, &b, sizeof x);
    visit(x);
  } while ((b += stride) >= stride);
}

template <class F, class Reference>
void check_accuracy(double bound, real lowest, F f, Reference reference) {
  double worst = 0;
  real at = 0;
  long seen = 0;
  const auto look = [&](real x) {
    if (x < lowest) return;
    ++seen;
    const double error = error_in_ulp(f(x), reference(static_cast<long double>(x)));
    if (error > worst) worst = error, at = x;
  };
  over_all_numbers(look);
  for (real x = -20; x < 20; x += real(1) / 4093) look(x);  // where most of the function happens
  CAPTURE(at);
  CHECK(worst <= bound);
  CHECK(seen > 500000);
}

}  // namespace

TEST_CASE("errors stay within the stated bounds over all numbers") {
  using L = long double;
  const real lowest = -kInf;
  check_accuracy(
      kFloat ? 1.1 : 1, lowest, [](real x) { return math::exp(x); }, [](L x) { return std::exp(x); });
  check_accuracy(
      kFloat ? 1.0 : 1, 0, [](real x) { return math::log(x); }, [](L x) { return std::log(x); });
  check_accuracy(
      kFloat ? 1.4 : 3, lowest, [](real x) { return math::tanh(x); }, [](L x) { return std::tanh(x); });
  check_accuracy(
      kFloat ? 1.4 : 2, lowest, [](real x) { return math::erf(x); }, [](L x) { return std::erf(x); });
  check_accuracy(
      2.5, lowest, [](real x) { return math::sigmoid(x); }, [](L x) { return 1 / (1 + std::exp(-x)); });
}

TEST_CASE("the measure of errors is not blind") {
  CHECK(error_in_ulp(1 + Limits::epsilon(), 1) == doctest::Approx(1));
  CHECK(error_in_ulp(real(0.5) + 4 * Limits::epsilon(), 0.5L) == doctest::Approx(8));
  CHECK(error_in_ulp(2 * Limits::denorm_min(), 0) == doctest::Approx(2));
  CHECK(error_in_ulp(kNan, 1) == HUGE_VAL);
  CHECK(error_in_ulp(1, HUGE_VALL) == HUGE_VAL);
  CHECK(error_in_ulp(kInf, 1) == HUGE_VAL);
  CHECK(error_in_ulp(0, std::nan("")) == HUGE_VAL);
  CHECK(error_in_ulp(-kInf, HUGE_VALL) == HUGE_VAL);
}

TEST_CASE("special values") {
  CHECK(math::exp(-kInf) == 0);
  CHECK(math::exp(kInf) == kInf);
  CHECK(math::exp(real(0)) == 1);
  CHECK(math::exp(real(-0.0)) == 1);
  CHECK(math::exp(Limits::lowest()) == 0);
  CHECK(math::exp(Limits::max()) == kInf);
  CHECK(math::exp(real(kFloat ? 88.7 : 709.7)) < kInf);
  CHECK(math::exp(real(kFloat ? 88.8 : 709.8)) == kInf);
  CHECK(math::exp(real(kFloat ? -103.9 : -745.1)) == Limits::denorm_min());
  CHECK(math::exp(real(kFloat ? -104 : -745.2)) == 0);

  CHECK(math::log(real(0)) == -kInf);
  CHECK(math::log(real(-0.0)) == -kInf);
  CHECK(math::log(real(1)) == 0);
  CHECK(!std::signbit(math::log(real(1))));
  CHECK(math::log(kInf) == kInf);
  CHECK(std::isnan(math::log(real(-1))));
  CHECK(std::isnan(math::log(-kInf)));
  CHECK(std::isnan(math::log(-Limits::denorm_min())));

  CHECK(math::sigmoid(-kInf) == 0);
  CHECK(math::sigmoid(kInf) == 1);
  CHECK(math::sigmoid(real(0)) == real(0.5));
  CHECK(math::sigmoid(real(kFloat ? -100 : -740)) > 0);  // a denormal: e^100 would be inf

  for (real nan : {kNan, -kNan}) {
    CHECK(std::isnan(math::exp(nan)));
    CHECK(std::isnan(math::log(nan)));
    CHECK(std::isnan(math::tanh(nan)));
    CHECK(std::isnan(math::erf(nan)));
    CHECK(std::isnan(math::sigmoid(nan)));
  }
}

TEST_CASE("tanh and erf are odd, bit by bit, keep -0 and denormals, and stay within [-1, 1]; sigmoid within [0, 1]") {
  long wrong = 0;
  const auto odd = [&](real y, real opposite) { wrong += !(std::signbit(y) != std::signbit(opposite) && y == -opposite); };
  over_all_numbers([&](real x) {
    if (std::isnan(x)) return;
    const real t = math::tanh(x), e = math::erf(x), s = math::sigmoid(x);
    odd(t, math::tanh(-x));
    odd(e, math::erf(-x));
    wrong += !(std::fabs(t) <= 1) + !(std::fabs(e) <= 1) + !(s >= 0 && s <= 1);
    wrong += std::signbit(t) != std::signbit(x);
    if (std::fabs(x) < Limits::min()) wrong += t != x;
  });
  CHECK(wrong == 0);
  for (real one : {math::tanh(kInf), math::erf(kInf), math::tanh(real(20)), math::erf(real(6))}) CHECK(one == 1);
}
