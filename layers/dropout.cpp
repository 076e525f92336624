#include "dropout.h"

#include "../core/error.h"

namespace six {

Shape Dropout::build(Builder&, const Shape& in) {
  require(config.p < 1, "p is ", config.p, ", must be below 1");
  return in;
}
Var Dropout::forward(Var x) const { return dropout(x, config.p); }

}  // namespace six
