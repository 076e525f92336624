#pragma once
// The arithmetic of 8-bit networks: real = scale * (code - zero). The fake-quantising ops of training and the integer networks of
// deploy/ call these functions, so that there is one rule for each number. Integer arithmetic is in kernels/requantize.h.
#include <cmath>
#include <cstdint>

namespace six {

// How codes of a tensor (or of a channel of weights) read.
struct Quantization {
  float scale = 1;
  int zero = 0;
  double real_of(int code) const { return double(scale) * (code - zero); }
  bool operator==(const Quantization&) const = default;
};

// Smallest and largest code of a width; weights use [-max, max].
struct CodeRange {
  int min, max;
};
constexpr CodeRange code_range(int bits) { return {-(1 << (bits - 1)), (1 << (bits - 1)) - 1}; }

// Scale and zero point of an activation whose values lie in [lo, hi], which is widened to hold 0; 0.0 is a code. A range [0, 0] has
// scale 1, one that is not finite NaN. `rectified`: the values are those of a ReLU or ReLU6. Jacob et al. 2018 (arXiv:1712.05877),
// section 3.
Quantization activation_quantization(double lo, double hi, int bits = 8, bool rectified = false);

// What the codes can express: [real_of(min), real_of(max)].
struct RealRange {
  double lo, hi;
};
RealRange expressible(const Quantization& q, int bits = 8);

// Symmetric scale of a channel of weights; absmax 0 gives 2^-10, so that its bias keeps its precision.
float weight_scale(double absmax, int bits = 8);
int weight_code(double w, float scale, int bits = 8);
// The scale of a bias is that of the products, in double.
inline double bias_scale(float input, float weight) { return double(input) * double(weight); }
double bias_code(double b, double scale);  // a whole number, not yet limited to 32 bits

// The code of an activation: half up, as requantize_single does. `fraction` is x / scale.
int activation_code(double fraction, int zero, CodeRange range);
// The code of a mean of codes: half away from zero, as mean_code does.
int mean_code_of(double fraction, int zero, CodeRange range);
// The code at which a clamp's bound v lies, not limited to the width: the clamp costs nothing, it is the bound of the codes.
long bound_code(float v, const Quantization& q);

// What an accumulator is multiplied by to become a code. TensorFlow Lite multiplies the scales in double, but those of its fully
// connected layers with one scale for all weights in float: `float_product`, for its bits.
inline double accumulator_factor(float input, float weight, float output, bool float_product = false) {
  return (float_product ? double(input * weight) : bias_scale(input, weight)) / double(output);
}

enum class Rounding { single, twofold };  // requantize_single, requantize_double

// d ~ m * 2^(e - 31).
struct Multiplier {
  std::int32_t m = 0;
  int e = 0;
  bool operator==(const Multiplier&) const = default;
};
// d > 0; too small a d is {0, 0}, with single rounding too large a one is the largest.
Multiplier encode_multiplier(double d, Rounding rounding = Rounding::single);
std::int64_t requantize(std::int32_t acc, Multiplier m, Rounding rounding = Rounding::single);

// The sum of two codes at scales s1 and s2 is formed in units of 2 * max(s1, s2) / 2^20.
struct AddMultipliers {
  Multiplier a, b, out;
};
inline constexpr int kAddShift = 20;
AddMultipliers add_multipliers(float s1, float s2, float out, Rounding rounding = Rounding::single);
// Before the zero point of the result is added, and the clamp.
std::int64_t add_codes(int q1, int z1, int q2, int z2, const AddMultipliers& m, Rounding rounding = Rounding::single);

// The 16 bits of a bfloat16, rounded half to even; a NaN stays one.
std::uint16_t bf16_bits(float x);
inline float bf16(float x) {
  const std::uint32_t bits = std::uint32_t(bf16_bits(x)) << 16;
  float y;
  __builtin_memcpy(&y, &bits, sizeof y);
  return y;
}

}  // namespace six
