// The mean over an image and the linear layer behind it as one layer, against the formula.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "../../core/kernels/dispatch.h"
#include "../../deploy/emulator.h"
#include "../../deploy/graph_values.h"
#include "../../deploy/int_inference.h"
#include "../data/support.h"
#include "compiled.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

Model net_with(std::initializer_list<AnyLayer> end) {
  Model m({11, 9, 1}, Sequential{Conv2d{{.out_channels = 6, .stride = 2}}, ReLU6{}, Sequential{end}}, {.seed = 2});
  disturb(m);
  return m;
}

}  // namespace

TEST_CASE("a folded mean is the sum of the codes times the weights, rounded once") {
  const Model model = net_with({GlobalAvgPool{}, Flatten{}, Linear{{.out_features = 5}}});
  const IntNetwork net = integer_network(model, {}, false, true), apart = integer_network(model);
  REQUIRE(net.stages.size() == 2);
  CHECK(apart.stages.size() == 3);
  const IntConv& w = std::get<IntConv>(net.stages[1].op);
  const IntWeights& linear = *apart.stages[2].weighted();
  CHECK(w.weights == linear.weights);
  CHECK(net.stages[1].constant_bytes() == apart.stages[2].constant_bytes());
  CHECK(net.stages[1].macs() == 5 * 6);
  const int pixels = 6 * 5;
  const Quantization &x = net.values[1].q, &y = net.values[std::size_t(net.output)].q;
  Emulator emulator(net);
  const std::vector<std::uint8_t> image = noise(net.shape(0), 1, 8);
  const auto logits = emulator.run(image);
  const auto codes = emulator.codes(net.stages[0].out);
  const Graph graph = graph_of(model);
  const Stage& stage = graph.stages.back();
  const Graph rounded = with_quantized_weights(graph, net);
  for (std::size_t k = 0; k < 5; ++k) {
    double most = 0;
    for (std::size_t c = 0; c < 6; ++c) most = std::max(most, std::abs(double(float(stage.weights[c * 5 + k]))));
    const double scale = double(weight_scale(most)), step = double(x.scale) * scale / pixels;
    const double bias = std::round(double(float(stage.bias[k])) / step);
    CHECK(w.bias[k] == std::int32_t(bias));
    CHECK(rounded.stages.back().bias[k] == doctest::Approx(bias * step).epsilon(1e-12));
    CHECK(w.multipliers[k] == encode_multiplier(step / double(y.scale)));
    std::int64_t acc = std::int64_t(bias), reach = 0;
    for (std::size_t c = 0; c < 6; ++c) {
      std::int64_t sum = 0;
      for (std::size_t p = 0; p < std::size_t(pixels); ++p) sum += codes[p * 6 + c];
      acc += w.weights[k * 6 + c] * (sum - pixels * x.zero);
      reach += std::abs(w.weights[k * 6 + c]) * pixels * 255;
    }
    CHECK(logits[k] == std::clamp<std::int64_t>(requantize(std::int32_t(acc), w.multipliers[k]) + y.zero, -128, 127));
    CHECK(w.bound[k] == std::abs(bias) + double(reach));
  }
}

TEST_CASE("a folded mean on every instruction set and compiled, with the logits as sums and with narrow weights") {
  for (bool accumulators : {false, true})
    for (int bits : {8, 4}) {
      QuantOptions o;
      o.weights.bits = bits;
      IntNetwork net = integer_network(net_with({GlobalAvgPool{}, Linear{{.out_features = 7}}}), o, accumulators, true);
      if (bits == 4) pack_weights(net);
      const std::vector<std::uint8_t> images = noise(net.shape(0), 6, 4);
      const std::size_t size = std::size_t(net.shape(0).size());
      CompiledNet c(net, {.name = "net"});
      const Ran said = c.compile("gcc -O1 -fsanitize=undefined -fno-sanitize-recover=all");
      REQUIRE_MESSAGE(said.code == 0, said.output, c.files().source);
      const CompiledNet::Output out = c.run(images);
      CHECK(out.selftest == 0);
      for (std::size_t i = 0; i < 6; ++i) {
        const auto image = std::span(images).subspan(i * size, size);
        Emulator emulator(net);
        const auto expected = emulator.run(image);
        CHECK(std::vector<std::int32_t>(out.rows[i].begin() + 1, out.rows[i].end()) ==
              std::vector<std::int32_t>(expected.begin(), expected.end()));
        for (const kernels::Int8Table* table : kernels::int8_tables()) {
          CAPTURE(table->name);
          std::vector<std::int32_t> got(7);
          IntInference(net, 1, table).logits(image, got);
          CHECK(std::equal(got.begin(), got.end(), expected.begin()));
        }
      }
    }
}

TEST_CASE("a mean is folded only into a linear layer that alone reads it, and only with sums that are rounded once") {
  const auto stages = [](const Model& m) { return integer_network(m, {}, false, true).stages.size(); };
  CHECK(stages(net_with({GlobalAvgPool{}, Linear{{.out_features = 4}}})) == 2);
  CHECK(stages(net_with({GlobalAvgPool{}, ClampOp{0.5, 2, {}}, Linear{{.out_features = 4}}})) == 3);
  CHECK(stages(net_with({GlobalAvgPool{}, Residual{Linear{{.out_features = 6}}}})) == 4);
  CHECK(stages(net_with({GlobalAvgPool{}})) == 2);
  CHECK(stages(net_with({GlobalAvgPool{}, Linear{{.out_features = 4}}, ReLU6{}, Linear{{.out_features = 4}}})) == 4);
  CHECK(stages(net_with({Flatten{}, Linear{{.out_features = 4}}})) == 2);
  QuantOptions o;
  o.rounding = Rounding::twofold;
  CHECK(message_of([&] {
          integer_network(net_with({GlobalAvgPool{}, Linear{{.out_features = 4}}}), o, false, true);
        }) == "quantize: a mean folded into the linear layer behind it needs sums that are rounded once");
}

TEST_CASE("a folded mean loses less than one that is rounded") {
  const Model model = net_with({GlobalAvgPool{}, Linear{{.out_features = 8}}});
  const Graph graph = graph_of(model);
  const auto noise_power = [&](bool fold) {
    const IntNetwork net = integer_network(model, {}, false, fold);
    Emulator emulator(net);
    GraphValues exact(graph);
    const std::vector<std::uint8_t> bytes = noise(graph.input, 64, 12);
    double power = 0;
    for (std::size_t i = 0; i < 64; ++i) {
      const auto image = std::span(bytes).subspan(i * std::size_t(graph.input.size()), std::size_t(graph.input.size()));
      exact.run(image);
      const auto logits = emulator.run(image);
      for (std::size_t k = 0; k < 8; ++k)
        power += std::pow(net.values[std::size_t(net.output)].q.real_of(logits[k]) - exact[graph.output][k], 2);
    }
    return power;
  };
  CHECK(noise_power(true) < noise_power(false));
}
