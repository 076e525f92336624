// Batch norm: both kinds of statistics, their accuracy, the running ones.
#include <doctest/doctest.h>

#include <cmath>
#include <memory>

#include "../../harness.h"

using namespace six;
using namespace six::test;

namespace {

Case trained(Shape s) {
  const long c = s.channels();
  return {"batch_norm",
          {drawn(s, 1), drawn({c}, 2, 0.5, 2), drawn({c}, 3)},
          [](const std::vector<Var>& x) { return batch_norm(x[0], x[1], x[2]); },
          [](const std::vector<Array>& x) { return naive::batch_norm(x[0], x[1], x[2]); }};
}
Case inference(Shape s) {
  const long c = s.channels();
  const Array mean = drawn({c}, 4), var = drawn({c}, 5, 0.25, 4);
  const auto kept = std::make_shared<std::pair<std::vector<real>, std::vector<real>>>();
  kept->first.assign(mean.v.begin(), mean.v.end()), kept->second.assign(var.v.begin(), var.v.end());
  Case k{"batch_norm with running statistics",
         {drawn(s, 6), drawn({c}, 7), drawn({c}, 8)},
         [kept](const std::vector<Var>& x) { return batch_norm(x[0], x[1], x[2], kept->first.data(), kept->second.data()); },
         [=](const std::vector<Array>& x) { return naive::batch_norm(x[0], x[1], x[2], mean.v, var.v); }};
  k.training = false;
  return k;
}

}  // namespace

TEST_CASE("batch_norm: batch statistics and running ones, every channel count") {
  for (long c : {1, 3, 7, 8, 9, 15, 16, 17, 31, 33}) {
    check(trained({5, c}));
    check(inference({5, c}));
  }
  for (const Shape& s : {Shape{1, 3, 2, 4}, Shape{2, 1, 1, 3}, Shape{19, 2, 1, 3}, Shape{3, 4, 5}, Shape{1, 8, 8, 2}})
    check(trained(s));
  for (const Shape& s : {Shape{3}, Shape{1, 1, 1, 1}, Shape{2, 3, 2, 4}, Shape{18, 3}}) check(inference(s));
}

TEST_CASE("batch_norm of deferred values, on several threads, of statistics that the op before kept") {
  for (const Case& c : all_dressed(trained({4, 2, 3, 5}))) check(c);
  Case in = dressed(inference({7, 5}), Dress::bias_relu6, false);
  in.training = false;
  check(in);
  for (Case c : {trained({67, 3, 7, 13}), inference({67, 3, 7, 13})}) {
    c.large = true;
    check(c);
  }
}

TEST_CASE("batch_norm of a constant channel gives beta, and gradients that are finite") {
  std::vector<real> x(40);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % 2 ? real(0.1) : real(double(i));
  const std::vector<real> gamma = {2, 3}, beta = {-1, real(0.5)};
  Tape tape;
  const Var in = tape.input(x.data(), {20, 2}, true), g = tape.input(gamma.data(), {2}, true);
  const Var y = batch_norm(in, g, tape.input(beta.data(), {2}));
  const std::vector<real> values = y.values();
  for (std::size_t i = 1; i < values.size(); i += 2) CHECK(std::fabs(values[i] - real(0.5)) <= 1e-4);
  tape.backward(sum(mul(y, y)));
  for (real v : in.grad()) CHECK(std::isfinite(v));
  CHECK(std::fabs(g.grad()[1]) <= 1e-3);
}

// Statistics are pivoted block sums: a large mean costs no digits of a small deviation.
TEST_CASE("batch_norm is accurate where the mean is large and the deviation small") {
  const long n = 1024;
  std::vector<real> x(n * 2), gamma = {1, 1}, beta = {0, 0}, mean(2), var(2, 1);
  const double offset[2] = {1000, -30000}, deviation[2] = {kDouble ? 1e-3 : 0.1, kDouble ? 1e-2 : 3};
  double m[2] = {}, v[2] = {};
  const Array noise = drawn({n * 2}, 9, -1, 1);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = real(offset[i % 2] + deviation[i % 2] * noise.v[i]);
  for (std::size_t i = 0; i < x.size(); ++i) m[i % 2] += double(x[i]) / n;
  for (std::size_t i = 0; i < x.size(); ++i) v[i % 2] += (double(x[i]) - m[i % 2]) * (double(x[i]) - m[i % 2]);
  for (const Shape& s : {Shape{n, 2}, Shape{4, 16, 16, 2}}) {
    mean = {0, 0}, var = {1, 1};
    Tape tape;
    const Var y = batch_norm(tape.input(x.data(), s), tape.input(gamma.data(), {2}), tape.input(beta.data(), {2}), mean.data(),
                             var.data(), {.eps = 1e-20, .momentum = 1});
    for (std::size_t c = 0; c < 2; ++c) {
      CHECK(std::fabs(mean[c] - m[c]) <= (kDouble ? 1e-15 : 1e-7) * std::fabs(m[c]));
      CHECK(std::fabs(var[c] - v[c] / (n - 1)) <= (kDouble ? 1e-8 : 1e-4) * v[c] / (n - 1));
    }
    double sum = 0, squares = 0;
    for (real u : y.values()) sum += u, squares += double(u) * u;
    CHECK(std::fabs(squares / (2 * n) - 1) <= (kDouble ? 1e-9 : 1e-3));
    CHECK(std::fabs(sum / (2 * n)) <= (kDouble ? 1e-6 : 0.05));  // the shift is rounded once, to eps * mean / deviation
  }
}

TEST_CASE("running statistics: momentum, unbiased variance; moved by training steps only") {
  const std::vector<real> x = {1, 2, 3, 6}, one = {1}, zero = {0};
  const auto step = [&](Tape::Options o, BatchNormOptions b, real* mean, real* var) {
    Tape tape(o);
    return batch_norm(tape.input(x.data(), {4, 1}), tape.input(one.data(), {1}), tape.input(zero.data(), {1}), mean, var, b)
        .values();
  };
  real mean = 10, var = 2;
  step({}, {.momentum = 0.25}, &mean, &var);
  CHECK(mean == doctest::Approx(0.75 * 10 + 0.25 * 3));
  CHECK(var == doctest::Approx(0.75 * 2 + 0.25 * 14 / 3.0));
  real m = mean, v = var;
  const std::vector<real> y = step({.training = false}, {}, &m, &v);
  CHECK(y[3] == doctest::Approx((6 - double(mean)) / std::sqrt(double(var) + 1e-5)));
  step({.record = false}, {}, &m, &v);  // batch statistics, but nothing is learned
  step({}, {.momentum = 0}, &m, &v);
  CHECK(m == mean);
  CHECK(v == var);
}

TEST_CASE("batch_norm refuses what has no statistics") {
  const std::vector<real> x = {1, 2, 3};
  Tape tape;
  const Var in = tape.input(x.data(), {1, 3}), p = tape.input(x.data(), {3});
  CHECK_THROWS_WITH_AS(batch_norm(in, p, p), "batch_norm: batch statistics need at least 2 numbers a channel, got 1 (x [1,3])",
                       Error);
  CHECK_THROWS_AS(batch_norm(in, p, p, nullptr, nullptr, {.eps = 0}), Error);
  CHECK_THROWS_AS(batch_norm(in, p, p, nullptr, nullptr, {.momentum = 1.5}), Error);
}
