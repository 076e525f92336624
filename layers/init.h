#pragma once
#include <span>

#include "../core/real.h"
#include "../core/rng.h"
#include "../core/shape.h"

namespace six {

// How weights start. With fan_in and fan_out the numbers of connections into an output and out of an input:
//   he_normal        N(0, 2 / fan_in), PyTorch's kaiming_normal_ with mode fan_in and gain sqrt 2 (He et al. 2015,
//   arXiv:1502.01852); biases 0 pytorch_uniform  U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), weights and biases: what torch.nn.Linear
//   and Conv2d start with glorot_uniform   U(-a, a), a = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010); biases 0
enum class Init { he_normal, pytorch_uniform, glorot_uniform };
std::span<const char* const> choices_of(Init);

struct Fans {
  long in = 1, out = 1;
};

// Fills a weight, or a bias, with numbers of `rng`, drawn in double.
void init_weight(Init init, Fans fans, const Rng& rng, std::span<real> values);
void init_bias(Init init, Fans fans, const Rng& rng, std::span<real> values);

}  // namespace six
