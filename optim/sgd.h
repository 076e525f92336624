#pragma once
#include "optimizer.h"

namespace six {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  bool nesterov = false;  // needs momentum
  double weight_decay = 0;
  Decay decay = Decay::all;
  double clip_norm = 0;  // largest norm of the gradients; 0: no clipping
};

// Stochastic gradient descent: d = g + weight_decay p, b = momentum b + d, p -= lr b (Nesterov: p -= lr (d + momentum b)), the
// formulas of torch.optim.SGD without dampening. Slot "momentum", if there is momentum.
class SGD : public Optimizer {
 public:
  explicit SGD(ParamSet& params, SGDOptions options = {});

 private:
  void update(std::span<const Range> ranges, real grad_scale) override;

  SGDOptions options_;
};

}  // namespace six
