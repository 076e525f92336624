#pragma once
// exp, log, tanh, sigmoid and erf that compilers turn into vector code. The float versions are branch-free polynomials, fitted
// (minimax, coefficients rounded to float) to the functions named beside them: the C library's would differ in their last bits
// from machine to machine and do not vectorise. Each sum has at most one product in it, so that every FMA build contracts it
// alike and vector bodies, scalar tails, AVX2 and AVX-512 agree bit for bit; without FMA the last bit may differ.
// NaN gives NaN. The errors stated are the largest over all floats, with and without FMA, in units of the result's last place
// (tests/core/math.cpp measures them). The double versions call the C library, the same for every instruction set.
// They live in a namespace of their own, where <cmath> cannot collide with them.
#include "select.h"

namespace six {
inline namespace SIX_ISA {
namespace math {

SIX_INLINE float power_of_two(int n) { return __builtin_bit_cast(float, unsigned(n + 127) << 23); }  // -126 <= n <= 127
SIX_INLINE float magnitude(float x) { return __builtin_bit_cast(float, __builtin_bit_cast(unsigned, x) & 0x7fffffffu); }
SIX_INLINE float with_sign_of(float magnitude_, float sign) {
  return __builtin_bit_cast(float, __builtin_bit_cast(unsigned, magnitude_) | (__builtin_bit_cast(unsigned, sign) & 0x80000000u));
}

inline constexpr float kLog2e = 1.44269504f;
inline constexpr float kLn2Hi = 0x1.62e4p-1f, kLn2Lo = 0x1.7f7d1cp-20f;  // ln 2 = hi + lo; n * hi is exact for |n| < 512

// e^x = 2^n e^r with |r| <= ln(2) / 2. Error 1.1; overflows to inf above 88.72, denormal results included, 0 below -103.97.
SIX_INLINE float exp(float x) {
  const float bounded = select(x < -104.f, -104.f, select(x > 89.f, 89.f, x));
  constexpr float kRound = 0x1.8p23f;  // adding it leaves the nearest integer in the low bits
  const float shifted = bounded * kLog2e + kRound;
  const float n = shifted - kRound;
  const float r0 = bounded - n * kLn2Hi;
  const float r = r0 - n * kLn2Lo;
  float q = 0x1.6a5130p-10f;  // (e^r - 1 - r) / r^2
  q = q * r + 0x1.12397ap-7f;
  q = q * r + 0x1.5558acp-5f;
  q = q * r + 0x1.555492p-3f;
  q = q * r + 0x1.fffffcp-2f;
  const float square = r * r;
  const float e = q * square + r;
  const int k = int(__builtin_bit_cast(unsigned, shifted) - __builtin_bit_cast(unsigned, kRound));
  const int half = k >> 1;  // 2^k in two factors: k goes from -150 to 128
  return (1 + e) * power_of_two(half) * power_of_two(k - half);
}

// log x = n log 2 + log(1 + f) with 1 + f from sqrt(1/2) to sqrt(2). Error 1.0; log(0) is -inf, of a negative number NaN.
SIX_INLINE float log(float x) {
  const bool denormal = x < 0x1p-126f;
  const unsigned bits = __builtin_bit_cast(unsigned, select(denormal, x * 0x1p23f, x));
  const unsigned from_sqrt_half = bits - 0x3f3504f3u;  // the exponent field now changes at sqrt(1/2)
  const float n = float(int(from_sqrt_half) >> 23) - select(denormal, 23.f, 0.f);
  const float f = __builtin_bit_cast(float, (from_sqrt_half & 0x007fffffu) + 0x3f3504f3u) - 1;
  float p = -0x1.38c2a6p-4f;  // (log(1 + f) - f + f^2 / 2) / f^3
  p = p * f + 0x1.055ce8p-3f;
  p = p * f - 0x1.0d82a4p-3f;
  p = p * f + 0x1.22d96ep-3f;
  p = p * f - 0x1.547288p-3f;
  p = p * f + 0x1.99a01ap-3f;
  p = p * f - 0x1.000226p-2f;
  p = p * f + 0x1.555554p-2f;
  const float t = p * f - 0.5f;
  const float square = f * f;
  const float low = n * kLn2Lo + f;
  const float sum = t * square + low;
  const float finite = n * kLn2Hi + sum;
  const float edge =
      select(x == 0, -__builtin_inff(), select(x < 0, __builtin_nanf(""), x));  // 0, negative; inf and NaN themselves
  return select((x > 0) & (x < __builtin_inff()), finite, edge);
}

// Odd; x + x^3 p(x^2) below 0.625 and 1 - 2 / (e^(2|x|) + 1) above. Error 1.4.
SIX_INLINE float tanh(float x) {
  const float a = magnitude(x), square = x * x;
  float p = -0x1.75619ap-8f;  // (tanh(x) / x - 1) / x^2
  p = p * square + 0x1.5207b8p-6f;
  p = p * square - 0x1.b83738p-5f;
  p = p * square + 0x1.1106fcp-3f;
  p = p * square - 0x1.555532p-2f;
  const float cube = x * square;
  const float near = p * cube + x;
  const float far = 1 - 2 / (exp(2 * a) + 1);
  return with_sign_of(select(a < 0.625f, near, far), x);  // near(-0) is +0
}

// Odd; x + x p(x^2) below 1 and 1 - e^-p(|x|) above. Error 1.4.
SIX_INLINE float erf(float x) {
  const float a = magnitude(x), square = x * x;
  float p = 0x1.4771fep-14f;  // erf(x) / x - 1, in x^2
  p = p * square - 0x1.a3515ep-11f;
  p = p * square + 0x1.53f224p-8f;
  p = p * square - 0x1.b7f71ap-6f;
  p = p * square + 0x1.ce2ce6p-4f;
  p = p * square - 0x1.81273ep-2f;
  p = p * square + 0x1.06eba8p-3f;
  const float near = p * x + x;
  const float t = select(a > 4, 4.f, a);  // from there on erf rounds to 1
  float q = -0x1.8528d0p-13f;             // -log(1 - erf(t))
  q = q * t + 0x1.814ad4p-9f;
  q = q * t - 0x1.654170p-6f;
  q = q * t + 0x1.a60a4ap-4f;
  q = q * t + 0x1.46c588p-1f;
  q = q * t + 0x1.2085b2p+0f;
  q = q * t + 0x1.72e404p-12f;
  const float far = with_sign_of(1 - exp(-q), x);
  return select(a < 1, near, far);
}

SIX_INLINE double exp(double x) { return __builtin_exp(x); }
SIX_INLINE double log(double x) { return __builtin_log(x); }
SIX_INLINE double tanh(double x) { return __builtin_tanh(x); }
SIX_INLINE double erf(double x) { return __builtin_erf(x); }

// 1 / (1 + e^-x), or e^x / (1 + e^x) below 0, where the first form would overflow. Error of the float version 2.5.
SIX_INLINE real sigmoid(real x) {
  const bool negative = x < 0;
  const real e = exp(select(negative, x, -x));
  return select(negative, e, real(1)) / (1 + e);
}

}  // namespace math
}  // namespace SIX_ISA
}  // namespace six
