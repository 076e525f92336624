#pragma once
#include "conv_settings.h"
#include "init.h"
#include "layer.h"

namespace six {

struct DepthwiseConv2dConfig {
  KernelSize kernel = 3;
  int stride = 1;
  PaddingRule padding = {};
  bool bias = true;
  Init init = Init::he_normal;
  static void fields(auto& visit, auto& c) {
    visit("kernel", c.kernel, "height and width", between(1, kMaxExtent));
    visit("stride", c.stride, "step of the kernel", between(1, kMaxExtent));
    visit("padding", c.padding, "zeros around the image; kernel / 2 unless given", between(0, kMaxExtent));
    visit("bias", c.bias, "adds a number per channel");
    visit("init", c.init, "start of the weights");
  }
};

// Convolution of each channel by itself, [h, w, c] -> [oh, ow, c]. Parameters weight [kh, kw, c], bias [c].
class DepthwiseConv2d : public LayerOf<DepthwiseConv2d, DepthwiseConv2dConfig> {
 public:
  static constexpr const char *kType = "depthwise_conv2d", *kSummary = "convolution of each channel by itself";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
  ConvOptions options() const { return {config.stride, config.padding.numbers}; }  // once built
  ParamRef weight, bias;                                                           // bias empty without one
};

}  // namespace six
