// Ranges, and the plain evaluation they are observed on.
#include "../../deploy/calibrate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "../../deploy/graph_values.h"
#include "../layers/support.h"
#include "support.h"

using namespace six;
using namespace six::test;

TEST_CASE("the plain evaluation of a graph agrees with the tape") {
  for (const Net& net : integer_nets()) {
    CAPTURE(net.name);
    const Shape& input = net.model.input_shape();
    const std::vector<std::uint8_t> bytes = noise(input, 3);
    const Graph graph = graph_of(net.model);
    GraphValues values(graph);
    Tape tape({.threads = 1, .training = false, .record = false});
    const std::vector<real> expected = net.model(tape.input(batch(bytes, input))).values();
    const std::size_t classes = expected.size() / 3;
    for (std::size_t i = 0; i < 3; ++i) {
      values.run(std::span(bytes).subspan(i * std::size_t(input.size()), std::size_t(input.size())));
      for (std::size_t c = 0; c < classes; ++c)
        CHECK(std::abs(values[graph.output][c] - double(expected[i * classes + c])) < (sizeof(real) == 8 ? 1e-12 : 1e-4));
    }
  }
}

TEST_CASE("ranges are the same for any number of threads, and hold what was seen") {
  const std::vector<Net> nets = integer_nets();
  const Model& model = nets[0].model;
  const Graph graph = graph_of(model);
  const std::vector<std::uint8_t> bytes = noise(model.input_shape(), 9);
  for (Observer observer : {Observer::minmax, Observer::ema, Observer::percentile, Observer::mse, Observer::fixed}) {
    QuantOptions o;
    o.activations.observer = observer, o.relu6_range = ClampRange::observed;
    const std::vector<Range> one = calibrate(graph, batch(bytes, model.input_shape()), o, 1);
    CHECK(calibrate(graph, batch(bytes, model.input_shape()), o, 2) == one);
    CHECK(calibrate(graph, batch(bytes, model.input_shape()), o, 7) == one);
    CHECK(one[0] == Range{0, 1});
    for (std::size_t v = 1; v < one.size(); ++v) {
      CHECK(one[v].lo <= one[v].hi);
      if (!graph.stages[v - 1].keeps_codes()) {
        CHECK(one[v].lo >= graph.stages[v - 1].lo);
        CHECK(one[v].hi <= graph.stages[v - 1].hi);
      }
    }
  }
}

TEST_CASE("ranges of all observers and widths follow from one observation") {
  const std::vector<Net> nets = integer_nets();
  const Graph graph = graph_of(nets[0].model);
  const Shape image = nets[0].model.input_shape();
  const std::vector<std::uint8_t> bytes = noise(image, 9);
  const Observations seen(graph, batch(bytes, image), true, 1);
  for (Observer observer : {Observer::minmax, Observer::ema, Observer::percentile, Observer::mse, Observer::fixed})
    for (int bits : {4, 8})
      for (ClampRange range : {ClampRange::fixed6, ClampRange::observed}) {
        QuantOptions o;
        o.activations.observer = observer, o.activations.bits = bits, o.relu6_range = range;
        CHECK(seen.ranges(o) == calibrate(graph, batch(bytes, image), o));
      }
  QuantOptions o;
  o.activations.observer = Observer::mse;
  CHECK(message_of([&] { Observations(graph, batch(bytes, image), false, 1).ranges(o); }) ==
        "calibration: this observer needs histograms");
}

TEST_CASE("the first and the last layer may be wider than the others") {
  const std::vector<Net> nets = integer_nets();
  const Graph graph = graph_of(nets[0].model);
  const Shape image = nets[0].model.input_shape();
  const std::vector<std::uint8_t> bytes = noise(image, 9);
  QuantOptions o;
  o.weights.bits = o.activations.bits = 4, o.edge_bits = 8;
  IntNetwork net = quantize(graph, calibrate(graph, batch(bytes, image), o), o);
  CHECK(message_of([&] { pack_weights(net); }).starts_with("packing: two weights of 8 bits do not fit into a byte"));
  std::vector<int> most;  // code of each layer with weights
  for (const IntStage& s : net.stages)
    if (const IntWeights* w = s.weighted()) {
      int m = 0;
      for (std::int8_t c : w->weights) m = std::max(m, std::abs(int(c)));
      most.push_back(m);
    }
  REQUIRE(most.size() > 2);
  CHECK(most.front() == 127);
  CHECK(most.back() == 127);
  for (std::size_t i = 1; i + 1 < most.size(); ++i) CHECK(most[i] == 7);
  CHECK(net.values[std::size_t(net.output)].bits == 8);
  CHECK(net.values[1].bits == 4);
}

TEST_CASE("behind ReLU6 the range is [0, 6], or what was seen of it") {
  Model m({4, 4, 1}, Sequential{Conv2d{{.out_channels = 2}}, ReLU6{}, GlobalAvgPool{}, Linear{{.out_features = 2}}});
  const std::vector<std::uint8_t> bytes = noise({4, 4, 1}, 5);
  const Graph graph = graph_of(m);
  QuantOptions o;
  CHECK(calibrate(graph, batch(bytes, {4, 4, 1}), o)[1] == Range{0, 6});
  o.relu6_range = ClampRange::observed;
  const Range seen = calibrate(graph, batch(bytes, {4, 4, 1}), o)[1];
  CHECK(seen.lo == 0);
  CHECK(seen.hi < 6);
  CHECK(calibrate(graph, batch(bytes, {4, 4, 1}), o)[2] == seen);  // the mean keeps its input's codes
}

TEST_CASE("observers on known numbers") {
  Histogram h{.range = {-1, 1}};
  for (int i = 0; i < 1000; ++i) h.add(i < 990 ? 0.1 : i < 995 ? 0.9 : -0.9);
  CHECK(h.counts[std::size_t(1.1 / 2 * Histogram::kBins)] == 990);
  const Range all = percentile_range(h, 100), most = percentile_range(h, 99);
  CHECK(all.hi >= 0.9);
  CHECK(all.hi - 0.9 <= 2. / Histogram::kBins);
  CHECK(all.lo <= -0.9);
  CHECK(most.hi < 0.102);
  CHECK(most.lo > 0.098);
  // The share is that of the decimal number: 2,996,001 of 2,999,000 are 99.9 % exactly, one more would be the next bin.
  Histogram tenths{.range = {0, 2048}};
  tenths.counts[0] = 2'996'001, tenths.counts[1] = 1, tenths.counts[2047] = 2'998;
  CHECK(percentile_range(tenths, 99.9).hi == 1);
  CHECK(percentile_range(tenths, 99.91).hi == 2048);
  for (double percent : {1000., 0., -3., double(NAN)})
    CHECK(message_of([&] { percentile_range(tenths, percent); }).ends_with(", must be between 50 and 100"));
  // One number far out is worth clipping, none is not.
  Histogram outlier{.range = {0, 128}};
  for (int i = 0; i < 100'000; ++i) outlier.add(i % 64 / 64.);
  CHECK(mse_range(outlier, 8, true).hi == 1);
  outlier.add(127.9);
  CHECK(mse_range(outlier, 8, true).hi < 128);
  CHECK(mse_range(outlier, 8, true).hi > 1);
  Histogram flat{.range = {0, 6}};
  for (int i = 0; i < 6000; ++i) flat.add(i / 1000.);
  CHECK(mse_range(flat, 8, true) == Range{0, 6});
}

TEST_CASE("folding warns of a constant channel, which becomes its bias, and refuses a damaged variance") {
  Model m = model_of(R"({"type": "conv2d", "out_channels": 3}, {"type": "batch_norm"}, {"type": "global_avg_pool"})");
  disturb(m);
  CHECK(graph_of(m).warnings.empty());
  ParamSet& p = m.params();
  const auto named = [](const std::string& name) { return [=](const auto& x) { return x.name == name; }; };
  const auto buffer = std::find_if(p.buffers().begin(), p.buffers().end(), named("layers.1.running_var"));
  real* var = p.buffer(int(buffer - p.buffers().begin()));
  var[1] = 0;
  const Graph graph = graph_of(m);
  REQUIRE(graph.warnings.size() == 1);
  CHECK(graph.warnings[0].starts_with("layers.1 (batch_norm): channel 1 is constant (variance 0, "));
  for (std::size_t i = 1; i < graph.stages[0].weights.size(); i += 3) CHECK(graph.stages[0].weights[i] == 0);
  for (double damage : {-1., double(NAN)}) {
    var[1] = real(damage);
    CHECK(message_of([&] { graph_of(m); }).find("layers.1 (batch_norm): channel 1: its running variance is ") != std::string::npos);
  }
}

TEST_CASE("calibration refuses what it cannot use") {
  const auto refusal = [](const Model& m, int images = 2) {
    const std::vector<std::uint8_t> bytes = noise(m.input_shape(), images);
    return message_of([&] { calibrate(graph_of(m), batch(bytes, m.input_shape())); });
  };
  Model gelu = model_of(R"({"type": "conv2d", "out_channels": 2}, {"type": "gelu"}, {"type": "global_avg_pool"})");
  CHECK(refusal(gelu).find("layers.1 (gelu): no integer kernel") == 0);
  Model dead = model_of(R"({"type": "conv2d", "out_channels": 2}, {"type": "relu"}, {"type": "global_avg_pool"})");
  std::fill_n(dead.params().values(), dead.params().size(), real(0));
  CHECK(refusal(dead).find("layers.0 (conv2d): its output is 0 for all 2 calibration images, a range of zero width") == 0);
  Model broken = model_of(R"({"type": "conv2d", "out_channels": 2}, {"type": "global_avg_pool"})");
  broken.params().values()[0] = real(NAN);
  CHECK(refusal(broken).find("layers.0 (conv2d): its output is not finite") == 0);
  CHECK(refusal(broken, 0).find("calibration: images") == 0);
}
