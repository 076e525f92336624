#pragma once
#include <span>

#include "../tape.h"

namespace six {

namespace ops {
// Mean over the rows of -sum_c t[c] * log softmax(x)[c], log-softmax and loss in one; the targets t come from labels or are given.
struct CrossEntropy {
  static constexpr const char* name = "cross_entropy";
  const real* target = nullptr;  // [n, c]
  const real* prob = nullptr;    // softmax(x)
  Tensor forward(const Context& c, Tensor x);
  void backward(const Back& b, Tensor x);
};

struct MseLoss {
  static constexpr const char* name = "mse_loss";
  Tensor forward(const Context& c, Tensor x, Tensor target);
  void backward(const Back& b, Tensor x, Tensor target);
};
}  // namespace ops

struct CrossEntropyOptions {
  double label_smoothing = 0;  // t = (1 - s) * onehot + s / c (Szegedy et al. 2016, arXiv:1512.00567)
};

// logits [n, c], labels [n] in [0, c); a scalar. Throws if a label is out of range or the counts differ.
Var cross_entropy(Var logits, std::span<const int> labels, CrossEntropyOptions options = {});
// Soft targets [n, c], row by row; not copied, they must live until the reset.
Var cross_entropy(Var logits, std::span<const real> targets, CrossEntropyOptions options = {});
// The mean of (x - target)^2; equal shapes.
Var mse_loss(Var x, Var target);

}  // namespace six
