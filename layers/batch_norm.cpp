#include "batch_norm.h"

#include "builder.h"

namespace six {

Shape BatchNorm::build(Builder& b, const Shape& in) {
  const Shape channels{in.channels()};
  const TorchLayout layout = b.per_feature(in);
  weight = b.param("weight", channels, constant_init(1), false, layout);
  bias = b.param("bias", channels, constant_init(0), false, layout);
  running_mean = b.buffer("running_mean", channels, 0, layout);
  running_var = b.buffer("running_var", channels, 1, layout);
  num_batches_tracked = b.counter("num_batches_tracked");
  return in;
}

Var BatchNorm::forward(Var x) const {
  Tape& t = x.tape();
  const Var y = batch_norm(x, weight.on(t), bias.on(t), running_mean.values(), running_var.values(), {config.eps, config.momentum});
  if (t.options().training && t.options().record) *num_batches_tracked.values() += 1;
  return y;
}

}  // namespace six
