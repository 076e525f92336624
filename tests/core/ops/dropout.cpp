// Dropout: what it drops, that the gradient meets the same mask, that the mask depends on seed, step and place only.
#include <doctest/doctest.h>

#include <cmath>

#include "../../harness.h"

using namespace six;
using namespace six::test;

namespace {

const long kN = 20000;

std::vector<real> dropped(Tape::Options o, std::uint64_t step, int calls_before, double p, Shape s = {kN}) {
  const std::vector<real> x(kN, 1);
  Tape tape(o);
  tape.set_step(step);
  const Var in = tape.input(x.data(), s);
  for (int i = 0; i < calls_before; ++i) dropout(in, 0.5);
  return dropout(in, p).values();
}
long zeros(const std::vector<real>& y) { return std::count(y.begin(), y.end(), real(0)); }

}  // namespace

TEST_CASE("dropout drops a share p and scales the rest, its gradient meets the same mask") {
  for (double p : {0.1, 0.5, 0.9}) {
    const std::vector<real> y = dropped({.seed = 3}, 0, 0, p);
    CHECK(std::fabs(double(zeros(y)) - p * kN) <= 5 * std::sqrt(kN * p * (1 - p)));
    for (real v : y) CHECK((v == 0 || v == real(1 / (1 - p))));
  }
  const std::vector<double> source = drawn({33, 7}, 1).v;
  const std::vector<real> x(source.begin(), source.end());
  for (bool defer : {true, false})
    for (int threads : {1, 2, 7}) {
      Tape tape({.threads = threads, .defer = defer, .seed = 4});
      const Var in = tape.input(x.data(), {33, 7}, true), y = dropout(in, 0.3);
      const std::vector<real> values = y.values();
      tape.backward(sum(y));
      const std::vector<real> g = in.grad();
      for (std::size_t i = 0; i < x.size(); ++i) {
        CHECK((g[i] == 0 || g[i] == real(1 / 0.7)));
        CHECK(values[i] == x[i] * g[i]);
      }
    }
}

TEST_CASE("dropout's mask is a function of seed, step and place on the tape") {
  const std::vector<real> y = dropped({.threads = 1, .seed = 3}, 5, 0, 0.5);
  CHECK(dropped({.threads = 1, .seed = 3}, 5, 0, 0.5) == y);
  CHECK(dropped({.threads = 7, .seed = 3}, 5, 0, 0.5, {50, 400}) == y);  // not of threads or shape
  CHECK(dropped({.record = false, .seed = 3}, 5, 0, 0.5) == y);
  const std::vector<real> others[] = {dropped({.seed = 4}, 5, 0, 0.5), dropped({.seed = 3}, 6, 0, 0.5),
                                      dropped({.seed = 3}, 5, 1, 0.5)};
  for (const std::vector<real>& other : others) {
    long same = 0;
    for (std::size_t i = 0; i < y.size(); ++i) same += y[i] == other[i];
    CHECK(std::fabs(double(same) - kN / 2.0) <= 5 * std::sqrt(kN / 4.0));
  }
}

TEST_CASE("every step drops others; an inference tape and p = 0 drop nothing") {
  const std::vector<real> x(100, 1);
  Tape tape;
  const std::vector<real> first = dropout(tape.input(x.data(), {100}), 0.5).values();
  tape.reset();
  CHECK(dropout(tape.input(x.data(), {100}), 0.5).values() != first);
  tape.reset();
  tape.set_step(0);
  CHECK(dropout(tape.input(x.data(), {100}), 0.5).values() == first);
  CHECK(dropout(tape.input(x.data(), {100}), 0).values() == x);
  CHECK(dropped({.training = false}, 0, 0, 0.5) == std::vector<real>(kN, 1));
}

TEST_CASE("dropout between deferred values") {
  const std::vector<real> mask = dropped({.threads = 1, .seed = 0}, 0, 0, 0.5, {200, 100});
  const Case c{"dropout",
               {drawn({12, 5}, 2)},
               [](const std::vector<Var>& x) { return dropout(x[0], 0.5); },
               [mask](const std::vector<Array>& x) {
                 Array y = x[0];
                 for (std::size_t i = 0; i < y.v.size(); ++i) y.v[i] *= double(mask[i]);
                 return y;
               }};
  for (const Case& d : all_dressed(c)) CHECK(text(faults_of(d)) == "");
}

TEST_CASE("dropout refuses a probability outside [0, 1)") {
  const real x = 1;
  Tape tape;
  const Var v = tape.input(&x, {1});
  CHECK_THROWS_WITH_AS(dropout(v, 1), "dropout: p is 1, must be at least 0 and below 1", Error);
  CHECK_THROWS_AS(dropout(v, -0.1), Error);
  CHECK_THROWS_AS(dropout(v, std::nan("")), Error);
}
