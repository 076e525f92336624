// Fake quantisation against the rules of core/quantization.h, number by number.
#include "../../../core/ops/fake_quantize.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../../../core/ops/ops.h"

using namespace six;

namespace {

struct Row {
  real x, y, slope;
};

// Values and straight-through gradients of an activation.
void check_rows(const ops::FakeQuantize& op, const std::vector<Row>& rows) {
  std::vector<real> x, weights;
  for (const Row& r : rows) x.push_back(r.x), weights.push_back(real(weights.size()) + 2);
  Tape tape({.threads = 1, .training = false});
  const Shape shape{long(x.size())};
  const Var in = tape.input(x.data(), shape, true), y = tape.apply(op, in);
  tape.backward(sum(y * tape.input(weights.data(), shape)));
  const std::vector<real> got = y.values(), grad = in.grad();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(rows[i].x);
    CHECK(std::abs(got[i] - rows[i].y) <= 1e-6);
    CHECK(grad[i] == rows[i].slope * weights[i]);
  }
}

}  // namespace

TEST_CASE("fake quantisation: codes half up, gradient 1 on what they express, ends included") {
  real range[] = {0, 6};
  const Quantization q = activation_quantization(0, 6);
  const real s = real(q.scale), top = real(expressible(q).hi);
  check_rows({.rectified = true, .range = range}, {{0, 0, 1},
                                                   {real(0.49) * s, 0, 1},
                                                   {real(1.5) * s, 2 * s, 1},
                                                   {3, std::floor(3 / s + real(0.5)) * s, 1},
                                                   {top, 255 * s, 1},
                                                   {real(6.1), 255 * s, 0},
                                                   {real(-0.01), 0, 0},
                                                   {-1, 0, 0}});
  real signed_range[] = {-1, 3};  // scale 1/64 (as a float: 4/255), zero -64
  const real t = real(activation_quantization(-1, 3).scale);
  check_rows({.range = signed_range},
             {{real(-2.5) * t, -2 * t, 1}, {real(2.5) * t, 3 * t, 1}, {-64 * t, -64 * t, 1}, {-65 * t, -64 * t, 0}});
  real four[] = {0, 6};
  check_rows({.bits = 4, .rectified = true, .range = four}, {{real(0.55), real(0.4), 1}, {real(0.61), real(0.8), 1}});
}

TEST_CASE("fake quantisation: a NaN stays one, and passes no gradient") {
  real range[] = {0, 6}, x[] = {real(NAN)};
  Tape tape({.threads = 1, .training = false});
  const Var in = tape.input(x, {1}, true), y = tape.apply(ops::FakeQuantize{.range = range}, in);
  tape.backward(sum(y));
  CHECK(std::isnan(y.values()[0]));
  CHECK(in.grad()[0] == 0);
}

TEST_CASE("fake quantisation: ranges follow a training batch, the same for any number of threads, and only then") {
  std::vector<real> x(40000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = real(std::sin(double(i)));
  x[777] = 9, x[39999] = -5;
  for (int threads : {1, 2, 7}) {
    real range[] = {-1, 1};
    Tape tape({.threads = threads});
    tape.apply(ops::FakeQuantize{.momentum = 0.25, .range = range}, tape.input(x.data(), {400, 100}));
    CHECK(range[0] == -2);
    CHECK(range[1] == 3);
    Tape inference({.threads = threads, .training = false});
    inference.apply(ops::FakeQuantize{.momentum = 0.25, .range = range}, inference.input(x.data(), {400, 100}));
    CHECK(range[0] == -2);
    tape.reset();
    tape.apply(ops::FakeQuantize{.momentum = 0, .range = range}, tape.input(x.data(), {400, 100}));
    CHECK(range[1] == 3);
  }
}

TEST_CASE("fake quantisation reads through a clamp and a bias what it reads written out, and masks with both gates") {
  std::vector<real> x(40 * 37), weights(x.size());
  const std::vector<real> offsets = [] {
    std::vector<real> b;
    for (int i = 0; i < 37; ++i) b.push_back(real(0.25) * real(i % 5));
    return b;
  }();
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = real(5 * std::sin(double(i))), weights[i] = real(i % 7) - 3;
  for (const bool mean : {false, true})
    for (const double momentum : {0., 0.5}) {
      std::vector<real> values[2], grads[2], biases[2], ranges[2];
      for (const bool defer : {false, true}) {
        real range[] = {real(0.5), 2};  // inside the clamp
        Tape tape({.threads = 2, .defer = defer});
        const Var in = tape.input(x.data(), {40, 37}, true), b = tape.input(offsets.data(), {37}, true);
        const Var y = tape.apply(ops::FakeQuantize{.mean = mean, .momentum = momentum, .range = range}, clamp(bias(in, b), 0, 3));
        tape.backward(sum(y * tape.input(weights.data(), {40, 37})));
        values[defer] = y.values(), grads[defer] = in.grad(), biases[defer] = b.grad(), ranges[defer] = {range[0], range[1]};
      }
      CHECK(values[0] == values[1]);
      CHECK(grads[0] == grads[1]);
      CHECK(ranges[0] == ranges[1]);
      CHECK(std::count(grads[1].begin(), grads[1].end(), real(0)) > 300);
      for (std::size_t i = 0; i < offsets.size(); ++i) CHECK(std::abs(biases[0][i] - biases[1][i]) <= 1e-4);
    }
}

TEST_CASE("fake quantisation of weights and biases is the integer quantiser times the scale; gradients pass") {
  const std::vector<real> w = {real(0.5), -2, real(0.1), real(0.031), 0, 1, real(-0.5), 3}, b = {real(0.123), -1};
  for (bool shared : {false, true})
    for (int bits : {8, 4}) {
      Tape tape({.threads = 1});
      const ops::FakeQuantizeWeights op{bits, shared};
      const Var in = tape.input(w.data(), {4, 2}, true), bias = tape.input(b.data(), {2}, true);
      const Var y = tape.apply(op, in), z = tape.apply(ops::FakeQuantizeBias{op, 0.01f}, bias, in);
      tape.backward(sum(y) + sum(z));
      const float scale[] = {weight_scale(shared ? 3 : 0.5, bits), weight_scale(3, bits)};
      for (std::size_t i = 0; i < w.size(); ++i) {
        CHECK(y.values()[i] == real(weight_code(double(w[i]), scale[i % 2], bits) * double(scale[i % 2])));
        CHECK(in.grad()[i] == 1);
      }
      for (std::size_t k = 0; k < 2; ++k) {
        CHECK(z.values()[k] == real(bias_code(double(b[k]), bias_scale(0.01f, scale[k])) * bias_scale(0.01f, scale[k])));
        CHECK(bias.grad()[k] == 1);
      }
    }
}
