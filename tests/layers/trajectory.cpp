// A MobileNet-style training of PyTorch, followed by a JSON model that loads its weights by their torch names.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "../../optim/sgd.h"
#include "../golden_json.h"
#include "../precision.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

const char* kLayers = R"(
  {"type": "conv2d", "out_channels": 6, "kernel": 3, "stride": 2, "bias": false}, {"type": "batch_norm"}, {"type": "relu6"},
  {"type": "depthwise_conv2d", "kernel": 3, "bias": false}, {"type": "batch_norm"}, {"type": "relu6"},
  {"type": "conv2d", "out_channels": 10, "kernel": 1, "bias": false}, {"type": "batch_norm"}, {"type": "relu6"},
  {"type": "depthwise_conv2d", "kernel": 3, "stride": 2, "bias": false}, {"type": "batch_norm"}, {"type": "relu6"},
  {"type": "conv2d", "out_channels": 12, "kernel": 1, "bias": false}, {"type": "batch_norm"}, {"type": "relu6"},
  {"type": "global_avg_pool"}, {"type": "flatten"}, {"type": "linear", "out_features": 4})";

// A state_dict of the golden file as the tensors of a file.
std::vector<SavedTensor> tensors_of(const nlohmann::json& state) {
  std::vector<SavedTensor> tensors;
  for (const auto& [name, tensor] : state.items()) {
    const std::vector<double> data = numbers(tensor);
    const std::vector<long> dims = shape(tensor);
    tensors.push_back(save_reals(name, {dims.begin(), dims.end()}, std::vector<real>(data.begin(), data.end())));
  }
  return tensors;
}

// The largest difference, relative beyond 1, of the tensors `expected` to those of the same names.
double difference(const std::vector<SavedTensor>& expected, const std::vector<SavedTensor>& found) {
  double worst = 0;
  for (const SavedTensor& e : expected) {
    const auto f = std::find_if(found.begin(), found.end(), [&](const SavedTensor& t) { return t.name == "layers." + e.name; });
    REQUIRE_MESSAGE(f != found.end(), e.name);
    REQUIRE(f->shape == e.shape);
    const std::vector<real> a = load_reals(e), b = load_reals(*f);
    for (std::size_t i = 0; i < a.size(); ++i)
      worst = std::max(worst, std::abs(double(a[i] - b[i])) / std::max(1.0, std::abs(double(a[i]))));
  }
  return worst;
}

// [n, 1, h, w] to [n, h, w, 1]: one channel, the same order.
std::vector<real> images_of(const nlohmann::json& x) {
  const std::vector<double> data = numbers(x);
  return {data.begin(), data.end()};
}

void follow(bool defer) {
  const nlohmann::json gold = golden("mobilenet_trajectory.json");
  Model net = model_of(kLayers, "[11, 9, 1]");
  net.set_state(tensors_of(gold["init"]), {.renamings = {{"", "layers"}}});
  const std::vector<real> x = images_of(gold["x"]);
  const std::vector<int> labels = gold["labels"].get<std::vector<int>>();
  const std::vector<double> losses = numbers(gold["loss"]);
  REQUIRE(losses.size() == 12);
  SGD sgd(net.params(), {.lr = gold["optimizer"]["sgd"]["lr"], .momentum = gold["optimizer"]["sgd"]["momentum"]});
  Tape tape({.threads = 2, .defer = defer});
  for (std::size_t i = 0; i < losses.size(); ++i) {
    tape.reset();
    const Var loss = cross_entropy(net(tape.input(x.data(), {16, 11, 9, 1})), labels);
    CHECK(std::abs(loss.item() - losses[i]) <= (kDouble ? 1e-12 : 1e-3));
    tape.backward(loss);
    if (i == 0)
      CHECK(difference(tensors_of(gold["first_gradients"]), net.slab_state(net.params().grads(), "")) <= (kDouble ? 1e-12 : 1e-4));
    sgd.step();
  }
  CHECK(difference(tensors_of(gold["final"]), net.state()) <= (kDouble ? 1e-12 : 1e-2));
  Tape inference({.training = false, .record = false, .defer = defer});
  const std::vector<real> logits = net(inference.input(x.data(), {16, 11, 9, 1})).values();
  const std::vector<double> expected = numbers(gold["eval_logits"]);
  REQUIRE(logits.size() == expected.size());
  for (std::size_t i = 0; i < logits.size(); ++i) CHECK(std::abs(logits[i] - expected[i]) <= (kDouble ? 1e-12 : 2e-2));
}

}  // namespace

TEST_CASE("trajectory: a JSON model follows twelve steps of PyTorch, from weights loaded by their torch names") { follow(true); }
TEST_CASE("trajectory: the same with every value written out") { follow(false); }

TEST_CASE("trajectory: what torch counts as batches is counted") {
  Model net = model_of(kLayers, "[11, 9, 1]");
  for (int i = 0; i < 3; ++i) step(net);
  outputs(net);
  int counters = 0;
  for (const SavedTensor& t : net.state())
    if (t.name.ends_with("num_batches_tracked")) {
      CHECK(load_counter(t) == 3);
      CHECK(t.shape.empty());
      ++counters;
    }
  CHECK(counters == 5);
}
