#pragma once
#include "../tape.h"

namespace six {

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  // the weight of the new batch in the running statistics, as in PyTorch
};

namespace ops {
// z = gamma * (x - mean) / sqrt(var + eps) + beta for each channel (Ioffe and Szegedy 2015, arXiv:1502.03167). Deferred: z is a
// scale and a shift, dx three numbers a channel. On a training tape mean and (biased) var are the batch's, combined from the
// blocks' sums in double, and the running statistics move towards mean and unbiased var; otherwise the running statistics are used.
struct BatchNorm {
  static constexpr const char* name = "batch_norm";
  BatchNormOptions options;
  real *running_mean = nullptr, *running_var = nullptr;  // [c]; null: batch statistics always, nothing kept
  const real *mean = nullptr, *rstd = nullptr;           // of this call
  bool batch_statistics = true;

  // Throws if gamma or beta is not [c], or if there is only one number a channel to take statistics of.
  Affine forward(const Context& c, Tensor x, Tensor gamma, Tensor beta);
  void backward(const Back& b, Tensor x, Tensor gamma, Tensor beta);
};
}  // namespace ops

Var batch_norm(Var x, Var gamma, Var beta, real* running_mean = nullptr, real* running_var = nullptr,
               BatchNormOptions options = {});

}  // namespace six
