// Quantisation-aware training: what it makes of a model, and that the integers are those it trained.
#include "../../deploy/quantized_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include <nlohmann/json.hpp>

#include "../../deploy/emulator.h"
#include "../../deploy/graph_values.h"
#include "../../layers/quantized.h"
#include "../allocations.h"
#include "../layers/support.h"
#include "../train/support.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

QuantOptions options(int bits = 8) {
  QuantOptions o;
  o.weights.bits = o.activations.bits = bits;
  return o;
}

Model quantized(const Model& m, const QuantOptions& o = {}, long steps = 0) {
  const std::vector<std::uint8_t> images = noise(m.input_shape(), 8);
  return quantized_model(m, o, batch(images, m.input_shape()), steps, 2);
}

std::vector<Range> ranges(const Graph& graph) {  // those of the model: the image does not matter
  const std::vector<std::uint8_t> image = noise(graph.input, 1, 5);
  return calibrate(graph, batch(image, graph.input));
}

std::vector<std::array<real, 2>> ranges_of(const Model& m) {
  std::vector<std::array<real, 2>> all;
  for (std::size_t i = 0; i < m.params().buffers().size(); ++i)
    if (m.params().buffers()[i].shape == Shape{2}) all.push_back({m.params().buffer(int(i))[0], m.params().buffer(int(i))[1]});
  return all;
}

}  // namespace

TEST_CASE("a quantised model exports the network that calibration alone makes, for every layer") {
  for (const Net& net : integer_nets())
    for (int bits : {8, 5}) {
      CAPTURE(net.name);
      const Model m = quantized(net.model, options(bits));
      const Graph trained = graph_of(net.model), graph = graph_of(m);
      REQUIRE(graph.quant);
      CHECK(graph.quant->weights.bits == bits);
      CHECK(graph.quant->activations.bits == bits);
      REQUIRE(graph.stages.size() == trained.stages.size());
      const IntNetwork a = integer_network(net.model, options(bits)), b = quantize(graph, ranges(graph), options(bits));
      for (std::size_t i = 0; i < a.stages.size(); ++i) {
        const IntWeights *x = a.stages[i].weighted(), *y = b.stages[i].weighted();
        REQUIRE(bool(x) == bool(y));
        if (const auto* add = std::get_if<IntAdd>(&a.stages[i].op)) {
          const IntAdd& other = std::get<IntAdd>(b.stages[i].op);
          const AddMultipliers &p = add->multipliers, &q = other.multipliers;
          CHECK(std::tie(p.a, p.b, p.out) == std::tie(q.a, q.b, q.out));
          CHECK(std::tie(add->zero_a, add->zero_b, add->zero_out, add->lo, add->hi) ==
                std::tie(other.zero_a, other.zero_b, other.zero_out, other.lo, other.hi));
        }
        if (!x) continue;
        CHECK(x->weights == y->weights);
        CHECK(x->bias == y->bias);
        CHECK(x->multipliers == y->multipliers);
        CHECK(std::tie(x->zero_in, x->zero_out, x->lo, x->hi) == std::tie(y->zero_in, y->zero_out, y->lo, y->hi));
      }
    }
}

TEST_CASE("what a quantised model computes on the tape is what the integers compute, up to rounding of the means and sums") {
  const std::vector<Net> nets = integer_nets();
  for (std::size_t n : {0, 2, 4}) {
    CAPTURE(nets[n].name);
    const Model m = quantized(nets[n].model);
    const Graph graph = graph_of(m);
    const IntNetwork net = quantize(graph, ranges(graph), options());
    Emulator emulator(net);
    const std::vector<std::uint8_t> images = noise(graph.input, 6, 21);
    Tape tape({.threads = 1, .training = false, .record = false});
    const std::vector<real> fake = m(tape.input(batch(images, graph.input))).values();
    const Quantization& q = net.values[std::size_t(net.output)].q;
    double worst = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      const auto logits =
          emulator.run(std::span(images).subspan(i * std::size_t(graph.input.size()), std::size_t(graph.input.size())));
      for (std::size_t c = 0; c < logits.size(); ++c)
        worst = std::max(worst, std::abs(double(fake[i * logits.size() + c]) / double(q.scale) + q.zero - logits[c]));
    }
    CHECK(worst <= 3.01);  // codes of the logits
  }
}

TEST_CASE("training moves the ranges, freezes them, and leaves those of ReLU6 alone") {
  const Dataset data = few_digits();
  Model trained = small_net();
  TrainingConfig config{.data = DataSource::digits, .epochs = 1, .batch = 16, .optimizer = SGDOptions{.lr = 1e-3}, .threads = 1};
  config.quant = QuantOptions{};
  Model m = quantized_model(trained, *config.quant, data.train.bytes(0, 50), 6, 1);
  const auto before = ranges_of(m);
  Trainer trainer(m, data, config);
  for (int i = 0; i < 5; ++i) trainer.step();
  const auto moved = ranges_of(m);
  for (int i = 0; i < 4; ++i) trainer.step();
  const auto frozen = ranges_of(m);
  CHECK(moved != before);
  CHECK(frozen == moved);
  CHECK(std::count(frozen.begin(), frozen.end(), std::array<real, 2>{0, 6}) == 3);
}

TEST_CASE("in the warm-up activations are observed and not rounded, weights are; a model reloaded goes on as it would have") {
  Model trained({8}, Sequential{Linear{{.out_features = 3}}});
  disturb(trained);
  QuantOptions o = options(4);
  o.warm_up = 0.5;
  const Model m = quantized(trained, o, 10);
  const Graph graph = graph_of(m);
  GraphValues exact(graph);
  const Graph rounded = with_quantized_weights(graph, quantize(graph, ranges(graph), o));
  GraphValues weights_only(rounded);
  TempFolder folder;
  std::vector<std::array<real, 2>> before = ranges_of(m);
  for (int step = 0; step < 8; ++step) {
    CAPTURE(step);
    const std::vector<std::uint8_t> image = noise({8}, 1, std::uint64_t(step + 40));
    m.save(folder / "model.safetensors");
    const Model again = Model::load(folder / "model.safetensors");
    Tape tape({.threads = 1}), other({.threads = 1});
    const std::vector<real> y = m(tape.input(batch(image, {8}))).values();
    CHECK(again(other.input(batch(image, {8}))).values() == y);
    const auto after = ranges_of(m);
    CHECK(after != before);
    before = after;
    const Quantization q = activation_quantization(double(after[0][0]), double(after[0][1]), 4);
    exact.run(image), weights_only.run(image);
    double off_grid = 0, off_weights = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double steps = double(y[i]) / double(q.scale);
      off_grid = std::max(off_grid, std::abs(steps - std::round(steps)));
      off_weights = std::max(off_weights, std::abs(double(y[i]) - weights_only[graph.output][i]));
    }
    CHECK((off_grid > 1e-3) == (step < 5));
    CHECK((off_weights < 1e-5) == (step < 5));
    CHECK(double(y[0]) != doctest::Approx(exact[graph.output][0]).epsilon(1e-5));
  }
}

TEST_CASE("a range that was never observed is an error with a remedy; the first batch that is observed begins it") {
  const auto model = [](const std::string& more) {
    return model_of(R"({"type": "quantized", "layers": [{"type": "conv2d", "out_channels": 2}, {"type": "relu6"},
      {"type": "global_avg_pool"}, {"type": "linear", "out_features": 2}])" +
                    more + "}");
  };
  const Model never = model("");
  const char* const says = "layers.3 (matmul): its range was never observed; make the model of a trained one with --from";
  const auto refusal = [](auto&& f) { return message_of(f).substr(0, 200); };
  CHECK(refusal([&] { graph_of(never); }).find("layers.0 (conv2d): its range was never observed") != std::string::npos);
  CHECK(refusal([&] { never.logits(noise(never.input_shape(), 1)); }).find("its range was never observed") != std::string::npos);
  CHECK(refusal([&] { outputs(never, 2, true); }).find("its range was never observed") != std::string::npos);
  const Model observed = model(R"(, "freeze_after": 2)");
  CHECK(outputs(observed, 2, true).size() == 4);
  CHECK(ranges_of(observed)[0] == std::array<real, 2>{0, 6});
  CHECK(outputs(observed, 2).size() == 4);
  const Graph graph = graph_of(observed);
  CHECK(ranges(graph).size() == 4);
  Graph lost = graph;
  lost.stages[2].range = {{NAN, 1}};
  CHECK(message_of([&] { ranges(lost); }) == says);
}

TEST_CASE("a quantised layer anywhere but alone is refused") {
  const std::string conv = R"({"type": "conv2d", "out_channels": 2})", layers = R"("layers": [)" + conv + "]}";
  const std::string quantized_conv = R"({"type": "quantized", )" + layers;
  CHECK(model_of(quantized_conv).parameter_count() == 56);
  for (const std::string& text : {conv + ',' + quantized_conv, quantized_conv + R"(, {"type": "relu"})",
                                  R"({"type": "sequential", "layers": [)" + quantized_conv + "]}",
                                  R"({"type": "quantized", "layers": [)" + quantized_conv + "]}"})
    CHECK(error_of(text).find("(quantized): must be the only layer of its model") != std::string::npos);
}

TEST_CASE("a step of a quantised model allocates nothing from the second on") {
  const Dataset data = few_digits();
  TrainingConfig config{.data = DataSource::digits, .epochs = 1, .batch = 16, .optimizer = SGDOptions{.lr = 1e-3}, .threads = 2};
  config.quant = QuantOptions{};
  Model m = quantized_model(small_net(), *config.quant, data.train.bytes(0, 50), 6, 1);
  Trainer trainer(m, data, config);
  const auto step = [&] {
    const long before = allocations();
    trainer.step();
    return allocations() - before;
  };
  CHECK(step() > 0);  // the counter counts
  for (int i = 1; i < 6; ++i) CHECK(step() == 0);
}

TEST_CASE("a quantised model reloaded exports the same network, and has the layers' names and torch's layouts") {
  const std::vector<Net> nets = integer_nets();
  const Model m = quantized(nets[2].model);
  TempFolder folder;
  m.save(folder / "model.safetensors");
  const Model again = Model::load(folder / "model.safetensors");
  const Graph a = graph_of(m), b = graph_of(again);
  for (std::size_t i = 0; i < a.stages.size(); ++i) {
    CHECK(a.stages[i].weights == b.stages[i].weights);
    CHECK(a.stages[i].bias == b.stages[i].bias);
    CHECK(a.stages[i].range == b.stages[i].range);
  }
  CHECK(again.to_json() == m.to_json());
  CHECK(m.params().params()[0].name == "layers.0.layers.0.weight");
}

TEST_CASE("a quantised model cannot be quantised again, compiled in floating point, or averaged") {
  const std::vector<Net> nets = integer_nets();
  const Model m = quantized(nets[4].model);
  CHECK(message_of([&] { quantized(m); }) == "quant: the model is quantised already; begin from the float model it was made from");
  CHECK(message_of([&] { m.compile_inference(1); }).find("fake-quantised") != std::string::npos);
  CHECK(m.logits(noise(m.input_shape(), 1)).size() == 10);  // on the tape
  CHECK(message_of([] { read_training(Json::parse(R"({"quant": {}, "ema": {"decay": 0.9}})")); }).find("quant: weights next to") !=
        std::string::npos);
  Model gelu = model_of(R"({"type": "quantized", "layers": [{"type": "conv2d", "out_channels": 2}, {"type": "global_avg_pool"}]})");
  CHECK(gelu.parameter_count() == 56);
  CHECK(error_of(R"({"type": "quantized", "layers": [{"type": "gelu"}, {"type": "global_avg_pool"}]})").find("no integer kernel") !=
        std::string::npos);
}
