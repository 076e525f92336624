#include "activations.h"

#include <algorithm>
#include <cmath>

#include "../../layers/registry.h"

namespace six::study {

Tensor PactOp::forward(const Context& c, Tensor x, Tensor clip) {
  require(clip.size() == 1, name, ": the clip is one number, got ", clip.shape);
  real* y = c.make(x.shape);
  const real a = clip[0];
  const long per = x.shape.sample_size();
  c.blocks(x.shape.samples(), x.size(), [&](int, Block b, int) {
    for (long i = b.begin * per; i < b.end * per; ++i) y[i] = x[i] < 0 ? real(0) : x[i] > a ? a : x[i];
  });
  return {y, x.shape};
}

void PactOp::backward(const Back& b, Tensor x, Tensor clip) {
  const real a = clip[0], *dy = b.plain_dy();
  const long per = x.shape.sample_size();
  std::array<double, kMaxBlocks> sums{};
  b.blocks(x.shape.samples(), x.size(), [&](int block, Block r, int) {
    for (long i = r.begin * per; i < r.end * per; ++i) sums[std::size_t(block)] += x[i] >= a ? double(dy[i]) : 0.;
  });
  double sum = 0;
  for (double s : sums) sum += s;
  emit(b, 0, x, [&](Block r, real* out) {
    for (long i = r.begin * per; i < r.end * per; ++i) out[i] = x[i] > 0 && x[i] < a ? dy[i] : real(0);
  });
  const real da = real(sum);
  if (b.wants(1)) b.put(1, &da);
}

Shape Pact::build(Builder& b, const Shape& in) {
  clip = b.param("clip", {1}, constant_init(real(config.start)), true);
  return in;
}

Tensor ObserveOp::forward(const Context& c, Tensor x) {
  Activity& a = *activity;
  const real clip = real(a.clip), touch = real(a.touch);
  const std::size_t channels = std::size_t(x.shape.channels());
  a.alive.resize(channels), a.below.resize(channels);
  real* y = c.make(x.shape);
  const double per_bin = a.largest > 0 ? Activity::kBins / a.largest : 0;
  for (std::size_t row = 0; row < std::size_t(x.size()); row += channels)
    for (std::size_t k = 0; k < channels; ++k) {
      const real v = x.y[row + k];
      const real out = y[row + k] = v < 0 ? real(0) : v > clip ? clip : v;
      if (a.distribution) {
        if (v > 0) ++a.bins[std::size_t(std::min(double(Activity::kBins - 1), double(v) * per_bin))];
        continue;
      }
      a.largest = std::max(a.largest, double(v));
      ++a.count, a.zeros += out == 0, a.touching += v >= touch;
      a.alive[k] |= out > 0, a.below[k] |= v < clip;
    }
  return {y, x.shape};
}

void ObserveOp::backward(const Back& b, Tensor x) {
  Activity& a = *activity;
  const real clip = real(a.clip), *dy = b.plain_dy();
  for (long i = 0; i < x.size(); ++i) {
    const double mass = x[i] > 0 ? std::abs(double(dy[i])) : 0;
    a.gradient += mass, a.cut += x[i] >= clip ? mass : 0;
  }
  const long per = x.shape.sample_size();
  emit(b, 0, x, [&](Block r, real* out) {
    for (long i = r.begin * per; i < r.end * per; ++i) out[i] = x[i] > 0 && x[i] < clip ? dy[i] : real(0);
  });
}

void register_activations() {
  static const bool once = [] {
    registry().add<Pact>();
    registry().add<Observed>();
    return true;
  }();
  (void)once;
}

}  // namespace six::study
