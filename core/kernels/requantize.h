#pragma once
/* From the 32-bit accumulator of an integer layer to an 8-bit code. Plain C99 as well as C++, needing nothing but <stdint.h>: the
   emulator and the kernels include this file, and the C writer copies these functions, so that they cannot drift apart. Multipliers
   are m * 2^(e - 31), m in [2^30, 2^31) or 0, -31 <= e <= 30 (see core/quantization.h). Copied are blocks between empty lines. */
#include <stdint.h>

/* floor(v / 2^k), 0 <= k <= 62: C leaves >> of negative numbers to the compiler, which makes one instruction of this. */
static inline int64_t asr(int64_t v, int k) { return v >= 0 ? v >> k : ~(~v >> k); }

/* acc * m * 2^(e - 31), rounded once, halves towards +infinity. */
static inline int64_t requantize_single(int32_t acc, int32_t m, int e) {
  return asr((int64_t)acc * m + ((int64_t)1 << (30 - e)), 31 - e);
}

/* Twice the high half of a * m, halves towards +infinity ("saturating rounding doubling high multiply"; m >= 0 never saturates). */
static inline int32_t srdhm(int32_t a, int32_t m) { return (int32_t)asr((int64_t)a * m + ((int64_t)1 << 30), 31); }

/* x / 2^k, halves away from zero ("rounding divide by power of two"); 0 <= k <= 31. */
static inline int32_t rdbp(int32_t x, int k) {
  const int64_t mask = ((int64_t)1 << k) - 1, rest = x & mask;
  return (int32_t)(asr(x, k) + (rest > (mask >> 1) + (x < 0)));
}

/* acc * m * 2^(e - 31), rounded twice as TensorFlow Lite Micro and CMSIS-NN do by default; |acc| * 2^max(e, 0) < 2^31. */
static inline int64_t requantize_double(int32_t acc, int32_t m, int e) {
  return rdbp(srdhm(acc * ((int32_t)1 << (e > 0 ? e : 0)), m), e > 0 ? 0 : -e);
}

/* sum / n, halves away from zero; n > 0. */
static inline int32_t mean_code(int32_t sum, int32_t n) { return sum > 0 ? (sum + n / 2) / n : (sum - n / 2) / n; }

/* v within [lo, hi], a code. */
static inline int8_t clamp_code(int64_t v, int lo, int hi) { return (int8_t)(v < lo ? lo : v > hi ? hi : v); }
