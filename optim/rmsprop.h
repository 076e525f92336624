#pragma once
#include "optimizer.h"

namespace six {

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;  // of the running mean of the squared gradient
  double eps = 1e-8;
  double momentum = 0;
  bool centered = false;  // divide by the standard deviation instead of the root mean square
  double weight_decay = 0;
  Decay decay = Decay::all;
  double clip_norm = 0;  // largest norm of the gradients; 0: no clipping
};

// RMSprop (Hinton, Neural Networks for Machine Learning, lecture 6e; centred: Graves 2013, arXiv:1308.0850, eq. 38-45) with the
// formulas of torch.optim.RMSprop: d = g + weight_decay p, v the running mean of d^2, b = momentum b + d / (sqrt(v) + eps),
// p -= lr b; centred: m the running mean of d, sqrt(v - m^2). Slots "v", then "momentum" and "m" if used.
class RMSprop : public Optimizer {
 public:
  explicit RMSprop(ParamSet& params, RMSpropOptions options = {});

 private:
  void update(std::span<const Range> ranges, real grad_scale) override;

  RMSpropOptions options_;
  int v_ = 0, momentum_ = 0, m_ = 0;
};

}  // namespace six
