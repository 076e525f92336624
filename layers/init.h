#pragma once
#include <functional>
#include <span>

#include "../core/real.h"
#include "../core/rng.h"

namespace six {

// How weights start. With fan_in and fan_out the numbers of connections into an output and out of an input:
//   he_normal        N(0, 2 / fan_in), PyTorch's kaiming_normal_ with fan_in and gain sqrt 2 (He et al. 2015, arXiv:1502.01852)
//   pytorch_uniform  U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), what torch.nn.Linear and Conv2d start with, biases included
//   glorot_uniform   U(-a, a), a = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, AISTATS)
// Biases start at 0 with the first and the last.
enum class Init { he_normal, pytorch_uniform, glorot_uniform };
std::span<const char* const> choices_of(Init);

struct Fans {
  long in = 1, out = 1;
};

// Draws the start values of a parameter: number i is a function of the generator and i alone, drawn in double.
using Fill = std::function<void(const Rng&, std::span<real>)>;
Fill weight_init(Init init, Fans fans);
Fill bias_init(Init init, Fans fans);
Fill constant_init(real value);

}  // namespace six
