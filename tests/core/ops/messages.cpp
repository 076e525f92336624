// What does not fit is refused by a message that holds the op's name and both shapes.
#include <doctest/doctest.h>

#include "../../../core/ops/ops.h"

using namespace six;

namespace {

// The message of the Error that f throws.
template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was thrown";
}
template <class... Parts>
void check_holds(const std::string& text, const Parts&... parts) {
  CAPTURE(text);
  const std::string list[] = {parts...};
  for (const std::string& part : list) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(text.find('\n') == std::string::npos);
}

struct Fixture {
  std::vector<real> data = std::vector<real>(4096, 1);
  Tape tape;
  Var in(Shape s) { return tape.input(data.data(), s, true); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "convolutions refuse what does not fit") {
  const auto conv = [&](Shape x, Shape w, ConvOptions o = {}) { return message([&] { conv2d(in(x), in(w), o); }); };
  const auto depthwise = [&](Shape x, Shape w, ConvOptions o = {}) { return message([&] { depthwise_conv2d(in(x), in(w), o); }); };
  check_holds(conv({2, 8, 8, 3}, {3, 3, 4, 5}), "conv2d: ", "3 channels", "4", "[2,8,8,3]", "[3,3,4,5]");
  check_holds(conv({8, 8, 3}, {3, 3, 3, 5}), "conv2d: ", "3 dimensions", "[8,8,3]", "[3,3,3,5]");
  check_holds(conv({2, 8, 8, 3}, {3, 3, 3}), "conv2d: ", "[2,8,8,3]", "[3,3,3]");
  check_holds(conv({2, 2, 8, 3}, {3, 3, 3, 5}), "conv2d: ", "kernel 3 does not fit", "[2,2,8,3]", "[3,3,3,5]");
  check_holds(conv({2, 8, 8, 3}, {3, 3, 3, 5}, {.stride = 0}), "conv2d: ", "stride is 0");
  check_holds(conv({2, 8, 8, 3}, {3, 3, 3, 5}, {.stride = 1, .padding = -1}), "conv2d: ", "padding must not be negative");
  check_holds(conv({2, 8, 8, 3}, {3, 3, 3, 0}), "conv2d: ", "[3,3,3,0]");
  check_holds(depthwise({2, 8, 8, 3}, {3, 3, 4}), "depthwise_conv2d: ", "3 channels", "4", "[2,8,8,3]", "[3,3,4]");
  check_holds(depthwise({2, 8, 8, 3}, {3, 3, 3, 1}), "depthwise_conv2d: ", "[2,8,8,3]", "[3,3,3,1]");
  check_holds(depthwise({2, 3, 2, 3}, {3, 3, 3}), "depthwise_conv2d: ", "[2,3,2,3]", "[3,3,3]");
}

TEST_CASE_FIXTURE(Fixture, "what kernels could not count in an int is refused") {
  const auto conv = [&](Shape x, Shape w, ConvOptions o) { return message([&] { conv2d(in(x), in(w), o); }); };
  const auto depthwise = [&](Shape x, Shape w, ConvOptions o) { return message([&] { depthwise_conv2d(in(x), in(w), o); }); };
  const auto pool = [&](Shape x, PoolOptions o) { return message([&] { max_pool2d(in(x), o); }); };
  check_holds(conv({0, 65536, 65536, 1}, {1, 1, 1, 4}, {}), "conv2d: ", "at most 2147483647", "[0,65536,65536,1]");
  check_holds(conv({0, 65536, 1024, 1}, {1, 1, 1, 64}, {}), "conv2d: ", "at most 2147483647");
  check_holds(conv({0, 8, 8, 1}, {1, 1, 1, 4}, {.stride = 2147483647}), "conv2d: ", "stride 2147483647");
  check_holds(conv({0, 8, 8, 1}, {3, 3, 1, 4}, {.padding = 2147483647}), "conv2d: ", "at most 2147483647", "[0,8,8,1]");
  check_holds(conv({0, 8, 8, 1 << 28}, {3, 3, 1 << 28, 4}, {}), "conv2d: ", "weights, must be from 1 to 2147483647");
  check_holds(depthwise({0, 8, 8, 1 << 26}, {3, 3, 1 << 26}, {.padding = 1}), "depthwise_conv2d: ", "at most 2147483647");
  check_holds(pool({0, 65536, 65536, 1}, {}), "max_pool2d: ", "at most 2147483647", "[0,65536,65536,1]");
  check_holds(pool({0, 8, 8, 1}, {.kernel = 2147483647, .padding = 1073741823}), "max_pool2d: ", "at most 2147483647");
  check_holds(message([&] { global_avg_pool(in({0, 65536, 65536, 1})); }), "global_avg_pool: ", "[0,65536,65536,1]");
}

TEST_CASE_FIXTURE(Fixture, "products, biases and batch norm refuse what does not fit") {
  check_holds(message([&] { matmul(in({4, 5}), in({6, 3})); }), "matmul: ", "5", "6", "[4,5]", "[6,3]");
  check_holds(message([&] { matmul(in({4, 5}), in({5})); }), "matmul: ", "[4,5]", "[5]");
  check_holds(message([&] { matmul(in({}), in({1, 3})); }), "matmul: ", "[]", "[1,3]");
  check_holds(message([&] { matmul(in({4, 0}), in({0, 3})); }), "matmul: ", "[0,3]");
  check_holds(message([&] { linear(in({4, 5}), in({5, 3}), in({4})); }), "bias: ", "3", "4", "[4,3]", "[4]");
  check_holds(message([&] { bias(in({4, 5}), in({5, 1})); }), "bias: ", "[4,5]", "[5,1]");
  check_holds(message([&] { batch_norm(in({4, 5}), in({4}), in({5})); }), "batch_norm: ", "5 channels", "[4,5]", "[4]", "[5]");
  check_holds(message([&] { batch_norm(in({4, 5}), in({5}), in({5, 1})); }), "batch_norm: ", "[4,5]", "[5]", "[5,1]");
}

TEST_CASE_FIXTURE(Fixture, "elementwise ops, reshapes, pools and losses refuse what does not fit") {
  check_holds(message([&] { in({2, 3}) + in({3, 2}); }), "add: ", "[2,3]", "[3,2]");
  check_holds(message([&] { in({2, 3}) - in({2}); }), "sub: ", "[2,3]", "[2]");
  check_holds(message([&] { in({2, 3}) * in({2, 3, 1}); }), "mul: ", "[2,3]", "[2,3,1]");
  check_holds(message([&] { reshape(in({2, 3}), {7}); }), "reshape: ", "6", "7", "[2,3]", "[7]");
  check_holds(message([&] { flatten(in({})); }), "flatten: ", "[]");
  for (bool max : {true, false}) {
    const auto pool = [&](Shape x, PoolOptions o) { return message([&] { max ? max_pool2d(in(x), o) : avg_pool2d(in(x), o); }); };
    const std::string op = max ? "max_pool2d: " : "avg_pool2d: ";
    check_holds(pool({2, 8, 8}, {}), op, "3 dimensions", "[2,8,8]");
    check_holds(pool({1, 2, 5, 3}, {.kernel = 3}), op, "kernel 3", "[1,2,5,3]");
    check_holds(pool({1, 5, 5, 3}, {.kernel = 3, .padding = 2}), op, "padding [2,2,2,2]", "kernel 3");
    check_holds(pool({1, 5, 5, 3}, {.kernel = 0}), op, "kernel 0");
    check_holds(pool({1, 5, 5, 3}, {.kernel = 2, .stride = -1}), op, "stride -1");
  }
  check_holds(message([&] { global_avg_pool(in({2, 8})); }), "global_avg_pool: ", "[2,8]");
  check_holds(message([&] { mse_loss(in({2, 3}), in({3, 2})); }), "mse_loss: ", "[2,3]", "[3,2]");
}

TEST_CASE_FIXTURE(Fixture, "cross_entropy refuses targets that do not fit") {
  const std::vector<int> labels = {0, 1, 3}, negative = {0, -1};
  const std::vector<real> targets(5, 0);
  check_holds(message([&] { cross_entropy(in({2, 4}), labels); }), "cross_entropy: ", "3 labels for 2", "[2,4]");
  check_holds(message([&] { cross_entropy(in({3, 3}), labels); }), "cross_entropy: ", "label 3 of row 2", "0..2", "[3,3]");
  check_holds(message([&] { cross_entropy(in({2, 3}), negative); }), "cross_entropy: ", "label -1 of row 1", "[2,3]");
  check_holds(message([&] { cross_entropy(in({2, 3}), std::span<const real>(targets)); }), "cross_entropy: ", "5", "6", "[2,3]");
  check_holds(message([&] { cross_entropy(in({2, 3, 1}), labels); }), "cross_entropy: ", "[2,3,1]");
  check_holds(message([&] { cross_entropy(in({3, 4}), labels, {.label_smoothing = 1.5}); }), "cross_entropy: ", "1.5");
}

// No sample at all is a batch like any other: nothing crashes, and nothing flows back.
TEST_CASE_FIXTURE(Fixture, "an empty batch goes forwards and backwards through every op that takes one") {
  const auto flows = [&](auto op) {
    for (bool defer : {true, false}) {
      Tape own({.defer = defer});
      const std::vector<real> w(512, 1);
      const Var x = own.input(data.data(), {0, 4, 4, 2}, true), weights = own.input(w.data(), {3, 3, 2, 2}, true);
      const Var y = op(x, weights);
      CHECK(y.size() == 0);
      const Var loss = sum(y) + scale(sum(weights), 0);
      CHECK(loss.item() == 0);
      own.backward(loss);
      for (real g : weights.grad()) CHECK(g == 0);
    }
  };
  flows([](Var x, Var w) { return conv2d(x, w, {.stride = 1, .padding = 1}); });
  flows([](Var x, Var w) { return conv2d(relu6(x), reshape(w, {1, 1, 2, 18})); });
  flows([](Var x, Var w) { return depthwise_conv2d(x, reshape(w, {3, 6, 2}), {.stride = 1, .padding = {1, 3, 1, 3}}); });
  flows([](Var x, Var w) { return matmul(x, reshape(w, {2, 18})); });
  flows([](Var x, Var) {
    static const real b[] = {1, 2};
    return relu6(bias(x, x.tape().input(b, {2}, true)));
  });
  flows([](Var x, Var) { return x + x * x - scale(x, 2); });
  flows([](Var x, Var) { return gelu(relu(x)); });
  flows([](Var x, Var) { return dropout(x, 0.5); });
  flows([](Var x, Var) { return max_pool2d(x); });
  flows([](Var x, Var) { return avg_pool2d(x); });
  flows([](Var x, Var) { return global_avg_pool(x); });
  CHECK(relu6(scale(in({3, 0}), 2)).values().empty());  // no channel at all
}
