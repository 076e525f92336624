#pragma once
#include "../tape.h"

namespace six {

// Zeros around an image; one number is all four sides.
struct Padding {
  int top = 0, left = 0, bottom = 0, right = 0;
  constexpr Padding() = default;
  constexpr Padding(int all) : top(all), left(all), bottom(all), right(all) {}  // NOLINT: `.padding = 1` is meant to work
  constexpr Padding(int t, int l, int b, int r) : top(t), left(l), bottom(b), right(r) {}
  bool operator==(const Padding&) const = default;
};

struct ConvOptions {
  int stride = 1;
  Padding padding = {};
};

namespace ops {
// y[n, oh, ow, k] = sum over kh, kw, c of x[n, oh * stride + i - top, ow * stride + j - left, c] * w[i, j, c, k].
struct Conv2d {
  static constexpr const char* name = "conv2d";
  ConvOptions options;
  // x [n, h, w, c] and w [kh, kw, c, k] -> [n, oh, ow, k], oh = (h + top + bottom - kh) / stride + 1. Throws if they do not fit.
  Shape shape(const Shape& x, const Shape& w) const;
  Tensor forward(const Context& c, Pixels x, Tensor w);
  void backward(const Back& b, Pixels x, Tensor w);
};

// The same for each channel by itself: w [kh, kw, c], y [n, oh, ow, c].
struct DepthwiseConv2d {
  static constexpr const char* name = "depthwise_conv2d";
  ConvOptions options;
  Shape shape(const Shape& x, const Shape& w) const;
  Tensor forward(const Context& c, Gated x, Tensor w);
  void backward(const Back& b, Gated x, Tensor w);
};

// y[..., n] = sum over k of x[..., k] * w[k, n]: the matrix product of all rows of x with w.
struct Matmul {
  static constexpr const char* name = "matmul";
  Shape shape(const Shape& x, const Shape& w) const;
  Tensor forward(const Context& c, Gated x, Tensor w);
  void backward(const Back& b, Gated x, Tensor w);
};

// y = x + bias, one number a channel; deferred.
struct Bias {
  static constexpr const char* name = "bias";
  Affine forward(const Context& c, Tensor x, Tensor bias);
  void backward(const Back& b, Tensor x, Tensor bias);
};
}  // namespace ops

Var conv2d(Var x, Var w, ConvOptions options = {});
Var conv2d(Var x, Var w, Var bias, ConvOptions options = {});
Var depthwise_conv2d(Var x, Var w, ConvOptions options = {});
Var depthwise_conv2d(Var x, Var w, Var bias, ConvOptions options = {});
Var matmul(Var x, Var w);
Var linear(Var x, Var w);            // x [..., in], w [in, out]
Var linear(Var x, Var w, Var bias);  // bias [out]
Var bias(Var x, Var b);

}  // namespace six
