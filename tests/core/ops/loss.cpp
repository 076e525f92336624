// Losses: targets of every kind, large logits, what they refuse.
#include <doctest/doctest.h>

#include <cmath>

#include "../../harness.h"

using namespace six;
using namespace six::test;

namespace {

std::vector<int> labels(long n, long classes) {
  std::vector<int> list;
  for (long i = 0; i < n; ++i) list.push_back(int((i * 7 + 2) % classes));
  return list;
}

Case by_label(long n, long classes, double smoothing, long more = 0) {
  const std::vector<int> picked = labels(n, classes);
  std::vector<double> targets(std::size_t(n * classes), smoothing / double(classes));
  for (long r = 0; r < n; ++r) targets[std::size_t(r * classes + picked[std::size_t(r)])] += 1 - smoothing;
  Case c{"cross_entropy by label",
         {drawn({n, classes}, 1, -4, 10)},
         [=](const std::vector<Var>& x) { return cross_entropy(x[0], picked, {.label_smoothing = smoothing}); },
         [=](const std::vector<Array>& x) { return naive::cross_entropy(x[0], targets); }};
  c.large = more > 0;
  return c;
}

Case by_target(long n, long classes, double smoothing) {
  std::vector<real> given;
  std::vector<double> targets;
  for (double v : drawn({n, classes}, 2, 0, 1).v) {
    given.push_back(real(v));
    targets.push_back((1 - smoothing) * v + smoothing / double(classes));
  }
  return {
      "cross_entropy by soft targets",
      {drawn({n, classes}, 3, -4, 10)},
      [=](const std::vector<Var>& x) { return cross_entropy(x[0], std::span<const real>(given), {.label_smoothing = smoothing}); },
      [=](const std::vector<Array>& x) { return naive::cross_entropy(x[0], targets); }};
}

}  // namespace

TEST_CASE("cross_entropy: labels, soft targets (which need not sum to 1), smoothing") {
  for (long classes : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33}) check(by_label(3, classes, 0));
  for (long n : {1, 2, 17}) {
    check(by_label(n, 10, 0.1));
    check(by_target(n, 10, 0));
    check(by_target(n, 10, 0.2));
  }
  check(by_label(4, 5, 1));
  check(dressed(by_label(6, 5, 0.1), Dress::bias, false));
  check(dressed(by_label(9, 5, 0), Dress::norm_relu6, false));
}

TEST_CASE("cross_entropy and mse_loss on several threads") {
  check(by_label(501, 37, 0.1, 1));
  Case c{"mse_loss",
         {drawn({301, 67}, 4), drawn({301, 67}, 5)},
         [](const std::vector<Var>& x) { return mse_loss(x[0], x[1]); },
         [](const std::vector<Array>& x) { return naive::mse_loss(x[0], x[1]); }};
  c.large = true;
  check(c);
}

TEST_CASE("mse_loss: both sides, one value on both sides, a deferred one") {
  for (const Shape& s : {Shape{}, Shape{1}, Shape{17}, Shape{3, 5}, Shape{2, 2, 3, 2}})
    check({"mse_loss",
           {drawn(s, 6), drawn(s, 7)},
           [](const std::vector<Var>& x) { return mse_loss(x[0], x[1]); },
           [](const std::vector<Array>& x) { return naive::mse_loss(x[0], x[1]); }});
  const Case twice{"mse_loss of relu6(x) against x",
                   {drawn({30}, 8, -4, 10)},
                   [](const std::vector<Var>& x) { return mse_loss(relu6(x[0]), x[0]); },
                   [](const std::vector<Array>& x) { return naive::mse_loss(naive::clamp(x[0], 0, 6), x[0]); }};
  check(twice);
  const Case c{"mse_loss",
               {drawn({8, 5}, 9), drawn({8, 5}, 10)},
               [](const std::vector<Var>& x) { return mse_loss(x[0], x[1]); },
               [](const std::vector<Array>& x) { return naive::mse_loss(x[0], x[1]); }};
  check(dressed(c, Dress::norm_relu6, false));
}

TEST_CASE("cross_entropy of huge logits neither overflows nor loses the loss") {
  const std::vector<real> x = {1000, 0, -1000, -1e30f, 0, 0, 50, 50, 50};
  const std::vector<int> picked = {0, 1, 2};
  Tape tape;
  const Var in = tape.input(x.data(), {3, 3}, true), loss = cross_entropy(in, picked);
  CHECK(loss.item() == doctest::Approx((0 + std::log(2.0) + std::log(3.0)) / 3));
  tape.backward(loss);
  const std::vector<real> g = in.grad();
  CHECK(g[0] == 0);
  CHECK(g[4] == doctest::Approx(-0.5 / 3));
  CHECK(g[8] == doctest::Approx(-2.0 / 9));
  tape.reset();
  const std::vector<int> far = {2, 1, 0};
  CHECK(cross_entropy(tape.input(x.data(), {3, 3}), far).item() == doctest::Approx((2000 + std::log(2.0) + std::log(3.0)) / 3));
}

TEST_CASE("cross_entropy: soft targets of 0 do not turn an infinite logit into NaN") {
  const std::vector<real> x = {-kInf, 0, 0}, t = {0, real(0.5), real(0.5)};
  Tape tape;
  const Var in = tape.input(x.data(), {1, 3}, true), loss = cross_entropy(in, std::span<const real>(t));
  CHECK(loss.item() == doctest::Approx(std::log(2.0)));
  tape.backward(loss);
  CHECK(in.grad() == std::vector<real>{0, 0, 0});
}
