#pragma once
#include "conv.h"

namespace six {

struct PoolOptions {
  int kernel = 2;
  int stride = 0;  // 0: as the kernel
  Padding padding = {};
};

namespace ops {
// The largest number of each window; the first of equal ones gets the gradient, a NaN wins. x [n, h, w, c] -> [n, oh, ow, c].
struct MaxPool2d {
  static constexpr const char* name = "max_pool2d";
  PoolOptions options;
  int* index = nullptr;
  Shape shape(const Shape& x) const;
  Tensor forward(const Context& c, Tensor x);
  void backward(const Back& b, Tensor x);
};
// The mean of each window; zeros of the padding count, as in PyTorch.
struct AvgPool2d {
  static constexpr const char* name = "avg_pool2d";
  PoolOptions options;
  Shape shape(const Shape& x) const;
  Tensor forward(const Context& c, Tensor x);
  void backward(const Back& b, Tensor x);
};
// The mean over h and w: [n, h, w, c] -> [n, c]. Reads through deferred batch norm and activation.
struct GlobalAvgPool {
  static constexpr const char* name = "global_avg_pool";
  Shape shape(const Shape& x) const;
  Tensor forward(const Context& c, Gated x);
  void backward(const Back& b, Gated x);
};
}  // namespace ops

Var max_pool2d(Var x, PoolOptions options = {});
Var avg_pool2d(Var x, PoolOptions options = {});
Var global_avg_pool(Var x);

}  // namespace six
