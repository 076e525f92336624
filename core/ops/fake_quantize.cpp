#include "fake_quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>

#include "parts.h"

namespace six::ops {
namespace {

// A NaN is larger than anything.
real larger(real a, real b) { return b > a || b != b ? b : a; }

// The scale of each channel; not finite where a weight is not.
std::span<const float> scales_of(const Context& c, const FakeQuantizeWeights& f, const Tensor& w) {
  const long k = w.shape.channels();
  std::span most(c.memory.zeros<real>(k), std::size_t(k));
  for (long i = 0; i < w.size();)
    for (real& m : most) m = larger(m, std::abs(w[i++]));
  if (f.shared) std::fill(most.begin(), most.end(), std::accumulate(most.begin(), most.end(), real(0), larger));
  float* scales = c.memory.fresh<float>(k);
  for (long i = 0; i < k; ++i) scales[i] = weight_scale(double(most[std::size_t(i)]), f.bits);
  return {scales, std::size_t(k)};
}

}  // namespace

Tensor FakeQuantizeWeights::forward(const Context& c, Tensor w) {
  require(bits >= 2 && bits <= 8, name, ": ", bits, " bits, must be 2 to 8");
  const std::span<const float> scales = scales_of(c, *this, w);
  real* y = c.make(w.shape);
  for (long i = 0; i < w.size();)
    for (const float s : scales) y[i] = std::isfinite(s) ? real(weight_code(double(w[i]), s, bits) * double(s)) : real(s), ++i;
  return {y, w.shape};
}
void FakeQuantizeWeights::backward(const Back& b, Tensor) { b.put(0, b.plain_dy()); }

Tensor FakeQuantizeBias::forward(const Context& c, Tensor bias, Tensor w) {
  require(bias.size() == w.shape.channels(), name, ": ", bias.size(), " numbers for ", w.shape.channels(), " channels (bias ",
          bias.shape, ", w ", w.shape, ")");
  const std::span<const float> scales = scales_of(c, weights, w);
  real* y = c.make(bias.shape);
  for (long i = 0; i < bias.size(); ++i) {
    const double s = bias_scale(input, scales[std::size_t(i)]);
    y[i] = real(bias_code(double(bias[i]), s) * s);
  }
  return {y, bias.shape};
}
void FakeQuantizeBias::backward(const Back& b, Tensor, Tensor) { b.put(0, b.plain_dy()); }

Tensor FakeQuantize::forward(const Context& c, Gated x) {
  const long per = x.shape.sample_size(), channels = x.shape.channels();
  const auto each = [&](auto f) {  // f(block, rows, the view and the place of the block's first number)
    c.blocks(x.shape.samples(), x.size(),
             [&](int i, Block b, int) { f(i, b.size() * per / channels, at(x, b.begin * per), b.begin * per); });
  };
  if (c.training && momentum > 0 && x.size() > 0) {
    std::array<std::array<real, 2>, kMaxBlocks> ends;
    ends.fill({kInf, -kInf});
    each([&](int i, long rows, const kernels::Read& part, long) {
      c.kernel.extremes(rows, int(channels), part, ends[std::size_t(i)].data());
    });
    real lo = kInf, hi = -kInf;
    for (const auto& e : ends) lo = std::min(lo, e[0]), hi = std::max(hi, e[1]);
    const bool first = std::isnan(range[0]) || std::isnan(range[1]);
    range[0] = first ? lo : range[0] + real(momentum) * (lo - range[0]);
    range[1] = first ? hi : range[1] + real(momentum) * (hi - range[1]);
  }
  q = activation_quantization(double(range[0]), double(range[1]), bits, rectified);
  const CodeRange codes = code_range(bits);
  real* y = c.make(x.shape);
  each([&](int, long rows, const kernels::Read& part, long first) {
    if (rounds && !mean)
      return c.kernel.fake_quantize(rows, int(channels), part, real(q.scale), real(codes.min - q.zero), real(codes.max - q.zero),
                                    y + first);
    c.kernel.materialize(rows, int(channels), part, y + first);
    for (real* v = y + first; rounds && v < y + first + rows * channels; ++v) {
      const double fraction = double(*v) / double(q.scale);
      *v = std::isnan(fraction) ? real(fraction) : real(q.real_of(mean_code_of(fraction, q.zero, codes)));
    }
  });
  return {y, x.shape};
}

// The gate of x's clamp, if it has one, and that of the codes if it was rounded to them.
void FakeQuantize::backward(const Back& b, Gated) {
  Sink dx = b.into(0);
  if (!dx) return;
  if (!rounds) return b.put(0, dx, b.plain_dy());
  const RealRange inside = expressible(q, bits);
  if (real(inside.lo) > dx.x.lo) dx.x.lo = real(inside.lo), dx.x.at_lo = 1;
  if (real(inside.hi) < dx.x.hi) dx.x.hi = real(inside.hi), dx.x.at_hi = 1;
  dx.x.clamped = true;
  b.put(0, dx, b.plain_dy());
}

}  // namespace six::ops
