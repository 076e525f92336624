#pragma once
// Naive twins of the optimizers: one element at a time, in double, written from the formulas of the papers with the corrected
// moments spelled out, and a model of parameters of awkward sizes for them to walk over.
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../../core/param.h"
#include "../../optim/adam.h"
#include "../../optim/rmsprop.h"
#include "../../optim/sgd.h"
#include "../precision.h"

namespace six::test {

inline std::vector<real> values(const ParamSet& p) { return {p.values(), p.values() + p.size()}; }

// |a - b| relative to max(1, |b|): 1e-12 in the double build, loose in float.
inline bool close(double a, double b, double loose = 2e-5) {
  return std::abs(a - b) <= (kDouble ? 1e-12 : loose) * std::max(1.0, std::abs(b));
}

// One element: its value and whatever its rule remembers.
struct Cell {
  double x = 0, a = 0, b = 0, c = 0;
  int steps = 0;  // of this element
};
// Moves a cell by a gradient; lr and weight decay are given anew each time.
using Rule = std::function<void(Cell&, double g, double lr, double decay)>;

inline Rule sgd_twin(SGDOptions o) {
  return [o](Cell& e, double g, double lr, double decay) {
    const double d = g + decay * e.x;
    e.a = o.momentum * e.a + d;
    e.x -= lr * (o.nesterov ? d + o.momentum * e.a : e.a);
  };
}

inline Rule adam_twin(AdamOptions o) {
  return [o](Cell& e, double g, double lr, double decay) {
    const double d = g + decay * e.x, t = ++e.steps;
    e.a = o.beta1 * e.a + (1 - o.beta1) * d;
    e.b = o.beta2 * e.b + (1 - o.beta2) * d * d;
    const double m_hat = e.a / (1 - std::pow(o.beta1, t)), v_hat = e.b / (1 - std::pow(o.beta2, t));
    e.x -= lr * m_hat / (std::sqrt(v_hat) + o.eps);
  };
}

inline Rule adamw_twin(AdamWOptions o) {
  const Rule adam = adam_twin({.beta1 = o.beta1, .beta2 = o.beta2, .eps = o.eps});
  return [adam](Cell& e, double g, double lr, double decay) {
    e.x -= lr * decay * e.x;
    adam(e, g, lr, 0);
  };
}

inline Rule rmsprop_twin(RMSpropOptions o) {
  return [o](Cell& e, double g, double lr, double decay) {
    const double d = g + decay * e.x;
    e.a = o.alpha * e.a + (1 - o.alpha) * d * d;
    e.b = o.alpha * e.b + (1 - o.alpha) * d;
    const double spread = o.centered ? std::sqrt(e.a - e.b * e.b) : std::sqrt(e.a);
    e.c = o.momentum * e.c + d / (spread + o.eps);
    e.x -= lr * e.c;
  };
}

// An optimizer of the library with its twin, ready to be built over any parameters.
struct Pair {
  std::string name;
  std::function<std::unique_ptr<Optimizer>(ParamSet&)> make;
  Rule rule;
  double lr, weight_decay;
  Decay decay;
  double clip_norm;
};

template <class O, class Options>
Pair pair(std::string name, Options o, Rule rule) {
  return {std::move(name), [o](ParamSet& p) { return std::make_unique<O>(p, o); }, std::move(rule), o.lr, o.weight_decay, o.decay,
          o.clip_norm};
}

// Every optimizer, with every option away from its default at least once.
inline std::vector<Pair> all_pairs() {
  const SGDOptions plain{.lr = 0.1}, heavy{.lr = 0.05, .momentum = 0.9, .weight_decay = 0.1, .decay = Decay::weights};
  const SGDOptions nesterov{.lr = 0.05, .momentum = 0.8, .nesterov = true, .weight_decay = 0.02, .clip_norm = 2};
  const AdamOptions adam{.lr = 0.02, .beta1 = 0.8, .beta2 = 0.98, .eps = 1e-6, .weight_decay = 0.1};
  const AdamOptions adam_masked{.lr = 0.02, .weight_decay = 0.3, .decay = Decay::weights, .clip_norm = 1};
  const AdamWOptions adamw{.lr = 0.02, .beta1 = 0.85, .beta2 = 0.97, .eps = 1e-5, .weight_decay = 0.2};
  const AdamWOptions adamw_masked{.lr = 0.02, .decay = Decay::weights, .clip_norm = 3};
  const RMSpropOptions rms{.lr = 0.01, .alpha = 0.9, .eps = 1e-6, .weight_decay = 0.05, .decay = Decay::weights};
  const RMSpropOptions rms_momentum{.momentum = 0.6, .weight_decay = 0.05, .clip_norm = 2};
  const RMSpropOptions centered{.lr = 0.01, .alpha = 0.95, .eps = 1e-3, .centered = true};
  const RMSpropOptions both{.lr = 0.01, .eps = 1e-3, .momentum = 0.5, .centered = true, .weight_decay = 0.1};
  return {pair<SGD>("sgd", plain, sgd_twin(plain)),
          pair<SGD>("sgd, momentum, masked decay", heavy, sgd_twin(heavy)),
          pair<SGD>("sgd, nesterov, clipped", nesterov, sgd_twin(nesterov)),
          pair<Adam>("adam", adam, adam_twin(adam)),
          pair<Adam>("adam, masked decay, clipped", adam_masked, adam_twin(adam_masked)),
          pair<AdamW>("adamw", adamw, adamw_twin(adamw)),
          pair<AdamW>("adamw, masked decay, clipped", adamw_masked, adamw_twin(adamw_masked)),
          pair<RMSprop>("rmsprop, masked decay", rms, rmsprop_twin(rms)),
          pair<RMSprop>("rmsprop, momentum, clipped", rms_momentum, rmsprop_twin(rms_momentum)),
          pair<RMSprop>("rmsprop, centered", centered, rmsprop_twin(centered)),
          pair<RMSprop>("rmsprop, centered, momentum", both, rmsprop_twin(both))};
}

// Parameters of sizes that are no multiple of a vector, decaying and not, filled with numbers in [-1, 1].
inline ParamSet small_model() {
  ParamSet params;
  params.add("conv.weight", {3, 3, 2}, true);
  params.add("conv.bias", {2}, false);
  params.add("norm.weight", {1}, false);
  params.add("hidden.weight", {17, 4}, true);
  params.add("hidden.bias", {33}, false);
  params.add("head.weight", {7}, true);
  std::mt19937 bits(1);
  for (long i = 0; i < params.size(); ++i) params.values()[i] = real(double(bits()) / 0x8000'0000 - 1);
  return params;
}

// What a backward does: zeroes if the last gradients were used, then adds.
inline void fake_backward(ParamSet& params, unsigned seed) {
  params.begin_backward();
  std::mt19937 bits(seed);
  for (long i = 0; i < params.size(); ++i) params.grads()[i] += real(double(bits()) / 0x8000'0000 - 1);
}

}  // namespace six::test
