// The arithmetic of 8-bit networks: golden numbers, and an oracle in exact rational arithmetic.
#include "../../core/quantization.h"

#include <doctest/doctest.h>

#include <array>
#include <cfloat>
#include <climits>
#include <cstring>
#include <vector>

#include "../../core/kernels/requantize.h"
#include "../../core/rng.h"

using namespace six;

namespace {

__extension__ typedef __int128 Wide;

float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

Wide power(int k) { return Wide(1) << k; }
Wide floor_div(Wide a, Wide b) {
  const Wide q = a / b;
  return a % b != 0 && a < 0 ? q - 1 : q;
}
// n / d to the nearest whole number; halves up, or away from zero.
Wide half_up(Wide n, Wide d) { return floor_div(2 * n + d, 2 * d); }
Wide half_away(Wide n, Wide d) { return n < 0 ? -half_up(-n, d) : half_up(n, d); }
Wide half_even(Wide n, Wide d) {
  const Wide q = half_up(n, d);
  return 2 * (q * d - n) == d && q % 2 != 0 ? q - 1 : q;
}

Wide single_oracle(std::int32_t a, Multiplier m) { return half_up(Wide(a) * m.m, power(31 - m.e)); }
Wide double_oracle(std::int32_t a, Multiplier m) {
  const Wide left = Wide(a) * power(m.e > 0 ? m.e : 0);
  return half_away(half_up(left * m.m, power(31)), power(m.e > 0 ? 0 : -m.e));
}

// Accumulators around every power of two, the ends, and random ones.
std::vector<std::int32_t> accumulators() {
  std::vector<std::int32_t> all = {0, INT_MAX, INT_MIN, INT_MIN + 1};
  for (int k = 0; k < 31; ++k)
    for (int around : {-1, 0, 1})
      for (int sign : {-1, 1}) all.push_back(sign * ((1 << k) + around));
  const Rng rng(1, Purpose::user);
  for (std::uint64_t i = 0; i < 500; ++i)
    all.push_back(std::int32_t(std::int64_t(rng.below(i, 1u << 31)) * 2 - INT_MAX) >> (i % 24));
  return all;
}

std::vector<std::int32_t> multipliers() {
  std::vector<std::int32_t> all = {1 << 30, (1 << 30) + 1, INT_MAX};
  const Rng rng(2, Purpose::user);
  for (std::uint64_t i = 0; i < 12; ++i) all.push_back((1 << 30) + std::int32_t(rng.below(i, 1u << 30)));
  return all;
}

struct Quantized {
  double d;
  Multiplier m;
  std::vector<std::array<int, 4>> of;  // accumulator, twofold, single, half to even
};
const std::vector<Quantized>& goldens() {
  static const std::vector<Quantized> all = {
      {0.5, {1073741824, 0}, {{-1, 0, 0, 0}, {1, 1, 1, 0}, {37, 19, 19, 18}}},
      {0.0625, {1073741824, -3}, {{-2024, -127, -126, -126}, {-2008, -126, -125, -126}, {2007, 126, 125, 125}}},
      {1 / 3., {1431655765, -1}, {{1, 1, 0, 0}, {-1, -1, 0, 0}, {37, 13, 12, 12}, {379, 127, 126, 126}}},
      {0.007247427341846, {1992157658, -7}, {{3794, 28, 27, 27}, {-3932, -29, -28, -28}, {-1000, -7, -7, -7}}},
      {0.0123, {1690499128, -6}, {{3780, 47, 46, 46}, {3943, 49, 48, 48}, {37, 0, 0, 0}}},
      {1.75, {1879048192, 1}, {{-50, -87, -87, -88}, {37, 65, 65, 65}}}};
  return all;
}

}  // namespace

TEST_CASE("requantisation: golden vectors of both roundings") {
  for (const Quantized& g : goldens()) {
    CAPTURE(g.d);
    CHECK(encode_multiplier(g.d) == g.m);
    CHECK(encode_multiplier(g.d, Rounding::twofold) == g.m);
    for (const auto& row : g.of) {
      const int acc = row[0], twofold = row[1], single = row[2], even = row[3];
      CAPTURE(acc);
      CHECK(requantize(acc, g.m, Rounding::twofold) == twofold);
      CHECK(requantize(acc, g.m, Rounding::single) == single);
      CHECK(half_even(Wide(acc) * g.m.m, power(31 - g.m.e)) == even);
    }
  }
}

TEST_CASE("requantisation: other roundings do not pass for ours") {
  int twofold = 0, even = 0, logical = 0, after_zero = 0;
  for (const Quantized& g : goldens())
    for (const auto& row : g.of) {
      twofold += requantize(row[0], g.m, Rounding::twofold) != row[2];
      even += half_even(Wide(row[0]) * g.m.m, power(31 - g.m.e)) != row[2];
      const std::int64_t sum = std::int64_t(row[0]) * g.m.m + (std::int64_t(1) << (30 - g.m.e));
      logical += std::int64_t(std::uint64_t(sum) >> (31 - g.m.e)) != row[2];
      // Half away, the second of twofold's roundings, depends on what was added before it; half up does not.
      const std::int64_t z = -200 * (std::int64_t(1) << -std::min(g.m.e, 0));
      after_zero += rdbp(std::int32_t(srdhm(row[0] * (1 << std::max(g.m.e, 0)), g.m.m) + z), -std::min(g.m.e, 0)) + 200 != row[1];
    }
  CHECK(twofold > 0);
  CHECK(even > 0);
  CHECK(logical > 0);
  CHECK(after_zero > 0);
}

TEST_CASE("requantisation: rounding divide by power of two") {
  CHECK(rdbp(5, 1) == 3);
  CHECK(rdbp(-5, 1) == -3);
  CHECK(rdbp(6, 2) == 2);
  CHECK(rdbp(-6, 2) == -2);
  CHECK(rdbp(-7, 2) == -2);
  CHECK(rdbp(INT_MIN, 31) == -1);
  CHECK(rdbp(INT_MAX, 31) == 1);
  CHECK(rdbp(-3, 0) == -3);
}

TEST_CASE("requantisation agrees with exact arithmetic for every exponent") {
  const std::vector<std::int32_t> accs = accumulators(), ms = multipliers();
  long wrong = 0, tried = 0;
  for (int e = -31; e <= 30; ++e)
    for (std::int32_t m : ms)
      for (std::int32_t a : accs) {
        wrong += Wide(requantize_single(a, m, e)) != single_oracle(a, {m, e}), ++tried;
        if ((a < 0 ? -Wide(a) : Wide(a)) * power(e > 0 ? e : 0) >= power(31)) continue;
        wrong += Wide(requantize_double(a, m, e)) != double_oracle(a, {m, e}), ++tried;
      }
  CHECK(wrong == 0);
  CHECK(tried > 500'000);
}

TEST_CASE("multipliers: rationals and the order of float operations") {
  CHECK(encode_multiplier(1) == Multiplier{1 << 30, 1});
  CHECK(encode_multiplier(1 - 0x1p-40) == Multiplier{1 << 30, 1});
  CHECK(encode_multiplier(0.75) == Multiplier{1610612736, 0});
  CHECK(encode_multiplier(0x1p-20) == Multiplier{1 << 30, -19});
  CHECK(encode_multiplier(0x1p-32) == Multiplier{1 << 30, -31});
  CHECK(encode_multiplier(0x1p-33) == Multiplier{0, 0});
  CHECK(encode_multiplier(0x1p40) == Multiplier{INT_MAX, 30});
  const float s = float_of(0x3cc0c0c1), w = float_of(0x3bef34d7);
  CHECK(encode_multiplier(accumulator_factor(s, w, s)) == Multiplier{2006608768, -7});
  CHECK(encode_multiplier(accumulator_factor(s, w, s, true)) == Multiplier{2006608731, -7});
  const Rng rng(3, Purpose::user);
  for (std::uint64_t i = 0; i < 1000; ++i) {  // the nearest m: |d - m * 2^(e-31)| <= 2^(e-32)
    const double d = std::ldexp(rng.uniform(i, 0.5, 1.0), int(i % 60) - 30);
    const Multiplier m = encode_multiplier(d);
    CHECK(std::abs(d - std::ldexp(double(m.m), m.e - 31)) <= std::ldexp(1.0, m.e - 32));
    CHECK(m.m >= 1 << 30);
  }
}

TEST_CASE("activations: scale, zero point and the codes of clamps") {
  struct {
    double lo, hi;
    std::uint32_t scale;
    int zero;
  } const rows[] = {{0, 6, 0x3cc0c0c1, -128},      {0, 1, 0x3b808081, -128}, {-6, 6, 0x3d40c0c1, -1},
                    {-1, 3, 0x3c808081, -64},      {-3, 1, 0x3c808081, 63},  {-0.4242, 2.8215, 0x3c508a17, -95},
                    {-12.7, 18.3, 0x3df8f8f9, -24}};
  for (const auto& r : rows) {
    CAPTURE(r.lo);
    CAPTURE(r.hi);
    const Quantization q = activation_quantization(r.lo, r.hi);
    CHECK(bits_of(q.scale) == r.scale);
    CHECK(q.zero == r.zero);
    CHECK(expressible(q).lo == double(q.scale) * (-128 - q.zero));
    CHECK(expressible(q).hi == double(q.scale) * (127 - q.zero));
  }
  CHECK(activation_quantization(0, 0) == Quantization{1, 0});
  CHECK(activation_quantization(0, 0, 8, true) == Quantization{1, -128});
  CHECK(activation_quantization(2, 3) == activation_quantization(0, 3));  // 0 is always in the range
  CHECK(activation_quantization(-3, -2) == activation_quantization(-3, 0));

  CHECK(bound_code(6, activation_quantization(0, 6)) == 127);
  CHECK(bound_code(0, activation_quantization(0, 6)) == -128);
  CHECK(bound_code(6, activation_quantization(0, 4.5)) == 212);
  CHECK(bound_code(0, activation_quantization(-12.7, 18.3)) == -24);
  CHECK(bound_code(6, activation_quantization(-12.7, 18.3)) == 25);
  CHECK(bound_code(6, activation_quantization(0, 12)) == 0);  // 127.5 steps, away from zero
  CHECK(bound_code(1e30f, activation_quantization(0, 6)) > 127);
}

TEST_CASE("activations at other widths") {
  const double steps[] = {0.4, 0.1935, 0.0952, 0.0472};
  for (int bits = 4; bits <= 7; ++bits) {
    const Quantization q = activation_quantization(0, 6, bits, true);
    CHECK(std::abs(double(q.scale) - steps[bits - 4]) < 5e-5);
    CHECK(q.zero == code_range(bits).min);
    CHECK(bound_code(6, q) == code_range(bits).max);
  }
}

TEST_CASE("weights and biases") {
  CHECK(weight_scale(0) == 0x1p-10f);
  CHECK(weight_scale(1) == float(1 / 127.));
  CHECK(weight_scale(1, 4) == float(1 / 7.));
  CHECK(weight_code(1, weight_scale(1)) == 127);
  CHECK(weight_code(-1, weight_scale(1)) == -127);  // never -128
  CHECK(weight_code(0.5 * double(float(1 / 127.)), float(1 / 127.)) == 1);
  CHECK(weight_code(-0.5 * double(float(1 / 127.)), float(1 / 127.)) == -1);
  CHECK(weight_code(-1, float(1 / 127.5)) == -127);  // limited, whatever the scale
  CHECK(bias_code(1, bias_scale(0.5f, 0.25f)) == 8);
  CHECK(bias_code(-0.0625, bias_scale(0.5f, 0.25f)) == -1);
}

TEST_CASE("activation codes round half up, means half away from zero in code space") {
  CHECK(activation_code(0.5, 0, code_range(8)) == 1);
  CHECK(activation_code(-0.5, 0, code_range(8)) == 0);
  CHECK(activation_code(300, -128, code_range(8)) == 127);
  CHECK(activation_code(-9, -128, code_range(8)) == -128);
  struct {
    int sum, n, out;
  } const rows[] = {{-510, 4, -128}, {-506, 4, -127}, {-507, 4, -127},   {2, 4, 1},
                    {1, 4, 0},       {-2, 4, -1},     {-6247, 49, -127}, {0, 4, 0}};
  for (const auto& r : rows) {
    CHECK(mean_code(r.sum, r.n) == r.out);
    CHECK(mean_code_of(double(r.sum) / r.n + 3, -3, code_range(8)) == r.out);
  }
}

TEST_CASE("addition") {
  const float s1 = 0.02f, s2 = 0.03f, out = 0.04f;
  const AddMultipliers m = add_multipliers(s1, s2, out);
  CHECK(m.a == Multiplier{1431655765, -1});
  CHECK(m.b == Multiplier{1 << 30, 0});
  CHECK(m.out == Multiplier{1610612736, -19});
  struct {
    int q1, q2, twofold, single;
  } const rows[] = {{100, 50, 89, 89}, {-128, 127, 33, 32}, {4, -5, 0, -1}, {7, -7, 0, -1}};
  for (const auto& r : rows) {
    CAPTURE(r.q1);
    CHECK(add_codes(r.q1, 3, r.q2, -5, m, Rounding::twofold) - 1 == r.twofold);
    CHECK(add_codes(r.q1, 3, r.q2, -5, m, Rounding::single) - 1 == r.single);
  }
}

TEST_CASE("clamping comes after the zero point") {
  CHECK(clamp_code(130 - 24, -24, 25) == 25);
  CHECK(clamp_code(std::int64_t(1) << 40, -128, 127) == 127);
  CHECK(clamp_code(-(std::int64_t(1) << 40), -128, 127) == -128);
}

TEST_CASE("bfloat16") {
  CHECK(bf16_bits(0.1f) == 0x3dcd);
  CHECK(bf16_bits(1 / 3.f) == 0x3eab);
  CHECK(bf16_bits(1 + 0x1p-8f) == 0x3f80);
  CHECK(bf16_bits(5.99f) == 0x40c0);
  CHECK(bf16_bits(FLT_MAX) == 0x7f80);
  CHECK(bf16(float_of(0x7fc00001)) != bf16(float_of(0x7fc00001)));
  CHECK(bf16(float_of(0x7f800001)) != bf16(float_of(0x7f800001)));
  CHECK(bf16(1.5f) == 1.5f);
}
