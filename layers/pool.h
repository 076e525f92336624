#pragma once
#include "conv_settings.h"
#include "layer.h"

namespace six {

struct PoolConfig {
  int kernel = 2;
  int stride = 0;
  int padding = 0;
  static void fields(auto& visit, auto& c) {
    visit("kernel", c.kernel, "height and width of the window", between(1, kMaxExtent));
    visit("stride", c.stride, "step of the window; 0: as the kernel", between(0, kMaxExtent));
    visit("padding", c.padding, "around the image, at most kernel / 2", between(0, kMaxExtent));
  }
};

// The largest number of each window, [h, w, c] -> [oh, ow, c]; the padding never wins.
class MaxPool2d : public LayerOf<MaxPool2d, PoolConfig> {
 public:
  static constexpr const char *kType = "max_pool2d", *kSummary = "largest number of each window";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
  PoolOptions options() const { return {config.kernel, config.stride, config.padding}; }
};

// The mean of each window, [h, w, c] -> [oh, ow, c]; zeros of the padding count.
class AvgPool2d : public LayerOf<AvgPool2d, PoolConfig> {
 public:
  static constexpr const char *kType = "avg_pool2d", *kSummary = "mean of each window";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
  PoolOptions options() const { return {config.kernel, config.stride, config.padding}; }
};

// The mean over the image, [h, w, c] -> [c].
class GlobalAvgPool : public LayerOf<GlobalAvgPool, NoConfig> {
 public:
  static constexpr const char *kType = "global_avg_pool", *kSummary = "mean over the image";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
};

}  // namespace six
