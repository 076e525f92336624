// Schedules beyond the golden numbers: ends, limits, composition, errors.
#include "../../optim/schedule.h"

#include <doctest/doctest.h>

#include <cmath>

#include "../../core/error.h"

using namespace six;

namespace {

std::string message(double lr, Policy policy) {
  try {
    Schedule(lr, std::move(policy));
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

bool near(double a, double b) { return std::abs(a - b) <= 1e-15; }

}  // namespace

TEST_CASE("a schedule is a function of the step: past its end it stays at its last rate") {
  CHECK(Schedule(0.3, ConstantLR{})(1'000'000) == 0.3);
  const Schedule cosine(0.1, CosineAnnealingLR{.t_max = 10, .eta_min = 0.01});
  CHECK(cosine(0) == 0.1);
  CHECK(near(cosine(5), 0.055));
  CHECK(near(cosine(10), 0.01));
  CHECK(near(cosine(1000), 0.01));
  const Schedule cycle(1, OneCycleLR{.total_steps = 100, .pct_start = 0.25, .div_factor = 10, .final_div_factor = 100});
  CHECK(near(cycle(0), 0.1));
  CHECK(near(cycle(24), 1));
  CHECK(near(cycle(99), 0.001));
  CHECK(near(cycle(5000), 0.001));
  const Schedule line(2, LinearLR{.total_iters = 4, .start_factor = 0, .end_factor = 0.5});
  CHECK(line(0) == 0);
  CHECK(line(3) == 0.75);
  CHECK(line(4) == 1);
  CHECK(line(77) == 1);
}

TEST_CASE("one-cycle is finite and within its limits for every length and start") {
  for (int total = 1; total <= 12; ++total) {
    for (double pct : {0.0, 0.1, 0.25, 0.5, 0.99}) {
      CAPTURE(total);
      CAPTURE(pct);
      const Schedule cycle(1, OneCycleLR{.total_steps = total, .pct_start = pct});
      for (long step = 0; step < total; ++step) {
        CHECK(cycle(step) <= 1);
        CHECK(cycle(step) >= 1 / 25.0 / 1e4 - 1e-15);
      }
      CHECK(near(cycle(total - 1), 1 / 25.0 / 1e4));
    }
  }
}

TEST_CASE("a sequence counts each part from its own start, and sequences nest") {
  const StepLR halves{.step_size = 2, .gamma = 0.5};
  const Schedule schedule(
      8, SequentialLR{.policies = {ConstantLR{}, warmup_then({.total_iters = 2, .start_factor = 0.5}, halves)}, .milestones = {3}});
  const double expected[] = {8, 8, 8, 4, 6, 8, 8, 4, 4, 2};
  for (long i = 0; i < 10; ++i) {
    CAPTURE(i);
    CHECK(schedule(i) == expected[i]);
  }
}

TEST_CASE("options out of range are errors of one line with option and value") {
  const double nan = std::nan("");
  CHECK(message(-1, ConstantLR{}) == "schedule: lr is -1, must be a finite number, at least 0");
  CHECK(message(nan, ConstantLR{}) == "schedule: lr is nan, must be a finite number, at least 0");
  CHECK(message(1, StepLR{}) == "step: step_size is 0, must be at least 1");
  CHECK(message(1, StepLR{.step_size = 1, .gamma = 0}) == "step: gamma is 0, must be in (0, 1]");
  CHECK(message(1, ExponentialLR{.gamma = 1.5}) == "exponential: gamma is 1.5, must be in (0, 1]");
  CHECK(message(1, ExponentialLR{.gamma = nan}) == "exponential: gamma is nan, must be in (0, 1]");
  CHECK(message(1, CosineAnnealingLR{.t_max = -3}) == "cosine: t_max is -3, must be at least 1");
  CHECK(message(1, CosineAnnealingLR{.t_max = 3, .eta_min = INFINITY}) == "cosine: eta_min is inf, must be at least 0");
  CHECK(message(1, OneCycleLR{}) == "one_cycle: total_steps is 0, must be at least 1");
  CHECK(message(1, OneCycleLR{.total_steps = 9, .pct_start = 1}) == "one_cycle: pct_start is 1, must be in [0, 1)");
  CHECK(message(1, OneCycleLR{.total_steps = 9, .div_factor = 0}) == "one_cycle: div_factor is 0, must be at least 1");
  CHECK(message(1, OneCycleLR{.total_steps = 9, .final_div_factor = nan}) ==
        "one_cycle: final_div_factor is nan, must be at least 1");
  CHECK(message(1, LinearLR{.total_iters = 0}) == "linear: total_iters is 0, must be at least 1");
  CHECK(message(1, LinearLR{.start_factor = -1}) == "linear: start_factor is -1, must be in [0, 1]");
  CHECK(message(1, LinearLR{.end_factor = 2}) == "linear: end_factor is 2, must be in [0, 1]");
  CHECK(message(1, SequentialLR{}) == "sequential: there are no policies, at least 1 is needed");
  CHECK(message(1, SequentialLR{.policies = {ConstantLR{}, ConstantLR{}}, .milestones = {}}) ==
        "sequential: 0 milestones for 2 policies, must be one fewer");
  CHECK(message(1, SequentialLR{.policies = {ConstantLR{}, ConstantLR{}, ConstantLR{}}, .milestones = {4, 4}}) ==
        "sequential: milestone 4 follows 4, must increase");
  CHECK(message(1, warmup_then({}, CosineAnnealingLR{})) == "sequential: cosine: t_max is 0, must be at least 1");
  CHECK_THROWS_WITH_AS(Schedule(1, ConstantLR{})(-1), "schedule: step is -1, must not be negative", Error);
}
