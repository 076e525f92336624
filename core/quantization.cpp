#include "quantization.h"

#include <algorithm>

#include "kernels/requantize.h"

namespace six {
namespace {
constexpr double kTwo31 = 2147483648.0;
}

Quantization activation_quantization(double lo, double hi, int bits, bool rectified) {
  lo = std::min(lo, 0.), hi = std::max(hi, 0.);
  const auto [qmin, qmax] = code_range(bits);
  if (lo == 0 && hi == 0) return {1, rectified ? qmin : 0};
  if (!std::isfinite(hi - lo)) return {NAN, 0};
  const double s = (hi - lo) / (qmax - qmin);
  // The end with the smaller terms has the smaller rounding error.
  const double za = qmin - lo / s, ea = std::abs(double(qmin)) + std::abs(lo / s);
  const double zb = qmax - hi / s, eb = std::abs(double(qmax)) + std::abs(hi / s);
  const double zd = ea < eb ? za : zb;
  return {float(s), zd < qmin ? qmin : zd > qmax ? qmax : int(std::round(zd))};
}

RealRange expressible(const Quantization& q, int bits) {
  const auto [qmin, qmax] = code_range(bits);
  return {q.real_of(qmin), q.real_of(qmax)};
}

float weight_scale(double absmax, int bits) { return absmax == 0 ? 0x1p-10f : float(absmax / code_range(bits).max); }

int weight_code(double w, float scale, int bits) {
  const double most = code_range(bits).max;
  return int(std::clamp(std::round(w / double(scale)), -most, most));
}

double bias_code(double b, double scale) { return std::round(b / scale); }

int activation_code(double fraction, int zero, CodeRange range) {
  return int(std::clamp(std::floor(fraction + 0.5) + zero, double(range.min), double(range.max)));
}

int mean_code_of(double fraction, int zero, CodeRange range) {
  return int(std::clamp(std::round(fraction + zero), double(range.min), double(range.max)));
}

long bound_code(float v, const Quantization& q) {
  const float fraction = v / q.scale;
  return q.zero + long(std::clamp(std::round(double(fraction)), -kTwo31, kTwo31));
}

Multiplier encode_multiplier(double d, Rounding rounding) {
  int e = 0;
  const double f = std::frexp(d, &e);
  auto m = std::int64_t(std::round(f * kTwo31));
  if (m == std::int64_t(1) << 31) m >>= 1, ++e;
  if (e < -31) return {0, 0};
  if (rounding == Rounding::single && e > 30) return {INT32_MAX, 30};
  return {std::int32_t(m), e};
}

std::int64_t requantize(std::int32_t acc, Multiplier m, Rounding rounding) {
  return rounding == Rounding::single ? requantize_single(acc, m.m, m.e) : requantize_double(acc, m.m, m.e);
}

AddMultipliers add_multipliers(float s1, float s2, float out, Rounding rounding) {
  const double t = 2 * double(std::max(s1, s2));
  return {encode_multiplier(double(s1) / t, rounding), encode_multiplier(double(s2) / t, rounding),
          encode_multiplier(t / (double(1 << kAddShift) * double(out)), rounding)};
}

std::int64_t add_codes(int q1, int z1, int q2, int z2, const AddMultipliers& m, Rounding rounding) {
  const std::int64_t a = requantize((q1 - z1) * (1 << kAddShift), m.a, rounding),
                     b = requantize((q2 - z2) * (1 << kAddShift), m.b, rounding);
  return requantize(std::int32_t(a + b), m.out, rounding);
}

std::uint16_t bf16_bits(float x) {
  std::uint32_t u;
  __builtin_memcpy(&u, &x, sizeof u);
  if (x != x) return std::uint16_t(u >> 16 | 64);
  return std::uint16_t((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}

}  // namespace six
