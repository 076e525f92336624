#pragma once
#include "layer.h"

namespace six {

// [h, w, c] -> [h * w * c]. Files hold what follows in torch's order c, h, w.
class Flatten : public LayerOf<Flatten, NoConfig> {
 public:
  static constexpr const char *kType = "flatten", *kSummary = "an image as one row of numbers";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override;
};

}  // namespace six
