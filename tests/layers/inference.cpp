// The compiled plan against the tape.
#include "../../layers/inference.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../../core/kernels/dispatch.h"
#include "../../layers/layers.h"
#include "../../layers/model.h"

using namespace six;

namespace {

constexpr double kClose = sizeof(real) == 8 ? 1e-12 : 2e-5;

std::vector<std::uint8_t> images_for(const Shape& image, int n) {
  std::vector<std::uint8_t> bytes(std::size_t(image.size() * n));
  const Rng rng(3, Purpose::user);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::uint8_t(rng.below(i, 256));
  return bytes;
}

Shape batch_of(int n, const Shape& s) { return s.rank() == 3 ? Shape{n, s[0], s[1], s[2]} : Shape{n, s[0]}; }

// Moves running statistics and weights away from where they start, so that folding has something to fold.
void disturb(Model& model) {
  const std::vector<std::uint8_t> bytes = images_for(model.input_shape(), 16);
  Tape tape({.threads = 1});
  model(tape.input(Bytes{bytes.data(), batch_of(16, model.input_shape())}));
  const Rng rng(5, Purpose::user);
  for (long i = 0; i < model.params().size(); ++i) model.params().values()[i] += real(rng.uniform(std::uint64_t(i), -0.1, 0.1));
}

std::vector<real> on_tape(const Model& model, const std::vector<std::uint8_t>& bytes, int n) {
  Tape tape({.threads = 1, .training = false, .record = false});
  return model(tape.input(Bytes{bytes.data(), batch_of(n, model.input_shape())})).values();
}

void check_like_tape(Model& model) {
  disturb(model);
  constexpr int kImages = 5;
  const std::vector<std::uint8_t> bytes = images_for(model.input_shape(), kImages);
  const std::vector<real> expected = on_tape(model, bytes, kImages);
  const long classes = model.output_shape().size();
  double scale = 1;
  for (real v : expected) scale = std::max(scale, std::abs(double(v)));
  std::vector<real> first;
  for (int threads : {1, 2, 7}) {
    const Inference plan = model.compile_inference(threads);
    std::vector<real> out(expected.size());
    plan.logits(Bytes{bytes.data(), batch_of(kImages, model.input_shape())}, out);
    for (std::size_t i = 0; i < out.size(); ++i) CHECK(std::abs(double(out[i] - expected[i])) <= kClose * scale);
    if (first.empty()) first = out;
    CHECK(std::memcmp(first.data(), out.data(), out.size() * sizeof(real)) == 0);
    std::vector<real> one(static_cast<std::size_t>(classes));
    plan.logits(std::span(bytes).first(std::size_t(model.input_shape().size())), one);
    CHECK(std::memcmp(one.data(), first.data(), one.size() * sizeof(real)) == 0);
  }
}

class Squares : public LayerOf<Squares, NoConfig> {
 public:
  static constexpr const char *kType = "squares", *kSummary = "x * x";
  using LayerOf::LayerOf;
  Shape build(Builder&, const Shape& in) override { return in; }
  Var forward(Var x) const override { return x * x; }
};

// A value read raw by one op and through batch norm by another; and a constant, which is no image.
class TwoReaders : public LayerOf<TwoReaders, NoConfig> {
 public:
  static constexpr const char *kType = "two_readers", *kSummary = "batch_norm(y) + y";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override {
    gamma_ = b.param(
        "weight", {in[2]}, [](const Rng&, std::span<real> v) { std::fill(v.begin(), v.end(), real(2)); }, false);
    beta_ = b.param(
        "bias", {in[2]}, [](const Rng&, std::span<real> v) { std::fill(v.begin(), v.end(), real(1)); }, false);
    mean_ = b.buffer("running_mean", {in[2]}, real(0.5)), var_ = b.buffer("running_var", {in[2]}, 3);
    return in;
  }
  Var forward(Var x) const override {
    Tape& t = x.tape();
    return relu6(batch_norm(x, gamma_.on(t), beta_.on(t), mean_.values(), var_.values())) + global(x);
  }

 private:
  static Var global(Var x) { return scale(x, real(0.25)); }
  ParamRef gamma_, beta_;
  BufferRef mean_, var_;
};
class PlusConstant : public LayerOf<PlusConstant, NoConfig> {
 public:
  static constexpr const char *kType = "plus_constant", *kSummary = "x + 1";
  using LayerOf::LayerOf;
  Shape build(Builder&, const Shape& in) override { return in; }
  Var forward(Var x) const override { return x + x.tape().constant(x.shape(), 1); }
};

}  // namespace

TEST_CASE("what has no folded form runs on the tape, with the same result") {
  for (const AnyLayer& layer : {AnyLayer(TwoReaders{}), AnyLayer(PlusConstant{})}) {
    Model m({6, 6, 1}, Sequential{Conv2d{{.out_channels = 4}}, layer, GlobalAvgPool{}, Linear{{.out_features = 2}}});
    const std::vector<std::uint8_t> image = images_for(m.input_shape(), 1);
    const std::vector<real> expected = on_tape(m, image, 1), got = m.logits(image);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(double(got[i] - expected[i])) <= kClose * 10);
  }
}

TEST_CASE("compiled inference agrees with the tape") {
  SUBCASE("MobileNet blocks, strides, odd sizes, channels that fill no vector") {
    Model m({15, 13, 2},
            Sequential{Conv2d{{.out_channels = 5, .stride = 2, .bias = false}}, BatchNorm{}, ReLU6{},
                       Separable{{.out_channels = 19, .stride = 2}}, InvertedResidual{{.out_channels = 19, .expansion = 3}},
                       GlobalAvgPool{}, Linear{{.out_features = 3}}});
    check_like_tape(m);
  }
  SUBCASE("residual with a deferred value on both sides, activations of every kind") {
    Model m({8, 8, 3}, Sequential{Conv2d{{.out_channels = 16}}, ReLU{}, Residual{Separable{{.out_channels = 16}}}, HardSwish{},
                                  Conv2d{{.out_channels = 8}}, Gelu{}, Residual{Conv2d{{.out_channels = 8}}, BatchNorm{}}, Silu{},
                                  GlobalAvgPool{}, Linear{{.out_features = 4}}});
    check_like_tape(m);
  }
  SUBCASE("pools, flatten, dropout, a batch norm with nothing in front to fold into") {
    Model m({12, 12, 1}, Sequential{Conv2d{{.out_channels = 6, .kernel = {5}}}, Tanh{}, AvgPool2d{}, BatchNorm{},
                                    Conv2d{{.out_channels = 7, .kernel = {3}}}, MaxPool2d{}, Flatten{}, Dropout{},
                                    Linear{{.out_features = 20}}, Sigmoid{}, Linear{{.out_features = 4}}});
    check_like_tape(m);
  }
}

TEST_CASE("compiled inference does not follow later changes of the model") {
  Model m({8, 8, 1}, Sequential{Conv2d{{.out_channels = 4}}, ReLU6{}, GlobalAvgPool{}, Linear{{.out_features = 2}}});
  const std::vector<std::uint8_t> image = images_for(m.input_shape(), 1);
  const Inference plan = m.compile_inference(1);
  std::vector<real> before(2), after(2);
  plan.logits(image, before);
  std::fill_n(m.params().values(), m.params().size(), real(0));
  plan.logits(image, after);
  CHECK(before == after);
}

TEST_CASE("a model with an op that cannot be folded names its layer, and predicts on the tape") {
  Model m({8, 8, 1}, Sequential{Conv2d{{.out_channels = 4}}, Squares{}, GlobalAvgPool{}, Linear{{.out_features = 2}}});
  CHECK_THROWS_WITH_AS(m.compile_inference(), doctest::Contains("layers.1 (mul)"), Error);
  const std::vector<std::uint8_t> image = images_for(m.input_shape(), 1);
  CHECK(m.logits(image) == on_tape(m, image, 1));
}

TEST_CASE("weights that are too large once folded run on the tape, which multiplies in another order") {
  for (const double share : {0.5, 8.0}) {  // of the square root of the largest number: the product stays below that, or overflows
    Model m({8, 8, 1}, Sequential{Conv2d{{.out_channels = 4, .bias = false}}, BatchNorm{}, ReLU6{}, GlobalAvgPool{},
                                  Linear{{.out_features = 2}}});
    const real large = real(share * std::sqrt(double(std::numeric_limits<real>::max())));
    for (const int i : {0, 1})  // the convolution's weights, and gamma
      for (long j = 0; j < m.params().params()[std::size_t(i)].shape.size(); ++j) m.params().value(i)[j] = j % 2 ? -large : large;
    CHECK_THROWS_WITH_AS(m.compile_inference(), doctest::Contains("layers.0 (conv2d): a folded weight is "), Error);
    const std::vector<std::uint8_t> image = images_for(m.input_shape(), 1);
    const std::vector<real> logits = m.logits(image);
    CHECK(std::all_of(logits.begin(), logits.end(), [](real v) { return std::isfinite(v); }));
    CHECK(logits == on_tape(m, image, 1));
  }
}

TEST_CASE("compiled inference refuses images of another size") {
  Model m({8, 8, 1}, Sequential{Flatten{}, Linear{{.out_features = 2}}});
  const Inference plan = m.compile_inference(1);
  const std::vector<std::uint8_t> image(63);
  std::vector<real> out(2);
  CHECK_THROWS_WITH_AS(plan.logits(image, out), doctest::Contains("63"), Error);
}
