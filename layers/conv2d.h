#pragma once
#include "conv_settings.h"
#include "init.h"
#include "layer.h"

namespace six {

struct Conv2dConfig {
  int out_channels = 0;
  KernelSize kernel = 3;
  int stride = 1;
  PaddingRule padding = {};
  bool bias = true;
  Init init = Init::he_normal;
  static void fields(auto& visit, auto& c) {
    visit("out_channels", c.out_channels, "channels of the output", required(between(1, kMaxChannels)));
    visit("kernel", c.kernel, "height and width", between(1, kMaxExtent));
    visit("stride", c.stride, "step of the kernel", between(1, kMaxExtent));
    visit("padding", c.padding, "zeros around the image; kernel / 2 unless given", between(0, kMaxExtent));
    visit("bias", c.bias, "adds a number per channel");
    visit("init", c.init, "start of the weights");
  }
};

// Convolution [h, w, c] -> [oh, ow, out_channels], oh = (h + top + bottom - kernel) / stride + 1. Parameters weight [kh, kw, c, k],
// bias [k].
class Conv2d : public LayerOf<Conv2d, Conv2dConfig> {
 public:
  static constexpr const char *kType = "conv2d", *kSummary = "convolution";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
  ConvOptions options() const { return {config.stride, config.padding.numbers}; }  // once built
  ParamRef weight, bias;                                                           // bias empty without one
};

}  // namespace six
