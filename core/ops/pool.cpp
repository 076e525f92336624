#include "pool.h"

#include "parts.h"

namespace six {
using namespace ops;
namespace {

int stride_of(const PoolOptions& o) { return o.stride ? o.stride : o.kernel; }

// Throws unless every window holds at least one number of the image.
Shape pool_shape(const char* op, const PoolOptions& o, const Shape& x) {
  require(x.rank() == 4, op, ": the input has ", x.rank(), " dimensions, expected 4 [n,h,w,c] (x ", x, ")");
  require(o.kernel >= 1 && o.stride >= 0, op, ": kernel ", o.kernel, " and stride ", o.stride, " must be positive");
  const Padding& p = o.padding;
  require(std::min({p.top, p.left, p.bottom, p.right}) >= 0 && 2L * std::max({p.top, p.left, p.bottom, p.right}) <= o.kernel, op,
          ": padding [", p.top, ",", p.left, ",", p.bottom, ",", p.right, "] must be at most half of kernel ", o.kernel);
  require_countable(op, x, x[3], long(p.top) + p.bottom, long(p.left) + p.right, stride_of(o));
  const long h = x[1] + p.top + p.bottom, w = x[2] + p.left + p.right;
  require(x[1] > 0 && x[2] > 0 && h >= o.kernel && w >= o.kernel, op, ": kernel ", o.kernel, " does not fit input ", x[1], "x",
          x[2], " with its padding (x ", x, ")");
  return {x[0], (h - o.kernel) / stride_of(o) + 1, (w - o.kernel) / stride_of(o) + 1, x[3]};
}

kernels::Pool pool_geometry(const PoolOptions& o, const Shape& x, const Shape& y, long images) {
  return {images,   int(x[1]), int(x[2]),    int(x[3]),     int(y[1]),     int(y[2]),
          o.kernel, o.kernel,  stride_of(o), o.padding.top, o.padding.left};
}

}  // namespace

Shape MaxPool2d::shape(const Shape& x) const { return pool_shape(name, options, x); }
Tensor MaxPool2d::forward(const Context& c, Tensor x) {
  const Shape out = shape(x.shape);
  real* y = c.make(out);
  index = c.memory.fresh<int>(out.size());
  const long in = x.shape.sample_size(), per = out.sample_size();
  c.blocks(x.shape[0], x.size(), [&](int, Block b, int) {
    c.kernel.max_pool_forward(pool_geometry(options, x.shape, out, b.size()), x.y + b.begin * in, y + b.begin * per,
                              index + b.begin * per);
  });
  return {y, out};
}
void MaxPool2d::backward(const Back& b, Tensor x) {
  const Shape out = shape(x.shape);
  const real* dy = b.plain_dy();
  const long in = x.shape.sample_size(), per = out.sample_size();
  emit(b, 0, x, [&](Block r, real* dx) {
    b.kernel.max_pool_backward(pool_geometry(options, x.shape, out, r.size()), dy + r.begin * per, index + r.begin * per,
                               dx + r.begin * in);
  });
}

Shape AvgPool2d::shape(const Shape& x) const { return pool_shape(name, options, x); }
Tensor AvgPool2d::forward(const Context& c, Tensor x) {
  const Shape out = shape(x.shape);
  real* y = c.make(out);
  const long in = x.shape.sample_size(), per = out.sample_size();
  c.blocks(x.shape[0], x.size(), [&](int, Block b, int) {
    c.kernel.avg_pool_forward(pool_geometry(options, x.shape, out, b.size()), x.y + b.begin * in, y + b.begin * per);
  });
  return {y, out};
}
void AvgPool2d::backward(const Back& b, Tensor x) {
  const Shape out = shape(x.shape);
  const real* dy = b.plain_dy();
  const long in = x.shape.sample_size(), per = out.sample_size();
  emit(b, 0, x, [&](Block r, real* dx) {
    b.kernel.avg_pool_backward(pool_geometry(options, x.shape, out, r.size()), dy + r.begin * per, dx + r.begin * in);
  });
}

Shape GlobalAvgPool::shape(const Shape& x) const {
  require(x.rank() == 4 && x[1] * x[2] > 0 && x[1] * x[2] <= INT_MAX, name, ": expected [n,h,w,c], got ", x);
  return {x[0], x[3]};
}
Tensor GlobalAvgPool::forward(const Context& c, Gated x) {
  const Shape out = shape(x.shape);
  const long channels = x.shape[3], pixels = x.shape[1] * x.shape[2];
  real* y = c.make(out);
  c.sweep(x.shape[0], x.size(), [&](int, Block b, int) {
    c.kernel.global_avg_forward(b.size(), int(pixels), int(channels), at(x, b.begin * pixels * channels), y + b.begin * channels);
  });
  return {y, out};
}
void GlobalAvgPool::backward(const Back& b, Gated x) {
  const long channels = x.shape[3], pixels = x.shape[1] * x.shape[2];
  const real* dy = b.plain_dy();
  const Sink dx = b.into(0);
  if (!dx) return;
  b.sweep(x.shape[0], x.size(), [&](int i, Block r, int) {
    b.kernel.global_avg_backward(r.size(), int(pixels), int(channels), dy + r.begin * channels,
                                 at(dx, r.begin * pixels * channels, i, channels));
  });
}

Var max_pool2d(Var x, PoolOptions options) { return x.tape().apply(MaxPool2d{options}, x); }
Var avg_pool2d(Var x, PoolOptions options) { return x.tape().apply(AvgPool2d{options}, x); }
Var global_avg_pool(Var x) { return x.tape().apply(GlobalAvgPool{}, x); }

}  // namespace six
