#include "pool.h"

#include "../core/error.h"
#include "builder.h"

namespace six {
namespace {

template <class Op>
Shape pooled(PoolConfig& c, const Shape& in) {
  require_image(in);
  if (c.stride == 0) c.stride = c.kernel;
  require(c.padding <= c.kernel / 2, "padding is ", c.padding, ", must be at most half of kernel ", c.kernel);
  const Op op{{c.kernel, c.stride, c.padding}};
  const Shape out = op.shape({1, in[0], in[1], in[2]});
  return {out[1], out[2], out[3]};
}

}  // namespace

Shape MaxPool2d::build(Builder&, const Shape& in) { return pooled<ops::MaxPool2d>(config, in); }
Var MaxPool2d::forward(Var x) const { return max_pool2d(x, options()); }

Shape AvgPool2d::build(Builder&, const Shape& in) { return pooled<ops::AvgPool2d>(config, in); }
Var AvgPool2d::forward(Var x) const { return avg_pool2d(x, options()); }

Shape GlobalAvgPool::build(Builder&, const Shape& in) {
  require_image(in);
  return {in[2]};
}
Var GlobalAvgPool::forward(Var x) const { return global_avg_pool(x); }

}  // namespace six
