#pragma once
#include "conv_settings.h"
#include "init.h"
#include "layer.h"

namespace six {

struct LinearConfig {
  int out_features = 0;
  bool bias = true;
  Init init = Init::pytorch_uniform;
  static void fields(auto& visit, auto& c) {
    visit("out_features", c.out_features, "numbers in the output", required(between(1, kMaxChannels)));
    visit("bias", c.bias, "adds a number per output");
    visit("init", c.init, "start of the weights");
  }
};

// Fully connected, [in] -> [out_features]. Parameters weight [in, out_features], bias [out_features].
class Linear : public LayerOf<Linear, LinearConfig> {
 public:
  static constexpr const char *kType = "linear", *kSummary = "fully connected";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
  ParamRef weight, bias;  // bias empty without one
};

}  // namespace six
