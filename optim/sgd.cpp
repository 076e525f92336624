#include "sgd.h"

namespace six {
namespace {

void plain(real* __restrict p, const real* __restrict g, long n, real scale, real decay, real lr) {
  for (long i = 0; i < n; ++i) p[i] -= lr * (scale * g[i] + decay * p[i]);
}

template <bool kNesterov>
void momentum(real* __restrict p, real* __restrict b, const real* __restrict g, long n, real scale, real decay, real lr, real mu) {
  for (long i = 0; i < n; ++i) {
    const real d = scale * g[i] + decay * p[i];
    b[i] = mu * b[i] + d;
    p[i] -= lr * (kNesterov ? d + mu * b[i] : b[i]);
  }
}

}  // namespace

SGD::SGD(ParamSet& params, SGDOptions options)
    : Optimizer("sgd", params, {options.lr, options.weight_decay, options.decay, options.clip_norm}), options_(options) {
  require_fraction("momentum", options.momentum);
  require(!options.nesterov || options.momentum > 0, "sgd: momentum is ", options.momentum, ", nesterov needs it above 0");
  if (options.momentum > 0) add_slot("momentum");
}

void SGD::update(std::span<const Range> ranges, real grad_scale) {
  const real rate = real(lr()), mu = real(options_.momentum);
  for (const Range& r : ranges) {
    real* p = values() + r.begin;
    const real* g = grads() + r.begin;
    const long n = r.end - r.begin;
    if (options_.momentum > 0) {
      const auto loop = options_.nesterov ? momentum<true> : momentum<false>;
      loop(p, slot(0) + r.begin, g, n, grad_scale, r.weight_decay, rate, mu);
    } else {
      plain(p, g, n, grad_scale, r.weight_decay, rate);
    }
  }
}

}  // namespace six
