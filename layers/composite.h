#pragma once
#include <initializer_list>
#include <string>
#include <vector>

#include "conv_settings.h"
#include "init.h"
#include "layer.h"

namespace six {

struct LayersConfig {
  std::vector<AnyLayer> layers;
  static void fields(auto& visit, auto& c) { visit("layers", c.layers, "the layers, first to last", required()); }
};

// Layers one after another.
class Sequential : public LayerOf<Sequential, LayersConfig> {
 public:
  static constexpr const char *kType = "sequential", *kSummary = "layers one after another";
  using LayerOf::LayerOf;
  Sequential(std::initializer_list<AnyLayer> layers) : LayerOf({layers}) {}
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
  std::vector<AnyLayer>& children() override { return config.layers; }
  using Layer::children;
};

// x + layers(x) (He et al. 2016, arXiv:1512.03385). Throws unless the layers keep the shape.
class Residual : public LayerOf<Residual, LayersConfig> {
 public:
  static constexpr const char *kType = "residual", *kSummary = "x + layers(x); the layers keep the shape";
  using LayerOf::LayerOf;
  Residual(std::initializer_list<AnyLayer> layers) : LayerOf({layers}) {}
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
  std::vector<AnyLayer>& children() override { return config.layers; }
  using Layer::children;
};

struct SeparableConfig {
  int out_channels = 0, stride = 1;
  AnyLayer activation = Relu6{};
  Init init = Init::he_normal;
  static void fields(auto& visit, auto& c) {
    visit("out_channels", c.out_channels, "channels of the output", required(between(1, kMaxChannels)));
    visit("stride", c.stride, "of the depthwise convolution", between(1, kMaxExtent));
    visit("activation", c.activation, "after each batch norm");
    visit("init", c.init, "start of the weights");
  }
};

// MobileNet's block (Howard et al. 2017, arXiv:1704.04861): depthwise 3x3, batch norm, activation, 1x1, batch norm, activation.
class Separable : public LayerOf<Separable, SeparableConfig> {
 public:
  static constexpr const char *kType = "separable",
                              *kSummary = "MobileNet block: depthwise 3x3, BN, activation, 1x1, BN, activation";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
  std::vector<AnyLayer>& children() override { return parts_; }
  using Layer::children;

 private:
  std::vector<AnyLayer> parts_;
};

struct InvertedResidualConfig {
  int out_channels = 0, stride = 1, expansion = 6;
  AnyLayer activation = Relu6{};
  Init init = Init::he_normal;
  static void fields(auto& visit, auto& c) {
    visit("out_channels", c.out_channels, "channels of the output", required(between(1, kMaxChannels)));
    visit("stride", c.stride, "of the depthwise convolution", between(1, kMaxExtent));
    visit("expansion", c.expansion, "channels of the depthwise convolution per input channel; 1: no expansion",
          between(1, kMaxExtent));
    visit("activation", c.activation, "after the first two batch norms");
    visit("init", c.init, "start of the weights");
  }
};

// MobileNetV2's block (Sandler et al. 2018, arXiv:1801.04381): 1x1 expansion, BN, activation, depthwise 3x3, BN, activation, linear
// 1x1 bottleneck, BN; plus the input if the stride is 1 and the channels are equal.
class InvertedResidual : public LayerOf<InvertedResidual, InvertedResidualConfig> {
 public:
  static constexpr const char *kType = "inverted_residual",
                              *kSummary =
                                  "MobileNetV2 block: 1x1 expansion, depthwise 3x3, linear 1x1; plus x if the shape is kept";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
  std::vector<AnyLayer>& children() override { return parts_; }
  using Layer::children;
  bool skips() const { return config.stride == 1 && in() == out(); }

 private:
  std::vector<AnyLayer> parts_;
};

}  // namespace six
