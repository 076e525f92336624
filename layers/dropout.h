#pragma once
#include "layer.h"

namespace six {

struct DropoutConfig {
  double p = 0.5;
  static void fields(auto& visit, auto& c) { visit("p", c.p, "probability of 0", fraction()); }
};

// Sets numbers to 0 with probability p in training, and divides the others by 1 - p.
class Dropout : public LayerOf<Dropout, DropoutConfig> {
 public:
  static constexpr const char *kType = "dropout", *kSummary = "sets numbers to 0 in training, with probability p";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
};

}  // namespace six
