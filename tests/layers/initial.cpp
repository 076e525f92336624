// Where weights start: their distribution, and the same numbers in both builds.
#include <doctest/doctest.h>

#include <cmath>

#include "support.h"

using namespace six;
using namespace six::test;

namespace {

struct Moments {
  double mean = 0, deviation = 0, most = 0;
};

Moments moments(const Model& model, int param) {
  const long n = model.params().params()[std::size_t(param)].shape.size();
  const real* x = model.params().value(param);
  Moments m;
  for (long i = 0; i < n; ++i) m.mean += x[i] / double(n), m.most = std::max(m.most, std::abs(double(x[i])));
  for (long i = 0; i < n; ++i) m.deviation += (x[i] - m.mean) * (x[i] - m.mean) / double(n);
  m.deviation = std::sqrt(m.deviation);
  return m;
}

// A sample of n numbers of deviation d: mean within 5 d / sqrt(n), deviation within 5 %.
void check_normal(const Model& model, int param, double deviation) {
  const Moments m = moments(model, param);
  const double n = double(model.params().params()[std::size_t(param)].shape.size());
  CHECK(std::abs(m.mean) < 5 * deviation / std::sqrt(n));
  CHECK(m.deviation == doctest::Approx(deviation).epsilon(0.05));
  CHECK(m.most > 3 * deviation);  // a normal distribution has tails
}

void check_uniform(const Model& model, int param, double bound) {
  const Moments m = moments(model, param);
  const double n = double(model.params().params()[std::size_t(param)].shape.size()), deviation = bound / std::sqrt(3);
  CHECK(std::abs(m.mean) < 5 * deviation / std::sqrt(n));
  CHECK(m.deviation == doctest::Approx(deviation).epsilon(0.05));
  CHECK(m.most <= bound * (1 + 1e-6));
  CHECK(m.most > 0.98 * bound);
}

}  // namespace

TEST_CASE("init: distributions by fan in and fan out") {
  const Model model = model_of(R"(
    {"type": "conv2d", "out_channels": 40, "kernel": [3, 5]},
    {"type": "conv2d", "out_channels": 40, "kernel": 3, "init": "pytorch_uniform"},
    {"type": "conv2d", "out_channels": 50, "kernel": 3, "init": "glorot_uniform"},
    {"type": "depthwise_conv2d", "kernel": 9},
    {"type": "global_avg_pool"}, {"type": "linear", "out_features": 300},
    {"type": "linear", "out_features": 200, "init": "he_normal"}, {"type": "linear", "out_features": 100, "init": "glorot_uniform"})",
                               "[12, 12, 10]");
  check_normal(model, 0, std::sqrt(2.0 / (10 * 15)));
  CHECK(moments(model, 1).most == 0);
  check_uniform(model, 2, 1 / std::sqrt(40 * 9.0));
  CHECK(moments(model, 3).most > 0);
  CHECK(moments(model, 3).most <= 1 / std::sqrt(40 * 9.0));
  check_uniform(model, 4, std::sqrt(6.0 / (40 * 9 + 50 * 9)));
  CHECK(moments(model, 5).most == 0);
  check_normal(model, 6, std::sqrt(2.0 / 81));
  CHECK(moments(model, 7).most == 0);
  check_uniform(model, 8, 1 / std::sqrt(50.0));
  check_uniform(model, 9, 1 / std::sqrt(50.0));
  check_normal(model, 10, std::sqrt(2.0 / 300));
  CHECK(moments(model, 11).most == 0);
  check_uniform(model, 12, std::sqrt(6.0 / (200 + 100)));
}

TEST_CASE("init: batch norm starts as the identity on normalised numbers") {
  const Model model = model_of(R"({"type": "batch_norm"})");
  const ParamSet& p = model.params();
  for (int c = 0; c < 3; ++c) {
    CHECK(p.value(0)[c] == 1);
    CHECK(p.value(1)[c] == 0);
    CHECK(p.buffer(0)[c] == 0);
    CHECK(p.buffer(1)[c] == 1);
  }
  CHECK(p.buffer(2)[0] == 0);
}

TEST_CASE("init: number i of parameter p is a function of seed, p and i, drawn in double: float and double builds start equal") {
  const Model model = model_of(
      R"({"type": "conv2d", "out_channels": 4}, {"type": "flatten"}, {"type": "linear", "out_features": 5})", "[8, 8, 3]", 9);
  const Rng conv(9, Purpose::init, 0), weight(9, Purpose::init, 2), bias(9, Purpose::init, 3);
  for (std::size_t i = 0; i < 108; ++i) REQUIRE(model.params().value(0)[i] == real(std::sqrt(2.0 / 27) * conv.normal(i)));
  for (std::size_t i = 0; i < 1280; ++i) REQUIRE(model.params().value(2)[i] == real(weight.uniform(i, -1 / 16.0, 1 / 16.0)));
  for (std::size_t i = 0; i < 5; ++i) REQUIRE(model.params().value(3)[i] == real(bias.uniform(i, -1 / 16.0, 1 / 16.0)));
}

TEST_CASE("init: seeds differ, equal seeds do not") {
  const std::string conv = R"({"type": "conv2d", "out_channels": 4})";
  CHECK(copy_of(model_of(conv, "[8, 8, 3]", 1).params()) == copy_of(model_of(conv, "[8, 8, 3]", 1).params()));
  CHECK(copy_of(model_of(conv, "[8, 8, 3]", 1).params()) != copy_of(model_of(conv, "[8, 8, 3]", 2).params()));
}
