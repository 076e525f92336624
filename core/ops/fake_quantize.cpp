#include "fake_quantize.h"

#include <algorithm>
#include <array>
#include <vector>

#include "parts.h"

namespace six::ops {
namespace {

// floor(v), |v| < 2^30: vectors have no floor on the baseline.
int floor_of(real v) {
  const int i = int(v);
  return i - (real(i) > v);
}

std::vector<float> scales_of(const FakeQuantizeWeights& f, const Tensor& w) {
  const std::size_t k = std::size_t(w.shape.channels());
  std::vector<double> most(k, 0);
  for (long i = 0; i < w.size(); ++i) most[std::size_t(i) % k] = std::max(most[std::size_t(i) % k], std::abs(double(w[i])));
  if (f.shared) std::fill(most.begin(), most.end(), *std::max_element(most.begin(), most.end()));
  std::vector<float> scales;
  for (double m : most) scales.push_back(weight_scale(m, f.bits));
  return scales;
}

}  // namespace

Tensor FakeQuantizeWeights::forward(const Context& c, Tensor w) {
  require(bits >= 2 && bits <= 8, name, ": ", bits, " bits, must be 2 to 8");
  const std::vector<float> scales = scales_of(*this, w);
  real* y = c.make(w.shape);
  for (long i = 0; i < w.size(); ++i) {
    const float s = scales[std::size_t(i) % scales.size()];
    y[i] = real(weight_code(double(w[i]), s, bits) * double(s));
  }
  return {y, w.shape};
}
void FakeQuantizeWeights::backward(const Back& b, Tensor) { b.put(0, b.plain_dy()); }

Tensor FakeQuantizeBias::forward(const Context& c, Tensor bias, Tensor w) {
  require(bias.size() == w.shape.channels(), name, ": ", bias.size(), " numbers for ", w.shape.channels(), " channels (bias ",
          bias.shape, ", w ", w.shape, ")");
  const std::vector<float> scales = scales_of(weights, w);
  real* y = c.make(bias.shape);
  for (long i = 0; i < bias.size(); ++i) {
    const double s = bias_scale(input, scales[std::size_t(i)]);
    y[i] = real(bias_code(double(bias[i]), s) * s);
  }
  return {y, bias.shape};
}
void FakeQuantizeBias::backward(const Back& b, Tensor, Tensor) { b.put(0, b.plain_dy()); }

Tensor FakeQuantize::forward(const Context& c, Tensor x) {
  const long per = x.size() / std::max(x.shape.samples(), 1L);
  if (c.training && momentum > 0 && x.size() > 0) {
    std::array<std::array<real, 2>, kMaxBlocks> ends;
    ends.fill({kInf, -kInf});
    c.blocks(x.shape.samples(), x.size(), [&](int i, Block b, int) {
      real lo = kInf, hi = -kInf;
      for (long e = b.begin * per; e < b.end * per; ++e) lo = x.y[e] < lo ? x.y[e] : lo, hi = x.y[e] > hi ? x.y[e] : hi;
      ends[std::size_t(i)] = {lo, hi};
    });
    real lo = kInf, hi = -kInf;
    for (const auto& e : ends) lo = std::min(lo, e[0]), hi = std::max(hi, e[1]);
    range[0] += real(momentum) * (lo - range[0]), range[1] += real(momentum) * (hi - range[1]);
  }
  q = activation_quantization(double(range[0]), double(range[1]), bits, rectified);
  const CodeRange codes = code_range(bits);
  real* y = c.make(x.shape);
  const real s = real(q.scale), least = real(codes.min - q.zero), most = real(codes.max - q.zero);
  c.blocks(x.shape.samples(), x.size(), [&](int, Block b, int) {
    for (long e = b.begin * per; e < b.end * per; ++e) {
      if (mean) {
        y[e] = real(q.real_of(mean_code_of(double(x.y[e]) / double(q.scale), q.zero, codes)));
        continue;
      }
      const real v = x.y[e] / s, in = v < least ? least : (v > most ? most : v);  // a NaN stays one
      y[e] = in == in ? real(floor_of(in + real(0.5))) * s : in;
    }
  });
  return {y, x.shape};
}

void FakeQuantize::backward(const Back& b, Tensor x) {
  const RealRange inside = expressible(q, bits);
  const real lo = real(inside.lo), hi = real(inside.hi), *dy = b.plain_dy();
  const long per = x.size() / std::max(x.shape.samples(), 1L);
  emit(b, 0, x, [&](Block r, real* out) {
    for (long e = r.begin * per; e < r.end * per; ++e) out[e] = x.y[e] >= lo && x.y[e] <= hi ? dy[e] : real(0);
  });
}

}  // namespace six::ops
