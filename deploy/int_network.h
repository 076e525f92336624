#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "../core/kernels/table.h"
#include "../core/quantization.h"
#include "../core/shape.h"
#include "../layers/quant_options.h"

namespace six {

// A network of integers between the image's bytes and the logits. Images are [h, w, c] in memory, features one pixel.

// What a layer with weights does per output channel: acc = bias + sum of w * (x - zero_in) over the taps inside the image, then
// clamp(requantize(acc) + zero_out, lo, hi).
struct IntWeights {
  kernels::Conv g{};  // of one image; a linear layer is a 1x1 convolution
  std::vector<std::int8_t> weights;
  std::vector<std::int32_t> bias;
  std::vector<Multiplier> multipliers;
  int zero_in = 0, zero_out = 0, lo = -128, hi = 127;
  bool accumulators = false;  // the result is acc itself: logits of 32 bits
  bool packed = false;        // in flash two weights share a byte, the first in its lower half
  std::vector<double> bound;  // per channel: |acc| is never larger
};
struct IntConv : IntWeights {  // weights [k][kh][kw][c]
  bool mean = false;           // of the whole image, in front of a linear layer: every tap has the weights [k][c]
};
struct IntDepthwise : IntWeights {};  // weights [kh][kw][c]
struct IntAdd {
  int zero_a = 0, zero_b = 0, zero_out = 0, lo = -128, hi = 127;
  AddMultipliers multipliers;
};
// Pools keep scale and zero point; a mean rounds half away from zero in code space.
struct IntAvgPool {
  kernels::Pool g{};
  int lo = -128, hi = 127;
};
struct IntMaxPool {
  kernels::Pool g{};
};
struct IntClamp {  // one that stands alone
  int lo = -128, hi = 127;
};

struct IntStage {
  std::string name;     // "layers.3 (conv2d)"
  std::vector<int> in;  // values
  int out = 0;
  std::variant<IntConv, IntDepthwise, IntAdd, IntAvgPool, IntMaxPool, IntClamp> op;

  const IntWeights* weighted() const;  // null if the stage has no weights
  long macs() const;                   // multiply-accumulates, taps outside the image included
  long constant_bytes() const;         // weights, and 9 bytes a channel: bias, multiplier, exponent
};

struct IntValue {
  Shape shape;
  Quantization q;
  int storage = 0;        // the value whose bytes these are: a reshape makes none
  double lo = 0, hi = 0;  // the range q was made for
  int bits = 8;           // width of the codes
};

struct IntNetwork {
  std::vector<IntValue> values;  // numbered as in the Graph; 0 is the image, whose code is byte - 128
  std::vector<IntStage> stages;
  int output = 0;
  QuantOptions options;
  bool accumulators = false;  // the logits are accumulators
  bool fold_mean = false;     // a mean over the image and the linear layer behind it are one stage

  const Shape& shape(int value) const { return values[std::size_t(value)].shape; }
  int storage(int value) const { return values[std::size_t(value)].storage; }
  long classes() const { return shape(output).size(); }
};

}  // namespace six
