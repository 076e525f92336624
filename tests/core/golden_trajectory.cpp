// A small MobileNet written on ops and trained by plain SGD, number by number as PyTorch trained it.
#include <doctest/doctest.h>

#include <cmath>

#include "../../core/ops/ops.h"
#include "../../optim/sgd.h"
#include "../harness.h"
#include "torch_order.h"

using namespace six;
using namespace six::test;
using nlohmann::json;

namespace {

struct Net {
  ParamSet set;
  struct Block {
    Order kind;
    std::string name, norm;
    ConvOptions options;
    int weight, gamma, beta, mean, var;
  };
  std::vector<Block> blocks = {{Order::conv, "0", "1", {2, 1}, 0, 0, 0, 0, 0},
                               {Order::depthwise, "3", "4", {1, 1}, 0, 0, 0, 0, 0},
                               {Order::conv, "6", "7", {1, 0}, 0, 0, 0, 0, 0},
                               {Order::depthwise, "9", "10", {2, 1}, 0, 0, 0, 0, 0},
                               {Order::conv, "12", "13", {1, 0}, 0, 0, 0, 0, 0}};
  int linear_weight, linear_bias;

  explicit Net(const json& init) {
    for (Block& b : blocks) {
      b.weight = add(init, b.name + ".weight", b.kind), b.gamma = add(init, b.norm + ".weight", Order::same);
      b.beta = add(init, b.norm + ".bias", Order::same);
      b.mean = buffer(init, b.norm + ".running_mean"), b.var = buffer(init, b.norm + ".running_var");
    }
    linear_weight = add(init, "17.weight", Order::linear), linear_bias = add(init, "17.bias", Order::same);
  }
  int add(const json& init, const std::string& name, Order order) {
    const int i = set.add(name, our_shape(init[name], order), true);
    const std::vector<real> values = reals(from_torch(init[name], order));
    std::copy(values.begin(), values.end(), set.value(i));
    return i;
  }
  int buffer(const json& init, const std::string& name) {
    const int i = set.add_buffer(name, our_shape(init[name], Order::same), 0);
    const std::vector<real> values = reals(numbers(init[name]));
    std::copy(values.begin(), values.end(), set.buffer(i));
    return i;
  }
  Var operator()(Var x) {
    Tape& t = x.tape();
    for (const Block& b : blocks) {
      const Var w = t.param(set, b.weight);
      const Var y = b.kind == Order::conv ? conv2d(x, w, b.options) : depthwise_conv2d(x, w, b.options);
      x = relu6(batch_norm(y, t.param(set, b.gamma), t.param(set, b.beta), set.buffer(b.mean), set.buffer(b.var)));
    }
    return linear(global_avg_pool(x), t.param(set, linear_weight), t.param(set, linear_bias));
  }

  // The largest difference from PyTorch's tensors; `buffers` too if they are among them.
  double worst(const real* slab, const json& theirs) {
    double w = 0;
    const auto compare = [&](const std::string& name, const real* ours, Order order) {
      const std::vector<double> t = from_torch(theirs[name], order);
      for (std::size_t i = 0; i < t.size(); ++i) w = worse(w, std::fabs(double(ours[i]) - t[i]) / std::max(1.0, std::fabs(t[i])));
    };
    for (const Block& b : blocks) compare(b.name + ".weight", slab + set.params()[std::size_t(b.weight)].offset, b.kind);
    for (const Block& b : blocks)
      for (int i : {b.gamma, b.beta})
        compare(set.params()[std::size_t(i)].name, slab + set.params()[std::size_t(i)].offset, Order::same);
    compare("17.weight", slab + set.params()[std::size_t(linear_weight)].offset, Order::linear);
    compare("17.bias", slab + set.params()[std::size_t(linear_bias)].offset, Order::same);
    for (const Buffer& b : set.buffers())
      if (theirs.contains(b.name)) compare(b.name, set.buffer_values() + b.offset, Order::same);
    return w;
  }
};

}  // namespace

TEST_CASE("golden: twelve SGD steps of a MobileNet with ReLU6") {
  const json file = golden("mobilenet_trajectory.json");
  const std::vector<real> x = reals(from_torch(file["x"], Order::image));
  const Shape shape_x = our_shape(file["x"], Order::image);
  const std::vector<int> labels = file["labels"];
  const std::vector<double> losses = file["loss"];
  const json& sgd = file["optimizer"]["sgd"];
  REQUIRE(losses.size() == 12);
  for (bool defer : {true, false})
    for (int threads : {1, 2}) {
      CAPTURE(defer);
      Net net(file["init"]);
      SGD optimizer(net.set, {.lr = sgd["lr"], .momentum = sgd["momentum"]});
      Tape tape({.threads = threads, .defer = defer});
      for (std::size_t step = 0; step < losses.size(); ++step) {
        tape.reset();
        const Var loss = cross_entropy(net(tape.input(x.data(), shape_x)), labels);
        CHECK(std::fabs(loss.item() - losses[step]) <= (kDouble ? 1e-12 : 1e-4));
        tape.backward(loss);
        if (step == 0) CHECK(net.worst(net.set.grads(), file["first_gradients"]) <= (kDouble ? 1e-12 : 1e-4));
        optimizer.step();
      }
      CHECK(net.worst(net.set.values(), file["final"]) <= (kDouble ? 1e-11 : 1e-3));
      Tape inference({.threads = threads, .training = false, .record = false, .defer = defer});
      const std::vector<real> logits = net(inference.input(x.data(), shape_x)).values();
      const std::vector<double> theirs = numbers(file["eval_logits"]);
      REQUIRE(logits.size() == theirs.size());
      for (std::size_t i = 0; i < theirs.size(); ++i) CHECK(std::fabs(logits[i] - theirs[i]) <= (kDouble ? 1e-11 : 1e-2));
    }
}
