// A batch of no images: results without numbers, gradients of zero, and an Error where a mean is asked for.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "../../../core/ops/ops.h"

using namespace six;

namespace {

struct Op {
  std::string name;
  Shape x;                     // the input, without images
  std::vector<Shape> weights;  // what is trained
  std::function<Var(const std::vector<Var>&)> f;
};

const std::vector<Op> kOps = {
    {"conv2d", {0, 5, 5, 3}, {{3, 3, 3, 4}, {4}}, [](auto& v) { return conv2d(v[0], v[1], v[2], {.padding = 1}); }},
    {"conv2d 1x1", {0, 5, 5, 3}, {{1, 1, 3, 4}}, [](auto& v) { return conv2d(v[0], v[1]); }},
    {"depthwise_conv2d", {0, 5, 5, 3}, {{3, 3, 3}, {3}}, [](auto& v) { return depthwise_conv2d(v[0], v[1], v[2]); }},
    {"depthwise_conv2d 5x5", {0, 5, 5, 3}, {{5, 5, 3}}, [](auto& v) { return depthwise_conv2d(v[0], v[1]); }},
    {"linear", {0, 5}, {{5, 4}, {4}}, [](auto& v) { return linear(v[0], v[1], v[2]); }},
    {"bias, relu6", {0, 5}, {{5}}, [](auto& v) { return relu6(bias(v[0], v[1])); }},
    {"batch_norm",
     {0, 3},
     {{3}, {3}},
     [](auto& v) {
       static std::vector<real> mean(3, 1), var(3, 2);
       return batch_norm(v[0], v[1], v[2], mean.data(), var.data());
     }},
    {"add, sub, mul, scale", {0, 5}, {{0, 5}}, [](auto& v) { return 2 * (v[0] + v[1]) * (v[0] - v[1]); }},
    {"activations", {0, 5}, {}, [](auto& v) { return gelu(hard_swish(relu6(v[0], 1))); }},
    {"max_pool2d", {0, 4, 4, 3}, {}, [](auto& v) { return max_pool2d(v[0]); }},
    {"avg_pool2d", {0, 4, 4, 3}, {}, [](auto& v) { return avg_pool2d(v[0]); }},
    {"global_avg_pool", {0, 4, 4, 3}, {}, [](auto& v) { return global_avg_pool(v[0]); }},
    {"reshape",
     {0, 4},
     {},
     [](auto& v) {
       return reshape(v[0], {0, 2, 2});
     }},
    {"flatten", {0, 4, 4, 3}, {{48, 2}}, [](auto& v) { return linear(flatten(v[0]), v[1]); }},
};

}  // namespace

TEST_CASE("every op of no images gives no numbers, and zero gradients to its weights") {
  for (const Op& op : kOps)
    for (const bool defer : {true, false})
      for (const bool training : {true, false})
        for (const int threads : {1, 2}) {
          if (training && op.name == "batch_norm") continue;
          CAPTURE(op.name);
          CAPTURE(defer);
          ParamSet set;
          for (const Shape& s : op.weights) set.add(std::to_string(set.params().size()), s, true);
          std::fill_n(set.values(), set.size(), real(0.5));
          std::fill_n(set.grads(), set.size(), real(7));
          Tape tape({.threads = threads, .training = training, .defer = defer});
          std::vector<Var> v = {tape.input(nullptr, op.x, true)};
          for (int i = 0; i < int(op.weights.size()); ++i) v.push_back(tape.param(set, i));
          const Var y = op.f(v), loss = sum(y);
          CHECK(y.size() == 0);
          CHECK(y.values().empty());
          CHECK(y.shape()[0] == 0);
          CHECK(loss.item() == 0);
          tape.backward(loss);
          CHECK(v[0].grad().empty());
          CHECK(std::all_of(set.grads(), set.grads() + set.size(), [](real g) { return g == 0; }));
        }
}

TEST_CASE("dropout of no images") {
  Tape tape;
  const Var x = tape.input(nullptr, {0, 4}, true), y = dropout(x, 0.5);
  tape.backward(sum(y));
  CHECK(y.shape() == Shape{0, 4});
  CHECK(x.grad().empty());
}

TEST_CASE("a mean over no images is refused") {
  Tape tape;
  const std::vector<real> one(4, 1);
  const Var x = tape.input(nullptr, {0, 4}, true), z = tape.input(nullptr, {0, 4}), w = tape.input(one.data(), {4}, true);
  CHECK_THROWS_WITH_AS(mean(x), "mean: there are no numbers to average (x [0,4])", Error);
  CHECK_THROWS_WITH_AS(cross_entropy(x, std::span<const int>{}),
                       "cross_entropy: expected logits [n, classes] with n > 0, got [0,4]", Error);
  CHECK_THROWS_WITH_AS(mse_loss(x, z), "mse_loss: the shapes differ or are empty (x [0,4], target [0,4])", Error);
  CHECK_THROWS_WITH_AS(batch_norm(x, w, w), "batch_norm: batch statistics need at least 2 numbers a channel, got 0 (x [0,4])",
                       Error);
}
