#pragma once
#include "../core/param.h"

namespace six {

// The Euclidean norm of the gradients of all trainable parameters, summed in double, in a fixed order.
double grad_norm(const ParamSet& params);

// What gradients of norm `norm` are multiplied by so that it does not exceed max_norm: min(1, max_norm / (norm + 1e-6)), as in
// torch.nn.utils.clip_grad_norm_. NaN stays NaN.
double clip_factor(double norm, double max_norm);

}  // namespace six
