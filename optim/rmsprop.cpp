#include "rmsprop.h"

#include <cmath>

namespace six {
namespace {

struct RMSpropStep {
  real scale, decay, lr, alpha, rest, eps, mu;  // rest = 1 - alpha, subtracted in double
};

template <bool kCentered, bool kMomentum>
void rmsprop(real* __restrict p, real* __restrict v, real* __restrict m, real* __restrict b, const real* __restrict g, long n,
             const RMSpropStep s) {
  for (long i = 0; i < n; ++i) {
    const real d = s.scale * g[i] + s.decay * p[i];
    v[i] = s.alpha * v[i] + s.rest * d * d;
    real variance = v[i];
    if constexpr (kCentered) {
      m[i] += s.rest * (d - m[i]);
      variance -= m[i] * m[i];
      variance = variance < 0 ? real(0) : variance;  // below 0 by rounding only; NaN stays NaN
    }
    real move = d / (std::sqrt(variance) + s.eps);
    if constexpr (kMomentum) move = b[i] = s.mu * b[i] + move;
    p[i] -= s.lr * move;
  }
}

}  // namespace

RMSprop::RMSprop(ParamSet& params, RMSpropOptions options)
    : Optimizer("rmsprop", params, {options.lr, options.weight_decay, options.decay, options.clip_norm}), options_(options) {
  require_fraction("alpha", options.alpha);
  require_positive("eps", options.eps);
  require_fraction("momentum", options.momentum);
  v_ = add_slot("v");
  if (options.momentum > 0) momentum_ = add_slot("momentum");
  if (options.centered) m_ = add_slot("m");
}

void RMSprop::update(std::span<const Range> ranges, real grad_scale) {
  const bool centered = options_.centered, momentum = options_.momentum > 0;
  const auto loop = centered ? (momentum ? rmsprop<true, true> : rmsprop<true, false>)
                             : (momentum ? rmsprop<false, true> : rmsprop<false, false>);
  RMSpropStep s{
      grad_scale, 0, real(lr()), real(options_.alpha), real(1 - options_.alpha), real(options_.eps), real(options_.momentum)};
  for (const Range& r : ranges) {
    s.decay = r.weight_decay;
    // A slab that is not used is null: its index would be that of v.
    real* m = centered ? slot(m_) + r.begin : nullptr;
    real* b = momentum ? slot(momentum_) + r.begin : nullptr;
    loop(values() + r.begin, slot(v_) + r.begin, m, b, grads() + r.begin, r.end - r.begin, s);
  }
}

}  // namespace six
