// Composite layers against the same ops written out, the summary, frozen layers, models side by side.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "support.h"

using namespace six;
using namespace six::test;

namespace {

Var param(Tape& t, Model& m, const std::string& name) {
  const std::vector<Param>& all = m.params().params();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Param& p) { return p.name == name; });
  REQUIRE_MESSAGE(found != all.end(), name);
  return t.param(m.params(), int(found - all.begin()));
}

// Batch norm named `name` of the model, with batch statistics.
Var bn(Var x, Model& m, const std::string& name) {
  return batch_norm(x, param(x.tape(), m, name + ".weight"), param(x.tape(), m, name + ".bias"));
}

void randomize(Model& model) {
  const std::vector<real> r = draw(model.params().size(), 3);
  for (std::size_t i = 0; i < r.size(); ++i) model.params().values()[i] += real(0.3) * r[i];
}

void check_equal(const std::vector<real>& a, const std::vector<real>& b) {
  REQUIRE(a.size() == b.size());
  CHECK(a == b);
}

}  // namespace

TEST_CASE("blocks: separable is depthwise, norm, activation, pointwise, norm, activation") {
  Model m = model_of(R"({"type": "separable", "out_channels": 5, "stride": 2, "activation": {"type": "relu_n", "n": 1}})");
  randomize(m);
  const std::vector<real> x = draw(4 * 192);
  Tape t({.threads = 1});
  const std::string p = "layers.0.";
  Var y =
      relu_n(bn(depthwise_conv2d(t.input(x.data(), {4, 8, 8, 3}), param(t, m, p + "depthwise.weight"), {.stride = 2, .padding = 1}),
                m, p + "bn1"),
             1);
  y = relu_n(bn(conv2d(y, param(t, m, p + "pointwise.weight")), m, p + "bn2"), 1);
  CHECK(y.shape() == Shape{4, 4, 4, 5});
  CHECK(m.output_shape() == Shape{4, 4, 5});
  check_equal(outputs(m, 4, true), y.values());
}

TEST_CASE("blocks: init is the start of each of the convolutions") {
  for (const char* block : {R"({"type": "separable", "out_channels": 40)", R"({"type": "inverted_residual", "out_channels": 40)"}) {
    Model uniform = model_of(block + std::string(R"(, "init": "pytorch_uniform"})")), normal = model_of(block + std::string("}"));
    for (std::size_t i = 0; i < uniform.params().params().size(); ++i) {
      const Param& p = uniform.params().params()[i];
      if (p.shape.rank() < 2) continue;  // batch norm
      const double fan_in = double(p.shape.size() / (p.name.ends_with("depthwise.weight") ? 1 : p.shape[-1])) /
                            (p.name.ends_with("depthwise.weight") ? double(p.shape[-1]) : 1);
      const auto largest = [&](Model& m) {
        double most = 0;
        for (long j = 0; j < p.shape.size(); ++j) most = std::max(most, std::abs(double(m.params().value(int(i))[j])));
        return most * std::sqrt(fan_in);
      };
      CAPTURE(p.name);
      CHECK(largest(uniform) <= 1);
      CHECK(largest(uniform) > 0.8);
      CHECK(largest(normal) > 1.5);
    }
  }
}

TEST_CASE("blocks: inverted residual is expansion, depthwise, linear bottleneck, and adds x only if stride and channels allow") {
  struct Case {
    const char* settings;
    int stride, expansion;
    bool skips;
  };
  for (const Case& c :
       {Case{R"("out_channels": 3, "expansion": 2)", 1, 2, true}, Case{R"("out_channels": 4, "expansion": 2)", 1, 2, false},
        Case{R"("out_channels": 3, "expansion": 2, "stride": 2)", 2, 2, false},
        Case{R"("out_channels": 3, "expansion": 1)", 1, 1, true}}) {
    CAPTURE(c.settings);
    Model m = model_of(R"({"type": "inverted_residual", )" + std::string(c.settings) + "}");
    randomize(m);
    const std::vector<real> data = draw(4 * 192);
    Tape t({.threads = 1});
    const std::string p = "layers.0.";
    const Var x = t.input(data.data(), {4, 8, 8, 3});
    Var y = x;
    if (c.expansion > 1) y = relu6(bn(conv2d(y, param(t, m, p + "expand.weight")), m, p + "bn1"));
    y = relu6(bn(depthwise_conv2d(y, param(t, m, p + "depthwise.weight"), {.stride = c.stride, .padding = 1}), m, p + "bn2"));
    y = bn(conv2d(y, param(t, m, p + "project.weight")), m, p + "bn3");
    if (c.skips) y = x + y;
    check_equal(outputs(m, 4, true), y.values());
  }
}

TEST_CASE("blocks: residual adds its input") {
  Model m = model_of(
      R"({"type": "residual", "layers": [{"type": "conv2d", "out_channels": 3, "kernel": 1, "bias": false}, {"type": "tanh"}]})");
  const std::vector<real> data = draw(4 * 192);
  Tape t({.threads = 1});
  const Var x = t.input(data.data(), {4, 8, 8, 3});
  check_equal(outputs(m), (x + tanh(conv2d(x, param(t, m, "layers.0.layers.0.weight")))).values());
}

TEST_CASE("blocks: eps and momentum of a batch norm reach it") {
  Model m = model_of(R"({"type": "batch_norm", "eps": 0.5, "momentum": 0.25})", "[1]");
  const real x[] = {1, 5};  // mean 3, variance 4, unbiased 8
  Tape t({.threads = 1});
  const std::vector<real> y = m(t.input(x, {2, 1})).values();
  CHECK(y[1] == doctest::Approx(2 / std::sqrt(4.5)));
  CHECK(m.params().buffer(0)[0] == doctest::Approx(0.25 * 3));
  CHECK(m.params().buffer(1)[0] == doctest::Approx(0.75 + 0.25 * 8));
}

TEST_CASE("blocks: the settings of an activation reach it") {
  const auto slope_at_zero = [](const char* at_kink) {
    Model m = model_of(R"({"type": "relu6", "at_kink": )" + std::string(at_kink) + "}", "[1]");
    const real zero = 0;
    Tape t({.threads = 1});
    const Var x = t.input(&zero, {1, 1}, true);
    t.backward(sum(m(x)));
    return x.grad()[0];
  };
  CHECK(slope_at_zero("0") == 0);
  CHECK(slope_at_zero("1") == 1);
  CHECK(slope_at_zero("[0.5, 0]") == real(0.5));
}

TEST_CASE("blocks: padding \"same\" is TensorFlow's, the default symmetric") {
  const auto padding = [](const std::string& settings, const std::string& input) {
    const Model m = model_of(R"({"type": "conv2d", "out_channels": 1, )" + settings + "}", input);
    return dynamic_cast<const Conv2d&>(*m.layers()[0]).options().padding;
  };
  CHECK(padding(R"("padding": "same", "stride": 2)", "[8, 7, 1]") == Padding(0, 1, 1, 1));
  CHECK(padding(R"("padding": "same", "kernel": [2, 5])", "[8, 8, 1]") == Padding(0, 2, 1, 2));
  CHECK(padding(R"("padding": "same", "kernel": 1, "stride": 3)", "[8, 8, 1]") == Padding(0));
  CHECK(padding(R"("kernel": [3, 5])", "[8, 8, 1]") == Padding(1, 2, 1, 2));
  CHECK(padding(R"("padding": [1, 2, 3, 4])", "[8, 8, 1]") == Padding(1, 2, 3, 4));
  CHECK(model_of(R"({"type": "conv2d", "out_channels": 1, "padding": "same", "stride": 2})", "[9, 8, 1]").output_shape() ==
        Shape{5, 4, 1});
}

TEST_CASE("blocks: every op of PointwiseOps is a layer of its own name") {
  int count = 0;
  PointwiseOps::for_each([&](auto tag) {
    using Op = typename decltype(tag)::type;
    const Model m = model_of(R"({"type": ")" + std::string(Op::name) + "\"}", "[5]");
    const std::vector<real> x = draw(20);
    Tape t({.threads = 1});
    check_equal(outputs(m), pointwise(t.input(x.data(), {4, 5}), Op{}).values());
    ++count;
  });
  CHECK(count == PointwiseOps::count);
}

TEST_CASE("blocks: a model in C++ is the model in JSON") {
  const Model json =
      model_of(R"({"type": "conv2d", "out_channels": 4, "bias": false, "name": "stem"}, {"type": "batch_norm"}, {"type": "relu6"},
    {"type": "separable", "out_channels": 6, "stride": 2}, {"type": "residual", "layers": [{"type": "separable", "out_channels": 6}]},
    {"type": "global_avg_pool"}, {"type": "dropout", "p": 0.25}, {"type": "linear", "out_features": 10, "trainable": false})");
  const Model cpp({8, 8, 3},
                  Sequential{Conv2d{{.out_channels = 4, .bias = false}}.named("stem"), BatchNorm{}, ReLU6{},
                             Separable{{.out_channels = 6, .stride = 2}}, Residual{Separable{{.out_channels = 6}}}, GlobalAvgPool{},
                             Dropout{{.p = 0.25}}, Linear{{.out_features = 10}}.frozen()},
                  {.seed = 1});
  CHECK(cpp.to_json() == json.to_json());
  CHECK(copy_of(cpp.params()) == copy_of(json.params()));
  CHECK(outputs(cpp) == outputs(json));
  CHECK(cpp.params().params()[0].name == "layers.stem.weight");
}

TEST_CASE("blocks: layers are values, a copy is not part of the model") {
  Sequential layers{Conv2d{{.out_channels = 2}}, ReLU{}};
  Model a({8, 8, 3}, layers, {.seed = 1}), b({6, 6, 1}, layers, {.seed = 2});
  CHECK(a.params().params()[0].shape == Shape{3, 3, 3, 2});
  CHECK(b.params().params()[0].shape == Shape{3, 3, 1, 2});
  const std::vector<real> before = outputs(a);
  step(b);
  CHECK(outputs(a) == before);
}

TEST_CASE("blocks: frozen layers stay, and freezing a block freezes its parts") {
  Model m = model_of(
      R"({"type": "conv2d", "out_channels": 3, "trainable": false}, {"type": "separable", "out_channels": 3, "trainable": false},
    {"type": "residual", "layers": [{"type": "conv2d", "out_channels": 3, "trainable": false}, {"type": "conv2d", "out_channels": 3}]},
    {"type": "global_avg_pool"}, {"type": "linear", "out_features": 2})");
  const std::vector<real> before(m.params().values(), m.params().values() + m.params().size());
  step(m);
  int frozen = 0, moved = 0;
  for (const Param& p : m.params().params()) {
    const bool same =
        std::equal(before.begin() + p.offset, before.begin() + p.offset + p.shape.size(), m.params().values() + p.offset);
    const bool expected =
        p.name.starts_with("layers.0.") || p.name.starts_with("layers.1.") || p.name.starts_with("layers.2.layers.0.");
    CAPTURE(p.name);
    CHECK(same == expected);
    CHECK(p.trainable == !expected);
    ++(same ? frozen : moved);
  }
  CHECK(frozen == 2 + 6 + 2);
  CHECK(moved == 2 + 2);
}

TEST_CASE("blocks: two models are independent, and one goes on after it was moved") {
  const std::string layers = R"({"type": "conv2d", "out_channels": 3}, {"type": "batch_norm"}, {"type": "relu6"})";
  Model a = model_of(layers), b = model_of(layers);
  const std::vector<real> of_b = copy_of(b.params());
  step(a);
  CHECK(copy_of(a.params()) != of_b);
  CHECK(copy_of(b.params()) == of_b);
  const std::vector<real> y = outputs(a);
  Model moved = std::move(a);
  CHECK(outputs(moved) == y);
  step(moved), step(b), step(b);
  CHECK(copy_of(moved.params()) == copy_of(b.params()));
}

TEST_CASE("blocks: predict is softmax of logits, for one image and for many") {
  const Model m =
      model_of(R"({"type": "conv2d", "out_channels": 4}, {"type": "batch_norm"}, {"type": "relu6"}, {"type": "global_avg_pool"},
                              {"type": "linear", "out_features": 3})");
  const long n = 300;
  std::vector<std::uint8_t> images(std::size_t(n * 192));
  const Rng rng(1, Purpose::user);
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = std::uint8_t(rng.below(i, 256));
  const std::vector<real> all = m.predict(Bytes{images.data(), {n, 8, 8, 3}}, 2);
  REQUIRE(all.size() == std::size_t(3 * n));
  for (std::size_t i : {0u, 255u, 256u, 299u}) {
    const std::span<const std::uint8_t> image = std::span(images).subspan(i * 192, 192);
    const std::vector<real> logits = m.logits(image), p = m.predict(image);
    double sum = 0;
    for (real v : logits) sum += std::exp(double(v));
    for (std::size_t k = 0; k < 3; ++k) {
      CHECK(p[k] == doctest::Approx(std::exp(double(logits[k])) / sum).epsilon(1e-5));
      CHECK(all[i * 3 + k] == doctest::Approx(p[k]).epsilon(1e-4));
    }
  }
  CHECK(m.predict(Bytes{images.data(), {0, 8, 8, 3}}).empty());
}

TEST_CASE("blocks: softmax of large logits") {
  const std::vector<real> p = softmax(std::vector<real>{1000, 0, -1000, 5, 5, 5}, 3);
  CHECK(p[0] == 1);
  CHECK(p[1] == 0);
  CHECK(p[3] == doctest::Approx(1.0 / 3));
  CHECK(message_of([] { softmax(std::vector<real>(4), 3); }) == "softmax: 4 logits of 3 classes");
}

TEST_CASE("blocks: the summary") {
  const Model m = model_of(
      R"({"type": "conv2d", "out_channels": 16, "stride": 2, "name": "stem"}, {"type": "residual", "layers": [{"type": "separable",
    "out_channels": 16}]}, {"type": "global_avg_pool"}, {"type": "linear", "out_features": 1000})");
  CHECK(m.summary() ==
        "layer                 type              output  parameters    MACs\n"
        "input                                    8x8x3\n"
        "stem                  conv2d            4x4x16         448   6,912\n"
        "1                     residual          4x4x16\n"
        "1.layers.0            separable         4x4x16\n"
        "1.layers.0.depthwise  depthwise_conv2d  4x4x16         144   2,304\n"
        "1.layers.0.bn1        batch_norm        4x4x16          32\n"
        "1.layers.0.act1       relu6             4x4x16\n"
        "1.layers.0.pointwise  conv2d            4x4x16         256   4,096\n"
        "1.layers.0.bn2        batch_norm        4x4x16          32\n"
        "1.layers.0.act2       relu6             4x4x16\n"
        "2                     global_avg_pool       16\n"
        "3                     linear              1000      17,000  16,000\n"
        "total                                               17,912  29,312\n");
}
