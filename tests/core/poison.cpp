// Options::check_finite, op by op: each is given one number that is not finite and must be the one that is named.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "../../core/ops/ops.h"
#include "../data/support.h"
#include "../golden_json.h"

namespace six::test {
namespace {

struct Poisoned {
  std::string name;  // as messages have it
  std::vector<Shape> inputs;
  std::function<Var(const std::vector<Var>&)> op;
};

Var fake_quantized(Var x, ops::FakeQuantize op) {
  static real range[2];
  range[0] = 0, range[1] = 1;
  op.range = range;
  return x.tape().apply(op, x);
}

std::vector<Poisoned> cases() {
  const Shape image{2, 4, 4, 3};
  std::vector<Poisoned> all = {
      {"add", {{2, 3}, {2, 3}}, [](auto& v) { return v[0] + v[1]; }},
      {"mul", {{2, 3}, {2, 3}}, [](auto& v) { return v[0] * v[1]; }},
      {"scale", {{2, 3}}, [](auto& v) { return scale(v[0], 2); }},
      {"sum", {{2, 3}}, [](auto& v) { return sum(v[0]); }},
      {"reshape",
       {{2, 3}},
       [](auto& v) {
         return reshape(v[0], {3, 2});
       }},
      {"conv2d", {image, {3, 3, 3, 5}}, [](auto& v) { return conv2d(v[0], v[1]); }},
      {"depthwise_conv2d", {image, {3, 3, 3}}, [](auto& v) { return depthwise_conv2d(v[0], v[1]); }},
      {"matmul", {{4, 3}, {3, 5}}, [](auto& v) { return matmul(v[0], v[1]); }},
      {"bias", {{4, 3}, {3}}, [](auto& v) { return bias(v[0], v[1]); }},
      {"batch_norm", {image, {3}, {3}}, [](auto& v) { return batch_norm(v[0], v[1], v[2]); }},
      {"dropout", {{2, 3}}, [](auto& v) { return dropout(v[0], 1e-9); }},
      {"max_pool2d", {image}, [](auto& v) { return max_pool2d(v[0]); }},
      {"avg_pool2d", {image}, [](auto& v) { return avg_pool2d(v[0]); }},
      {"global_avg_pool", {image}, [](auto& v) { return global_avg_pool(v[0]); }},
      {"materialize", {{2, 3}}, [](auto& v) { return v[0].tape().apply(ops::Materialize{}, v[0]); }},
      {"fake_quantize_weights", {{3, 5}}, [](auto& v) { return v[0].tape().apply(ops::FakeQuantizeWeights{}, v[0]); }},
      {"fake_quantize_weights",
       {{3, 5}},
       [](auto& v) { return v[0].tape().apply(ops::FakeQuantizeWeights{.shared = true}, v[0]); }},
      {"fake_quantize_bias", {{5}, {3, 5}}, [](auto& v) { return v[0].tape().apply(ops::FakeQuantizeBias{}, v[0], v[1]); }},
      {"fake_quantize", {{2, 3}}, [](auto& v) { return fake_quantized(v[0], {}); }},
      {"fake_quantize", {{2, 3}}, [](auto& v) { return fake_quantized(v[0], {.momentum = 0.1}); }},
      {"fake_quantize", {{2, 3}}, [](auto& v) { return fake_quantized(v[0], {.mean = true}); }},
      {"fake_quantize", {{2, 3}}, [](auto& v) { return fake_quantized(v[0], {.mean = true, .momentum = 0.1}); }},
      {"fake_quantize", {{2, 3}}, [](auto& v) { return fake_quantized(v[0], {.rounds = false}); }},
      {"mse_loss", {{2, 3}, {2, 3}}, [](auto& v) { return mse_loss(v[0], v[1]); }},
      {"cross_entropy", {{2, 3}}, [](auto& v) {
         static const std::vector<int> labels = {2, 0};
         return cross_entropy(v[0], labels);
       }}};
  PointwiseOps::for_each([&](auto tag) {
    using O = typename decltype(tag)::type;
    all.push_back({O::name, {{2, 3}}, [](auto& v) { return pointwise(v[0], O{}); }});
  });
  return all;
}

std::string list_of(const std::set<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += name + ' ';
  return list;
}

// The leaves of a case, with values between 0.2 and 0.9.
struct Leaves {
  explicit Leaves(const Poisoned& c) {
    for (const Shape& s : c.inputs) {
      memory.emplace_back(std::size_t(s.size()));
      for (std::size_t i = 0; i < memory.back().size(); ++i)
        memory.back()[i] = real(0.2 + 0.1 * double((i * 5 + memory.size()) % 8));
    }
  }
  std::vector<Var> on(Tape& tape, const Poisoned& c) const {
    std::vector<Var> vars;
    for (std::size_t i = 0; i < memory.size(); ++i) vars.push_back(tape.input(memory[i].data(), c.inputs[i], true));
    return vars;
  }
  std::vector<std::vector<real>> memory;
};

TEST_CASE("check_finite: no op is missing from the cases") {  // the pointwise ones are there by their list
  std::set<std::string> here;
  for (const Poisoned& c : cases()) here.insert(c.name);
  const std::string before = "const char* name = \"";
  int ops = 0;
  for (const auto& file : std::filesystem::directory_iterator(test_folder() + "/../core/ops")) {
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);)
      if (const std::size_t at = line.find(before); at != line.npos) {
        const std::size_t begin = at + before.size();
        CHECK(here.contains(line.substr(begin, line.find('"', begin) - begin)));
        ++ops;
      }
  }
  CHECK(ops > 15);
}

TEST_CASE("check_finite, forward: each op is named when one of its inputs holds a NaN or an infinity") {
  for (const Poisoned& c : cases())
    for (bool defer : {true, false})
      for (std::size_t input = 0; input < c.inputs.size(); ++input) {
        CAPTURE(c.name);
        CAPTURE(input);
        Leaves leaves(c);
        Tape clean({.threads = 1, .defer = defer, .check_finite = true});
        CHECK_NOTHROW(c.op(leaves.on(clean, c)));
        leaves.memory[input].back() = std::nan("");
        Tape tape({.threads = 1, .defer = defer, .check_finite = true});
        tape.set_scope("layers.7");
        const std::string message = message_of([&] { c.op(leaves.on(tape, c)); });
        CAPTURE(message);
        CHECK(contains(message, {"layers.7 (" + c.name + "): the output", "is not finite; input input", "1 of "}));
      }
}

TEST_CASE("check_finite, forward: of a chain, the first op that makes a number too large is named, deferred or not") {
  const real large = std::numeric_limits<real>::max();
  for (bool defer : {true, false}) {
    const std::vector<real> x(6, large), b(3, large), w(9, 1);
    Tape tape({.threads = 1, .defer = defer, .check_finite = true});
    const Var leaf = tape.input(x.data(), {2, 3}, true), shift = tape.input(b.data(), {3}), weights = tape.input(w.data(), {3, 3});
    CHECK(contains(message_of([&] { matmul(relu6(bias(leaf, shift)), weights); }),
                   {"bias: the output [2,3] is not finite", "in [", "input [3]"}));
  }
}

// The ops whose backward reads values: it is these that can make a gradient not finite while all values are.
TEST_CASE("check_finite, backward: each op that reads values is named when they spoil the gradient, with ranges") {
  for (bool defer : {true, false}) {
    std::set<std::string> named;
    for (const Poisoned& c : cases()) {
      Leaves leaves(c);
      Tape tape({.threads = 1, .defer = defer, .check_finite = true});
      tape.set_scope("layers.2");
      const Var y = c.op(leaves.on(tape, c));
      tape.set_scope("");
      const Var loss = y.size() == 1 ? y : sum(y);
      // Behind the tape's back, after the forward pass: what went in and what came out.
      const std::vector<real> nans(1000, std::nan(""));
      for (auto& m : leaves.memory) std::copy_n(nans.begin(), m.size(), m.begin());
      const Node& n = tape.node(y);
      if (n.owns_value && y.id() != loss.id()) std::copy_n(nans.begin(), y.size(), const_cast<real*>(n.view.y));
      const std::string message = message_of([&] { tape.backward(loss); });
      CAPTURE(message);
      if (message == "no error") continue;
      CHECK(contains(message, {"layers.2 (" + c.name + "): the gradient of its input", "is not finite", "gradient of the output",
                               "not finite"}));
      named.insert(c.name);
    }
    CHECK(list_of(named) == "batch_norm conv2d depthwise_conv2d gelu matmul mse_loss mul sigmoid silu tanh ");
  }
}

// The identity, with nearly the largest gradient that there is.
struct Steep {
  static constexpr real slope = std::numeric_limits<real>::max() * real(0.9);
  static constexpr const char *name = "steep", *summary = "x";
  real f(real x) const { return x; }
  real vjp(real, real dy) const { return dy * slope; }
  static constexpr Probe probes[] = {{1, 1, slope}};
};

TEST_CASE("check_finite, backward: each op whose gradient is a sum or a multiple is named when that overflows") {
  for (bool defer : {true, false}) {
    std::set<std::string> named;
    for (const Poisoned& c : cases()) {
      const Leaves leaves(c);
      Tape tape({.threads = 1, .defer = defer, .check_finite = true});
      tape.set_scope("layers.2");
      const Var y = c.op(leaves.on(tape, c));
      tape.set_scope("");
      const std::string message = message_of([&] { tape.backward(sum(pointwise(y, Steep{}))); });
      CAPTURE(message);
      if (message == "no error") continue;
      CHECK(contains(message, {"layers.2 (" + c.name + "): the gradient of its input", "is not finite", "gradient of the output",
                               "not finite"}));
      named.insert(c.name);
    }
    const bool twice = sizeof(real) == sizeof(double);  // mse_loss doubles the gradient in double, where a float has room
    CHECK(list_of(named) == std::string("batch_norm bias conv2d depthwise_conv2d matmul ") + (twice ? "mse_loss " : "") + "scale ");
  }
}

}  // namespace
}  // namespace six::test
