#pragma once
// A net with every kind of node: bytes, deferred values read by several, a residual, pools, dropout, a loss.
#include <algorithm>
#include <cmath>

#include "../../core/ops/ops.h"

namespace six::test {

struct SmallNet {
  ParamSet set;
  std::vector<std::uint8_t> images;
  std::vector<int> labels;
  int stem, gamma[4], beta[4], depthwise, point, wide, linear, out;

  explicit SmallNet(long n) : images(std::size_t(n * 12 * 12)), labels(std::size_t(n)) {
    stem = set.add("stem", {3, 3, 1, 8}, true);
    for (int i = 0; i < 4; ++i) {
      gamma[i] = set.add("gamma" + std::to_string(i), {i < 3 ? 8 : 11}, false);
      beta[i] = set.add("beta" + std::to_string(i), {i < 3 ? 8 : 11}, false);
    }
    depthwise = set.add("depthwise", {3, 3, 8}, true), point = set.add("point", {1, 1, 8, 8}, true);
    wide = set.add("wide", {3, 3, 8, 11}, true), linear = set.add("linear", {11, 4}, true), out = set.add("bias", {4}, false);
    for (long i = 0; i < set.size(); ++i) set.values()[i] = real(std::sin(double(i)) / 2);
    for (int i = 0; i < 4; ++i)
      std::fill_n(set.value(gamma[i]), i < 3 ? 8 : 11, real(3)), std::fill_n(set.value(beta[i]), i < 3 ? 8 : 11, real(1));
    for (std::size_t i = 0; i < images.size(); ++i) images[i] = std::uint8_t(i * 37 % 256);
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = int(i % 4);
  }

  // The loss of one step.
  Var operator()(Tape& t) {
    const auto norm = [&](Var x, int i) {
      const Var g = t.param(set, gamma[i]), b = t.param(set, beta[i]);
      return batch_norm(x, g, b);
    };
    const Var x =
        relu6(norm(conv2d(t.input(Bytes{images.data(), {long(labels.size()), 12, 12, 1}}), t.param(set, stem), {1, 1}), 0));
    const Var d = relu6(norm(depthwise_conv2d(x, t.param(set, depthwise), {1, 1}), 1));
    const Var y = hard_swish(norm(conv2d(d, t.param(set, point)), 2)) + x;
    const Var z = relu6(norm(conv2d(relu6(max_pool2d(y)), t.param(set, wide), {2, 1}), 3));
    return cross_entropy(six::linear(dropout(global_avg_pool(z), 0.25), t.param(set, linear), t.param(set, out)), labels,
                         {.label_smoothing = 0.1});
  }
};

}  // namespace six::test
