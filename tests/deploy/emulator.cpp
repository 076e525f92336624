// The integer network against naive loops of 64 bits, and against fake quantisation in double.
#include "../../deploy/emulator.h"

#include <doctest/doctest.h>

#include <cmath>
#include <type_traits>

#include "../../core/kernels/dispatch.h"
#include "../../core/rng.h"
#include "../../deploy/graph_values.h"
#include "../../deploy/int_inference.h"
#include "../data/support.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

// acc * m * 2^(e - 31) as an exact fraction, rounded once, halves up; or to 31 bits and then, halves away from zero.
long double exactly_rounded(long double acc, Multiplier m, Rounding rounding) {
  if (rounding == Rounding::single) return std::floor(std::ldexp(acc * m.m, m.e - 31) + 0.5L);
  const long double high = std::floor(std::ldexp(std::ldexp(acc, std::max(m.e, 0)) * m.m, -31) + 0.5L);
  return std::round(std::ldexp(high, std::min(m.e, 0)));
}
std::int8_t limited(long double code, int lo, int hi) { return std::int8_t(code < lo ? lo : code > hi ? hi : code); }

// A convolution by its definition, in 64 bits; depthwise if w has a single input channel a group.
std::vector<std::int8_t> naive(const IntWeights& w, bool depthwise, const std::vector<std::int8_t>& x, Rounding rounding) {
  const kernels::Conv& g = w.g;
  std::vector<std::int8_t> y;
  for (int oy = 0; oy < g.oh; ++oy)
    for (int ox = 0; ox < g.ow; ++ox)
      for (int k = 0; k < g.k; ++k) {
        std::int64_t acc = w.bias[std::size_t(k)];
        for (int i = 0; i < g.kh; ++i)
          for (int j = 0; j < g.kw; ++j)
            for (int c = 0; c < (depthwise ? 1 : g.c); ++c) {
              const int row = oy * g.stride - g.pad_top + i, column = ox * g.stride - g.pad_left + j;
              if (row < 0 || row >= g.h || column < 0 || column >= g.w) continue;
              const int channel = depthwise ? k : c;
              const std::size_t at =
                  depthwise ? std::size_t((i * g.kw + j) * g.c + k) : std::size_t(((k * g.kh + i) * g.kw + j) * g.c + c);
              acc += std::int64_t(w.weights[at]) * (x[std::size_t((row * g.w + column) * g.c + channel)] - w.zero_in);
            }
        y.push_back(limited(exactly_rounded((long double)(acc), w.multipliers[std::size_t(k)], rounding) + w.zero_out, w.lo, w.hi));
      }
  return y;
}

template <class Layer>
Layer drawn_layer(std::uint64_t seed, bool depthwise) {
  const Rng rng(seed, Purpose::user);
  std::uint64_t at = 0;
  const auto below = [&](int n) { return int(rng.below(at++, std::uint32_t(n))); };
  Layer w;
  kernels::Conv& g = w.g;
  g.images = 1, g.kh = 1 + below(3), g.kw = 1 + below(3), g.stride = 1 + below(2), g.pad_top = below(g.kh),
  g.pad_left = below(g.kw);
  g.h = g.kh + below(4), g.w = g.kw + below(4), g.c = 1 + below(5), g.k = depthwise ? g.c : 1 + below(5);
  g.oh = (g.h + g.pad_top + below(2) - g.kh) / g.stride + 1, g.ow = (g.w + g.pad_left + below(2) - g.kw) / g.stride + 1;
  w.zero_in = below(2) ? (below(2) ? -128 : 127) : below(256) - 128, w.zero_out = below(256) - 128;
  w.lo = -128 + below(40), w.hi = 127 - below(40);
  for (int i = 0; i < g.kh * g.kw * g.c * (depthwise ? 1 : g.k); ++i) w.weights.push_back(std::int8_t(below(255) - 127));
  for (int k = 0; k < g.k; ++k) {
    w.bias.push_back(below(20001) - 10000);
    const bool grows = below(8) == 0;
    w.multipliers.push_back(encode_multiplier(rng.uniform(at++, grows ? 1 : 1e-4, grows ? 9 : 2e-2)));
  }
  return w;
}

template <class Layer>
void check_layers(bool depthwise, Rounding rounding) {
  IntNetwork net;
  net.options.rounding = rounding;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    const Layer w = drawn_layer<Layer>(seed, depthwise);
    const kernels::Conv& g = w.g;
    const std::vector<std::uint8_t> bytes = noise({g.h, g.w, g.c}, 1, seed);
    const std::vector<std::int8_t> x(bytes.begin(), bytes.end());
    const std::vector<std::int8_t> expected = naive(w, depthwise, x, rounding);
    std::vector<std::int8_t> y(expected.size());
    const std::int8_t* in[] = {x.data()};
    run_stage({"", {0}, 1, w}, net, in, y.data(), nullptr);
    CHECK(y == expected);
  }
}

// Runs every stage of both networks on the codes of the emulator: errors cannot cascade.
struct Agreement {
  long codes = 0, different = 0, far = 0;
};
Agreement agreement(const Model& model, const QuantOptions& options) {
  const Graph graph = graph_of(model);
  const IntNetwork net = integer_network(model, options);
  const Graph fake = with_quantized_weights(graph, net);
  Emulator emulator(net);
  const std::vector<std::uint8_t> bytes = noise(graph.input, 4, 11);
  const CodeRange range = code_range(options.activations.bits);
  Agreement a;
  for (std::size_t i = 0; i < 4; ++i) {
    emulator.run(std::span(bytes).subspan(i * std::size_t(graph.input.size()), std::size_t(graph.input.size())));
    for (std::size_t s = 0; s < fake.stages.size(); ++s) {
      const Stage& stage = fake.stages[s];
      if (stage.weights.empty()) continue;
      std::vector<double> x, y(std::size_t(stage.out.size()));
      for (std::int8_t q : emulator.codes(stage.in[0])) x.push_back(net.values[std::size_t(stage.in[0])].q.real_of(q));
      const double* in[] = {x.data()};
      evaluate(fake, stage, in, y.data());
      const Quantization& q = net.values[s + 1].q;
      for (std::size_t n = 0; n < y.size(); ++n) {
        const double steps = y[n] / double(q.scale);
        const int code = activation_code(steps, q.zero, range), got = emulator.codes(int(s) + 1)[n];
        ++a.codes, a.different += code != got;
        a.far += std::abs(code - got) > 1 || (code != got && std::abs(steps + 0.5 - std::round(steps + 0.5)) > 1e-5);
      }
    }
  }
  return a;
}

}  // namespace

TEST_CASE("integer layers against naive 64-bit loops, random shapes and zero points") {
  for (Rounding rounding : {Rounding::single, Rounding::twofold}) {
    check_layers<IntConv>(false, rounding);
    check_layers<IntDepthwise>(true, rounding);
  }
}

TEST_CASE("the integer addition against exact fractions, random scales, zero points and bounds") {
  for (Rounding rounding : {Rounding::single, Rounding::twofold})
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      CAPTURE(seed);
      const Rng rng(seed, Purpose::user);
      std::uint64_t at = 0;
      const auto below = [&](int n) { return int(rng.below(at++, std::uint32_t(n))); };
      const auto scale = [&] { return float(std::exp2(rng.uniform(at++, -8, 0))); };
      const float s1 = scale(), s2 = scale(), out = scale();
      IntAdd add{below(256) - 128, below(256) - 128, below(256) - 128, -128 + below(40), 127 - below(40), {}};
      add.multipliers = add_multipliers(s1, s2, out, rounding);
      constexpr long kSize = 200;
      IntNetwork net;
      net.options.rounding = rounding;
      net.values.resize(3, {.shape = {kSize}, .q = {}});
      const std::vector<std::uint8_t> a = noise({kSize}, 1, seed), b = noise({kSize}, 1, seed + 1000);
      const std::vector<std::int8_t> x(a.begin(), a.end()), z(b.begin(), b.end());
      const std::int8_t* in[] = {x.data(), z.data()};
      std::vector<std::int8_t> y(kSize), expected;
      for (std::size_t i = 0; i < kSize; ++i) {
        const AddMultipliers& m = add.multipliers;
        const long double sum = exactly_rounded((x[i] - add.zero_a) * 1048576.L, m.a, rounding) +
                                exactly_rounded((z[i] - add.zero_b) * 1048576.L, m.b, rounding);
        expected.push_back(limited(exactly_rounded(sum, m.out, rounding) + add.zero_out, add.lo, add.hi));
      }
      run_stage({"", {0, 1}, 2, add}, net, in, y.data(), nullptr);
      CHECK(y == expected);
    }
}

TEST_CASE("one clamp behind another is one, where nothing else reads the first; no activation stands alone after a layer") {
  const std::vector<std::uint8_t> image = noise({4, 4, 1}, 1);
  const auto graph_with = [&](const AnyLayer& first, const AnyLayer& second) {
    const Model m({4, 4, 1}, Sequential{Conv2d{{.out_channels = 3}}, first, second, Flatten{}});
    const Graph graph = graph_of(m);
    CHECK(graph.stages.size() == 2);
    GraphValues values(graph);
    values.run(image);
    Tape tape({.threads = 1, .training = false, .record = false});
    const std::vector<real> expected = m(tape.input(batch(image, {4, 4, 1}))).values();
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(std::abs(values[graph.output][i] - double(expected[i])) < (sizeof(real) == 8 ? 1e-12 : 1e-5));
    return graph.stages[0];
  };
  const Stage relu6 = graph_with(ReLU{}, ReLU6{}), apart = graph_with(ClampOp{1, 3, {}}, ClampOp{-2, -1, {}});
  CHECK(relu6.lo == 0);
  CHECK(relu6.hi == 6);
  CHECK(apart.lo == -1);
  CHECK(apart.hi == -1);
  CHECK(graph_with(ReLU6{}, ReLU{}).hi == 6);
  CHECK(graph_with(ClampOp{-1, 2, {}}, ClampOp{0, 3, {}}).hi == 2);
  const Model shared({4, 4, 1}, Sequential{Conv2d{{.out_channels = 3}}, ReLU{}, Residual{ReLU6{}}});
  CHECK(graph_of(shared).stages.size() == 3);
}

TEST_CASE("layer by layer the emulator computes what fake quantisation rounds to") {
  for (const Net& net : integer_nets())
    for (int bits : {8, 6, 4}) {
      CAPTURE(net.name);
      CAPTURE(bits);
      QuantOptions o;
      o.weights.bits = o.activations.bits = bits;
      const Agreement a = agreement(net.model, o);
      CHECK(a.codes > 80);
      CHECK(double(a.different) <= 1e-4 * double(a.codes));
      CHECK(a.far == 0);
    }
}

TEST_CASE("the integer network is near the float one") {
  for (const Net& net : integer_nets()) {
    CAPTURE(net.name);
    const Graph graph = graph_of(net.model);
    for (Rounding rounding : {Rounding::single, Rounding::twofold}) {
      QuantOptions o;
      o.rounding = rounding;
      const IntNetwork integer = integer_network(net.model, o);
      Emulator emulator(integer);
      GraphValues values(graph);
      const std::vector<std::uint8_t> bytes = noise(graph.input, 8);
      double signal = 0, noise_power = 0;
      for (std::size_t i = 0; i < 8; ++i) {
        const auto image = std::span(bytes).subspan(i * std::size_t(graph.input.size()), std::size_t(graph.input.size()));
        values.run(image);
        const std::span<const std::int32_t> logits = emulator.run(image);
        for (std::size_t c = 0; c < logits.size(); ++c) {
          const double x = values[graph.output][c], d = integer.values[std::size_t(integer.output)].q.real_of(logits[c]) - x;
          signal += x * x, noise_power += d * d;
        }
      }
      CHECK(signal > 300 * noise_power);  // 25 dB
    }
  }
}

TEST_CASE("logits of 32 bits are the sums themselves") {
  const std::vector<Net> nets = integer_nets();
  const IntNetwork codes = integer_network(nets[0].model), sums = integer_network(nets[0].model, {}, true);
  CHECK(sums.stages.back().constant_bytes() < codes.stages.back().constant_bytes());
  Emulator a(codes), b(sums);
  const std::vector<std::uint8_t> bytes = noise(nets[0].model.input_shape(), 1, 9);
  const auto small = a.run(bytes), large = b.run(bytes);
  const IntWeights& w = *sums.stages.back().weighted();
  const Quantization& q = codes.values[std::size_t(codes.output)].q;
  for (std::size_t c = 0; c < small.size(); ++c)  // within two steps of the codes, whose weights have scales of their own
    CHECK(std::abs(double(requantize(large[c], w.multipliers[c])) - (small[c] - q.zero)) <= 2);
}

TEST_CASE("layers without an integer kernel are named") {
  Model padded({4, 4, 1},
               Sequential{Conv2d{{.out_channels = 2}}, AvgPool2d{{.kernel = 2, .stride = 1, .padding = 1}}, GlobalAvgPool{}});
  CHECK(message_of([&] { integer_network(padded); }) == "layers.1 (avg_pool2d): a mean over a padded window has no integer kernel");
  Model pool({4, 4, 1}, Sequential{Conv2d{{.out_channels = 2}}, GlobalAvgPool{}});
  CHECK(message_of([&] { integer_network(pool, {}, true); }).find("logits of 32 bits need") != std::string::npos);
}

TEST_CASE("argmax takes the first of equal logits") {
  const std::int32_t logits[] = {-3, 7, 7, 1};
  CHECK(argmax(logits) == 1);
}

TEST_CASE("every instruction set and any number of threads give the bits of the emulator, value for value of the logits") {
  for (const Net& net : integer_nets())
    for (bool accumulators : {false, true})
      for (int bits : {8, 5}) {
        CAPTURE(net.name);
        QuantOptions o;
        o.weights.bits = o.activations.bits = bits;
        const IntNetwork integer = integer_network(net.model, o, accumulators);
        constexpr int kImages = 9;
        const std::vector<std::uint8_t> bytes = noise(integer.shape(0), kImages, 31);
        const std::size_t size = bytes.size() / kImages, classes = std::size_t(integer.classes());
        Emulator emulator(integer);
        std::vector<std::int32_t> expected, got(kImages * classes), one(classes);
        for (std::size_t i = 0; i < kImages; ++i) {
          const auto logits = emulator.run(std::span(bytes).subspan(i * size, size));
          expected.insert(expected.end(), logits.begin(), logits.end());
        }
        for (const kernels::Int8Table* table : kernels::int8_tables())
          for (int threads : {1, 2, 7}) {
            CAPTURE(table->name);
            const IntInference fast(integer, threads, table);
            std::fill(got.begin(), got.end(), -1);
            fast.logits(batch(bytes, integer.shape(0)), got);
            CHECK(got == expected);
            fast.logits(std::span(bytes).first(size), one);
            CHECK(std::equal(one.begin(), one.end(), expected.begin()));
          }
      }
}

TEST_CASE("integer kernels on layers of many shapes") {
  for (int channels : {1, 3, 8, 15, 16, 17, 33, 48})
    for (int side : {1, 5, 14, 30}) {
      CAPTURE(channels);
      CAPTURE(side);
      Model m({side, side, 1},
              Sequential{Conv2d{{.out_channels = channels}}, ReLU6{}, DepthwiseConv2d{{.stride = 1 + side % 2}},
                         Conv2d{{.out_channels = channels + 2, .kernel = {1}}}, ReLU6{}, DepthwiseConv2d{{.stride = 2}},
                         Conv2d{{.out_channels = 5, .kernel = {1}, .stride = 2}}, Flatten{}, Linear{{.out_features = 10}}});
      disturb(m);
      const IntNetwork net = integer_network(m);
      Emulator emulator(net);
      const std::vector<std::uint8_t> image = noise(net.shape(0), 1, 5);
      const auto expected = emulator.run(image);
      std::vector<std::int32_t> got(10);
      for (const kernels::Int8Table* table : kernels::int8_tables()) {
        CAPTURE(table->name);
        IntInference(net, 1, table).logits(image, got);
        CHECK(std::equal(got.begin(), got.end(), expected.begin()));
      }
    }
}

TEST_CASE("integer inference refuses images of another size, and networks that round twice") {
  const std::vector<Net> nets = integer_nets();
  const IntInference fast(integer_network(nets[4].model), 1);
  std::vector<std::int32_t> out(10);
  const std::vector<std::uint8_t> image(63);
  CHECK(message_of([&] { fast.logits(image, out); }).find("an image of 63 bytes") != std::string::npos);
  QuantOptions o;
  o.rounding = Rounding::twofold;
  CHECK(message_of([&] { IntInference(integer_network(nets[4].model, o), 1); }).find("round once") != std::string::npos);
}

// A copy would read the weights of the first.
TEST_CASE("what is compiled for speed stays where it is, or takes all it needs with it") {
  CHECK_FALSE(std::is_copy_constructible_v<IntInference>);
  CHECK_FALSE(std::is_move_constructible_v<IntInference>);
  CHECK_FALSE(std::is_copy_constructible_v<Inference>);
}
