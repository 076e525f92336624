#include "../../optim/ema.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "twins.h"

using namespace six;
using namespace six::test;

namespace {

std::vector<real> averages(const Ema& e, const ParamSet& p) { return {e.values(), e.values() + p.size()}; }

}  // namespace

TEST_CASE("the average follows its naive twin, with and without warm-up") {
  for (bool warmup : {false, true}) {
    CAPTURE(warmup);
    ParamSet params = small_model();
    std::vector<double> twin(params.values(), params.values() + params.size());
    SGD sgd(params, {.lr = 0.1});
    Ema ema(params, {.decay = 0.7, .warmup = warmup});
    for (unsigned step = 0; step < 30; ++step) {
      fake_backward(params, step);
      sgd.step();
      ema.update();
      const double decay = warmup ? std::min(0.7, (1.0 + step) / (10.0 + step)) : 0.7;
      bool same = true;
      for (std::size_t i = 0; i < twin.size(); ++i) {
        twin[i] = decay * twin[i] + (1 - decay) * double(params.values()[i]);
        same = same && close(ema.values()[i], twin[i], 1e-5);
      }
      CHECK(same);
    }
    CHECK(ema.updates() == 30);
  }
}

TEST_CASE("swapped in, the parameters are the averages; afterwards everything has its own bits again") {
  ParamSet params = small_model();
  const int running = params.add_buffer("norm.running_mean", {2}, real(0.25));
  Ema ema(params, {.decay = 0.5});
  for (long i = 0; i < params.size(); ++i) params.values()[i] *= 3;
  ema.update();
  const std::vector<real> trained = values(params), average = averages(ema, params);
  REQUIRE(trained != average);
  const real* where = params.values();
  {
    const auto in = ema.swap_in();
    CHECK(params.values() == where);
    CHECK(values(params) == average);
    CHECK(averages(ema, params) == trained);
    CHECK(params.buffer(running)[1] == real(0.25));
    CHECK_THROWS_WITH_AS(ema.update(), "ema: update while the averages are swapped in; end the swap first", Error);
    CHECK_THROWS_WITH_AS((void)ema.swap_in(), "ema: the averages are swapped in already", Error);
    CHECK(values(params) == average);
  }
  CHECK(values(params) == trained);
  CHECK(averages(ema, params) == average);
  try {
    const auto in = ema.swap_in();
    throw 1;
  } catch (int) {
  }
  CHECK(values(params) == trained);
  ema.update();
}

TEST_CASE("values and the count of updates are the whole state of the average") {
  ParamSet params = small_model();
  Ema first(params, {.decay = 0.9, .warmup = true});
  for (long i = 0; i < params.size(); ++i) params.values()[i] += 1;
  first.update();
  Ema second(params, {.decay = 0.9, .warmup = true});
  std::copy_n(first.values(), params.size(), second.values());
  second.set_updates(first.updates());
  for (long i = 0; i < params.size(); ++i) params.values()[i] += 1;
  first.update();
  second.update();
  CHECK(averages(first, params) == averages(second, params));
  CHECK_THROWS_WITH_AS(first.set_updates(-1), "ema: the count of updates is -1, must not be negative", Error);
}

TEST_CASE("wrong decay, and parameters that grew, are errors of one line") {
  ParamSet params = small_model();
  CHECK_THROWS_WITH_AS(Ema(params, {.decay = 1}), "ema: decay is 1, must be in [0, 1)", Error);
  CHECK_THROWS_WITH_AS(Ema(params, {.decay = std::nan("")}), "ema: decay is nan, must be in [0, 1)", Error);
  Ema ema(params);
  std::vector<real> before;
  {
    const auto in = ema.swap_in();
    params.add("late.weight", {4}, true);
    before = values(params);
  }
  CHECK(values(params) == before);  // the averages began as the values, the new ones have none
  const char* text = "ema: the model has 7 parameters, but had 6 when this was built; build it after the last layer";
  CHECK_THROWS_WITH_AS(ema.update(), text, Error);
  CHECK_THROWS_WITH_AS((void)ema.swap_in(), text, Error);
}
