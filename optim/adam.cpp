#include "adam.h"

#include <cmath>
#include <utility>

namespace six {
namespace {

// The numbers of one step, the same for all elements. Of the two decays one is neutral: `shrink` multiplies the parameter
// (AdamW, else 1), `l2` of it is added to the gradient (Adam, else 0).
struct AdamStep {
  real scale, l2, shrink;
  real new_m, beta2, new_v;  // new_m = 1 - beta1, new_v = 1 - beta2, subtracted in double
  real rate, root, eps;      // rate = lr / (1 - beta1^t), root = 1 / sqrt(1 - beta2^t)
};

void adam(real* __restrict p, real* __restrict m, real* __restrict v, const real* __restrict grad, long n, const AdamStep s) {
  for (long i = 0; i < n; ++i) {
    const real g = s.scale * grad[i] + s.l2 * p[i];
    m[i] += s.new_m * (g - m[i]);
    v[i] = s.beta2 * v[i] + s.new_v * g * g;
    p[i] = s.shrink * p[i] - s.rate * m[i] / (std::sqrt(v[i]) * s.root + s.eps);
  }
}

}  // namespace

Adam::Adam(std::string name, ParamSet& params, AdamOptions options, bool decoupled)
    : Optimizer(std::move(name), params, {options.lr, options.weight_decay, options.decay, options.clip_norm}),
      options_(options),
      decoupled_(decoupled) {
  require_fraction("beta1", options.beta1);
  require_fraction("beta2", options.beta2);
  require_positive("eps", options.eps);
  add_slot("m");
  add_slot("v");
}

Adam::Adam(ParamSet& params, AdamOptions options) : Adam("adam", params, options, false) {}

AdamW::AdamW(ParamSet& params, AdamWOptions o)
    : Adam("adamw", params, {o.lr, o.beta1, o.beta2, o.eps, o.weight_decay, o.decay, o.clip_norm}, true) {}

void Adam::update(std::span<const Range> ranges, real grad_scale) {
  const double t = double(steps());
  AdamStep s;
  s.scale = grad_scale;
  s.new_m = real(1 - options_.beta1);
  s.beta2 = real(options_.beta2);
  s.new_v = real(1 - options_.beta2);
  s.rate = real(lr() / (1 - std::pow(options_.beta1, t)));
  s.root = real(1 / std::sqrt(1 - std::pow(options_.beta2, t)));
  s.eps = real(options_.eps);
  for (const Range& r : ranges) {
    s.l2 = decoupled_ ? real(0) : r.weight_decay;
    s.shrink = decoupled_ ? real(1 - lr() * double(r.weight_decay)) : real(1);
    adam(values() + r.begin, slot(0) + r.begin, slot(1) + r.begin, grads() + r.begin, r.end - r.begin, s);
  }
}

}  // namespace six
