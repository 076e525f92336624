#include "linear.h"

#include "../core/error.h"
#include "builder.h"

namespace six {

Shape Linear::build(Builder& b, const Shape& in) {
  require(in.rank() == 1, "the input must be one row of features, got ", in, "; put a flatten or global_avg_pool layer before it");
  const long n = in[0], k = config.out_features;
  const Fans fans{n, k};
  const Shape image = b.image().rank() == 3 ? b.image() : Shape{1, 1, n};
  weight = b.param("weight", {n, k}, weight_init(config.init, fans), true, TorchLayout::linear(image, k));
  bias = config.bias ? b.param("bias", {k}, bias_init(config.init, fans), false) : ParamRef();
  b.set_image({});
  b.macs(n * k);
  return {k};
}

Var Linear::forward(Var x) const {
  const Var w = weight.on(x.tape());
  return bias ? linear(x, w, bias.on(x.tape())) : linear(x, w);
}

}  // namespace six
