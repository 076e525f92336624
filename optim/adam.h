#pragma once
#include "optimizer.h"

namespace six {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  Decay decay = Decay::all;
  double clip_norm = 0;  // largest norm of the gradients; 0: no clipping
};

// The same with AdamW's default decay, PyTorch's.
struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;
  Decay decay = Decay::all;
  double clip_norm = 0;  // largest norm of the gradients; 0: no clipping
};

// Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1): m and v are running means of the gradient and its square,
// p -= lr mh / (sqrt(vh) + eps) with mh = m / (1 - beta1^t), vh = v / (1 - beta2^t). Weight decay is added to the gradient, as in
// torch.optim.Adam. Slots "m" and "v".
class Adam : public Optimizer {
 public:
  explicit Adam(ParamSet& params, AdamOptions options = {});

 protected:
  Adam(std::string name, ParamSet& params, AdamOptions options, bool decoupled);

 private:
  void update(std::span<const Range> ranges, real grad_scale) override;

  AdamOptions options_;
  bool decoupled_;
};

// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101): p *= 1 - lr weight_decay before Adam's step.
class AdamW : public Adam {
 public:
  explicit AdamW(ParamSet& params, AdamWOptions options = {});
};

}  // namespace six
