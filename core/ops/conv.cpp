#include "conv.h"

#include "parts.h"

namespace six {
using namespace ops;
namespace {

// The output extent along one axis. Throws if the kernel does not fit.
long extent(const char* op, const Shape& x, const Shape& w, int axis, int before, int after, int stride) {
  const long kernel = w[axis - 1], whole = x[axis] + before + after;
  require(whole >= kernel, op, ": kernel ", kernel, " does not fit input ", x[1], "x", x[2], " with padding ", before, " and ",
          after, " (x ", x, ", w ", w, ")");
  return (whole - kernel) / stride + 1;
}

Shape conv_shape(const char* op, const ConvOptions& o, const Shape& x, const Shape& w, int w_rank, long k) {
  require(x.rank() == 4, op, ": the input has ", x.rank(), " dimensions, expected 4 [n,h,w,c] (x ", x, ", w ", w, ")");
  require(w.rank() == w_rank, op, ": the weights have ", w.rank(), " dimensions, expected ", w_rank, " (x ", x, ", w ", w, ")");
  require(w.size() > 0 && w.size() <= INT_MAX, op, ": there are ", w.size(), " weights, must be from 1 to ", INT_MAX, " (x ", x,
          ", w ", w, ")");
  require(x[3] == w[2], op, ": input has ", x[3], " channels, the weights ", w[2], " (x ", x, ", w ", w, ")");
  const Padding& p = o.padding;
  require(o.stride >= 1, op, ": stride is ", o.stride, ", must be at least 1");
  require(std::min({p.top, p.left, p.bottom, p.right}) >= 0, op, ": padding must not be negative, got [", p.top, ",", p.left, ",",
          p.bottom, ",", p.right, "]");
  require_countable(op, x, std::max(x[3], k), long(p.top) + p.bottom, long(p.left) + p.right, o.stride);
  return {x[0], extent(op, x, w, 1, p.top, p.bottom, o.stride), extent(op, x, w, 2, p.left, p.right, o.stride), k};
}

kernels::Conv geometry(const ConvOptions& o, const Shape& x, const Shape& w, const Shape& y) {
  return {0,         int(x[1]), int(x[2]), int(x[3]), int(y[1]),     int(y[2]),
          int(y[3]), int(w[0]), int(w[1]), o.stride,  o.padding.top, o.padding.left};
}

// The part of a convolution that lies in one block of samples.
struct Slice {
  long x, y;  // numbers in front of it
  Slice(const kernels::Conv& g, Block b) : x(b.begin * g.h * g.w * g.c), y(b.begin * g.oh * g.ow * g.k) {}
};

double* new_stats(const Context& c, long channels) { return c.memory.fresh<double>(kMaxBlocks * 3 * kernels::padded(channels)); }
double* stats_of(double* stats, int block, long channels) { return stats + block * 3 * kernels::padded(channels); }

bool is_pointwise(const ConvOptions& o, const Shape& w) {
  return w[0] == 1 && w[1] == 1 && o.stride == 1 && o.padding == Padding(0);
}

// y [rows, n] = x [rows, k] * w [k, n]; rows are cut by x's samples.
Tensor product_forward(const Context& c, const View& x, const Tensor& w, const Shape& out) {
  const int k = int(x.shape.channels()), n = int(out.channels());
  const long samples = x.shape.samples(), rows = x.shape.sample_size() / k;
  real* y = c.make(out);
  double* stats = new_stats(c, n);
  Arena::Scratch undo(c.memory);
  real* packed = c.memory.fresh<real>(c.kernel.matmul_packed_size(k, n));
  c.kernel.pack(w.y, k, n, packed);
  const BlockMemory memory(c, c.kernel.matmul_scratch({rows, k, n}));
  c.sweep(samples, x.size() + out.size(), [&](int i, Block b, int t) {
    c.kernel.matmul_forward({b.size() * rows, k, n}, at(x, b.begin * rows * k), packed, y + b.begin * rows * n,
                            stats_of(stats, i, n), memory.scratch(t));
  });
  Tensor result(y, out);
  result.stats = stats;
  return result;
}

void product_backward(const Back& b, const View& x, const Tensor& w, int n) {
  const int k = int(x.shape.channels());
  const long samples = x.shape.samples(), rows = x.shape.sample_size() / k;
  const Sink dx = b.into(0), dw = b.into(1);
  const Grad dy = b.dy();
  Arena::Scratch undo(b.memory);
  real* packed = dx ? b.memory.fresh<real>(b.kernel.matmul_packed_size(n, k)) : nullptr;
  if (dx) b.kernel.pack_transposed(w.y, k, n, packed);
  const BlockMemory memory(b, b.kernel.matmul_scratch({rows, k, n}), dw ? k : 0, n);
  b.sweep(samples, x.size(), [&](int i, Block r, int t) {
    b.kernel.matmul_backward({r.size() * rows, k, n}, at(dy, r.begin * rows * n), at(x, r.begin * rows * k), packed,
                             at(dx, r.begin * rows * k, i, k), memory.part(i), memory.scratch(t));
  });
  memory.put_sum(b, 1, dw, samples);
}

}  // namespace

Shape Conv2d::shape(const Shape& x, const Shape& w) const { return conv_shape(name, options, x, w, 4, w[3]); }

Tensor Conv2d::forward(const Context& c, Pixels x, Tensor w) {
  const Shape out = shape(x.shape, w.shape);
  if (is_pointwise(options, w.shape) && !x.bytes) return product_forward(c, x, w, out);
  kernels::Conv g = geometry(options, x.shape, w.shape, out);
  real* y = c.make(out);
  double* stats = new_stats(c, g.k);
  Arena::Scratch undo(c.memory);
  const int window = g.kh * g.kw * g.c;
  real* packed = c.memory.fresh<real>(c.kernel.matmul_packed_size(window, g.k));
  c.kernel.pack(w.y, window, g.k, packed);
  const BlockMemory memory(c, c.kernel.conv_scratch(g));
  c.sweep(x.shape[0], x.size() + out.size(), [&](int i, Block b, int t) {
    kernels::Conv part = g;
    part.images = b.size();
    const Slice s(g, b);
    c.kernel.conv_forward(part, at(x, s.x), x.bytes ? x.bytes + s.x : nullptr, packed, y + s.y, stats_of(stats, i, g.k),
                          memory.scratch(t));
  });
  Tensor result(y, out);
  result.stats = stats;
  return result;
}

void Conv2d::backward(const Back& b, Pixels x, Tensor w) {
  const Shape out = shape(x.shape, w.shape);
  if (is_pointwise(options, w.shape) && !x.bytes) return product_backward(b, x, w, int(out.channels()));
  const kernels::Conv g = geometry(options, x.shape, w.shape, out);
  const Sink dx = b.into(0), dw = b.into(1);
  const Grad dy = b.dy();
  Arena::Scratch undo(b.memory);
  real* packed = dx ? b.memory.fresh<real>(b.kernel.conv_packed_t_size(g)) : nullptr;
  if (dx) b.kernel.conv_pack_transposed(w.y, g, packed);
  const BlockMemory memory(b, b.kernel.conv_scratch(g), dw ? long(g.kh) * g.kw * g.c : 0, g.k);
  b.sweep(x.shape[0], x.size() + out.size(), [&](int i, Block r, int t) {
    kernels::Conv part = g;
    part.images = r.size();
    const Slice s(g, r);
    b.kernel.conv_backward(part, at(dy, s.y), at(x, s.x), x.bytes ? x.bytes + s.x : nullptr, packed, at(dx, s.x, i, g.c),
                           memory.part(i), memory.scratch(t));
  });
  memory.put_sum(b, 1, dw, x.shape[0]);
}

namespace {
// Depthwise weights with their channels padded, so that kernels read whole vectors.
real* padded_weights(const Context& c, const Tensor& w) {
  const long taps = w.shape[0] * w.shape[1], channels = w.shape[2], padded = kernels::padded(channels);
  real* out = c.memory.zeros<real>(taps * padded);
  for (long t = 0; t < taps; ++t) std::copy_n(w.y + t * channels, channels, out + t * padded);
  return out;
}
}  // namespace

Shape DepthwiseConv2d::shape(const Shape& x, const Shape& w) const { return conv_shape(name, options, x, w, 3, w[2]); }

Tensor DepthwiseConv2d::forward(const Context& c, Gated x, Tensor w) {
  const Shape out = shape(x.shape, w.shape);
  const kernels::Conv g = geometry(options, x.shape, w.shape, out);
  real* y = c.make(out);
  double* stats = new_stats(c, g.c);
  Arena::Scratch undo(c.memory);
  const real* weights = padded_weights(c, w);
  const BlockMemory memory(c, c.kernel.depthwise_scratch(g));
  c.sweep(x.shape[0], x.size() + out.size(), [&](int i, Block b, int t) {
    kernels::Conv part = g;
    part.images = b.size();
    const Slice s(g, b);
    c.kernel.depthwise_forward(part, at(x, s.x), weights, y + s.y, stats_of(stats, i, g.c), memory.scratch(t));
  });
  Tensor result(y, out);
  result.stats = stats;
  return result;
}

void DepthwiseConv2d::backward(const Back& b, Gated x, Tensor w) {
  const Shape out = shape(x.shape, w.shape);
  const kernels::Conv g = geometry(options, x.shape, w.shape, out);
  const Sink dx = b.into(0), dw = b.into(1);
  const Grad dy = b.dy();
  Arena::Scratch undo(b.memory);
  const real* weights = padded_weights(b, w);
  const BlockMemory memory(b, b.kernel.depthwise_scratch(g), long(g.kh) * g.kw, g.c);
  b.sweep(x.shape[0], x.size() + out.size(), [&](int i, Block r, int t) {
    kernels::Conv part = g;
    part.images = r.size();
    const Slice s(g, r);
    b.kernel.depthwise_backward(part, at(dy, s.y), at(x, s.x), weights, at(dx, s.x, i, g.c), memory.part(i), memory.scratch(t));
  });
  memory.put_sum(b, 1, dw, x.shape[0]);
}

Shape Matmul::shape(const Shape& x, const Shape& w) const {
  require(x.rank() >= 1 && w.rank() == 2, name, ": expected x [..., k] and w [k, n] (x ", x, ", w ", w, ")");
  require(x.channels() == w[0], name, ": x has ", x.channels(), " columns, w has ", w[0], " rows (x ", x, ", w ", w, ")");
  require(w.size() > 0, name, ": w ", w, " is empty");
  return x.with(-1, w[1]);
}
Tensor Matmul::forward(const Context& c, Gated x, Tensor w) { return product_forward(c, x, w, shape(x.shape, w.shape)); }
void Matmul::backward(const Back& b, Gated x, Tensor w) { product_backward(b, x, w, int(w.shape[1])); }

Affine Bias::forward(const Context& c, Tensor x, Tensor bias) {
  const long n = x.shape.channels(), padded = kernels::padded(n);
  require(bias.shape.rank() == 1 && bias.size() == n, name, ": x has ", n, " channels, the bias ", bias.size(), " (x ", x.shape,
          ", bias ", bias.shape, ")");
  real *one = c.memory.fresh<real>(padded), *shift = c.memory.zeros<real>(padded);
  std::fill_n(one, padded, real(1)), std::copy_n(bias.y, n, shift);
  Affine z = x;
  z.scale = one, z.shift = shift, z.stats = nullptr;
  return z;
}

void Bias::backward(const Back& b, Tensor x, Tensor bias) {
  const long n = bias.size(), padded = kernels::padded(n);
  if (b.wants(1)) {
    real* dbias = b.memory.fresh<real>(n);
    for (long c = 0; c < n; ++c) {
      double sum = 0;
      for (int block = 0; block < kMaxBlocks; ++block) sum += b.dy().sums[block * 2 * padded + c];
      dbias[c] = real(sum);
    }
    b.put(1, dbias);
  }
  Grad d;
  d.g = b.dy().g;
  b.give(0, d);
  (void)x;
}

Var conv2d(Var x, Var w, ConvOptions options) { return x.tape().apply(Conv2d{options}, x, w); }
Var conv2d(Var x, Var w, Var b, ConvOptions options) { return bias(conv2d(x, w, options), b); }
Var depthwise_conv2d(Var x, Var w, ConvOptions options) { return x.tape().apply(DepthwiseConv2d{options}, x, w); }
Var depthwise_conv2d(Var x, Var w, Var b, ConvOptions options) { return bias(depthwise_conv2d(x, w, options), b); }
Var matmul(Var x, Var w) { return x.tape().apply(Matmul{}, x, w); }
Var linear(Var x, Var w) { return matmul(x, w); }
Var linear(Var x, Var w, Var b) { return bias(matmul(x, w), b); }
Var bias(Var x, Var b) { return x.tape().apply(Bias{}, x, b); }

}  // namespace six
