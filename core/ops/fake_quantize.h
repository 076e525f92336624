#pragma once
#include "../quantization.h"
#include "../tape.h"

namespace six {

// Fake quantisation: values rounded to what integers of a few bits can express, gradients as if they had not been ("straight
// through"; Bengio et al. 2013, arXiv:1308.3432; Jacob et al. 2018, arXiv:1712.05877). The rules are those of core/quantization.h.
namespace ops {

// Weights whose last dimension is the output channel, each channel with its own scale (or all with one). dw = dy.
struct FakeQuantizeWeights {
  static constexpr const char* name = "fake_quantize_weights";
  int bits = 8;
  bool shared = false;
  Tensor forward(const Context& c, Tensor w);
  void backward(const Back& b, Tensor w);
};

// A bias [k] for weights whose products have the scale input * weight scale. db = dy.
struct FakeQuantizeBias {
  static constexpr const char* name = "fake_quantize_bias";
  FakeQuantizeWeights weights;
  float input = 1;  // scale of what the weights multiply
  Tensor forward(const Context& c, Tensor bias, Tensor w);
  void backward(const Back& b, Tensor bias, Tensor w);
};

// Activations: y = q.real_of(code of x), dx = dy where x lies in what the codes express, both ends included, else 0.
struct FakeQuantize {
  static constexpr const char* name = "fake_quantize";
  int bits = 8;
  bool rectified = false;  // x is the result of a ReLU or ReLU6
  bool mean = false;       // x is a mean of codes, rounded as mean_code does
  bool rounds = true;      // false: y = x, only the range follows
  double momentum = 0;     // on a training tape: range += momentum * (this batch's - range); a NaN becomes this batch's
  real* range = nullptr;   // [2], the lowest and the highest value
  Quantization q = {};     // of this call, from the range
  Tensor forward(const Context& c, Gated x);
  void backward(const Back& b, Gated x);
};

}  // namespace ops
}  // namespace six
