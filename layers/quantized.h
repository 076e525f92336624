#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph.h"
#include "layer.h"
#include "quant_options.h"

namespace six {

struct QuantizedConfig {
  std::vector<AnyLayer> layers;
  QuantWeights weights;
  QuantActivations activations;
  ClampRange relu6_range = ClampRange::fixed6;
  Rounding rounding = Rounding::single;
  int warm_up = 0, freeze_after = 0;
  static void fields(auto& visit, auto& c) {
    visit("layers", c.layers, "the layers as they were trained, first to last", required());
    visit("weights", c.weights, "`bits`, 4 to 8, and `per`: one scale a `channel` or a `tensor`");
    visit("activations", c.activations, "`bits`, 4 to 8, and how ranges began");
    visit("relu6_range", c.relu6_range, "of a clamp with two ends: its ends, or what was observed");
    visit("rounding", c.rounding, "of accumulators, when it becomes integers");
    visit("warm_up", c.warm_up, "batches in which activations are observed but not yet rounded", at_least(0));
    visit("freeze_after", c.freeze_after, "batches after which the ranges of activations stay", at_least(0));
  }
};

// The given layers folded (batch norm into the weights before it) and fake-quantised: what integers of a few bits compute. Its
// parameters are the folded weights and biases `<layer>.weight`, `<layer>.bias`; its state the range of every value. What
// `mnist train --from` makes of a trained model, and what deploy turns into integers. Throws naming a layer that has no integer
// form, and one whose range was never observed; refuses to be anything but a model's only layer.
class Quantized : public LayerOf<Quantized, QuantizedConfig> {
 public:
  static constexpr const char *kType = "quantized",
                              *kSummary = "layers with batch norm folded in, rounded to integers of a few bits";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;

  // Takes over the weights of a folded graph of the same layers, and the range of each of its values.
  void set(const Graph& graph, const std::vector<std::array<double, 2>>& ranges) const;

 private:
  struct Step {
    ParamRef weight, bias;
    BufferRef range;   // NaN: never observed; absent: the codes are the input's
    std::string path;  // of the layer it stands for
  };
  Var run(const Stage& stage, const Step& step, std::span<const Var> values, std::span<const float> scales) const;

  std::shared_ptr<const Graph> graph_;  // its structure; its numbers are those of untrained layers
  std::vector<Step> steps_;
  BufferRef batches_;
};

// The settings of a fake-quantised model; null: the model is none.
const QuantizedConfig* quantized_config(const Model& model);

}  // namespace six
