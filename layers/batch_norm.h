#pragma once
#include "layer.h"

namespace six {

struct BatchNormConfig {
  double eps = 1e-5, momentum = 0.1;
  static void fields(auto& visit, auto& c) {
    visit("eps", c.eps, "added to the variance", between(1e-30, 1));
    visit("momentum", c.momentum, "weight of the new batch in the running statistics", between(0, 1));
  }
};

// Batch normalisation over the channels, or over the features of [n]; see core/ops/batch_norm.h. Parameters weight (gamma, 1 at the
// start) and bias (beta, 0); state running_mean, running_var and num_batches_tracked, the training batches seen.
class BatchNorm : public LayerOf<BatchNorm, BatchNormConfig> {
 public:
  static constexpr const char *kType = "batch_norm", *kSummary = "batch normalisation";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
  ParamRef weight, bias;
  BufferRef running_mean, running_var, num_batches_tracked;
};

}  // namespace six
