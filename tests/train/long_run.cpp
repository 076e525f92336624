// Long runs, and several at once. SIX_SOAK_STEPS sets how long the long one is.
#include <doctest/doctest.h>

#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "../allocations.h"
#include "support.h"

namespace six::test {
namespace {

double resident_mb() {
  std::ifstream statm("/proc/self/statm");
  long all = 0, resident = 0;
  statm >> all >> resident;
  return double(resident) * double(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

TEST_CASE("soak: memory stays flat over a long training") {
  const char* given = std::getenv("SIX_SOAK_STEPS");
  const long steps = given ? std::atol(given) : 3000, hundredth = steps / 100, warm = 60;  // the first evaluation included
  const Dataset data = few_digits();
  Model model({8, 8, 1}, Sequential{Conv2d{{.out_channels = 4, .stride = 2, .bias = false}}, BatchNorm{}, ReLU6{}, Flatten{},
                                    Linear{{.out_features = 10}}});
  TrainingConfig config = full_config();
  config.epochs = int((warm + steps) / 6 + 1), config.eval_every = 10;
  Trainer trainer(model, data, config);
  double first = 0, last = 0;
  long live = 0;
  const auto after = [&](const StepReport& r) {
    const long step = r.step - warm;
    if (step > 0 && step <= hundredth) first += resident_mb() / double(hundredth);
    if (step > steps - hundredth) last += resident_mb() / double(hundredth);
    if (step == hundredth) live = live_allocations();
  };
  trainer.run({.step = after, .stop = [&] { return trainer.state().step >= warm + steps; }});
  CHECK(trainer.state().step == warm + steps);
  // In a short run a hundredth is less than the allocator's own comings and goings; sanitizers keep what was freed.
  if (given) CHECK(last <= 1.01 * first);
  CHECK(live_allocations() - live < 10);
  std::printf("soak: %ld steps, resident memory in the first and last hundredth %.2f and %.2f MiB\n", steps, first, last);
}

Result train_small(std::uint64_t seed, int threads) {
  const Dataset data = few_digits();
  Model model = small_net(seed);
  TrainingConfig config = full_config(threads);
  config.seed = seed;
  Trainer trainer(model, data, config);
  std::vector<double> losses;
  trainer.run({.step = [&](const StepReport& r) { losses.push_back(r.batch_loss); }});
  return result_of(model, trainer, losses);
}

TEST_CASE("two models on two threads of one process train to the bits they reach alone") {
  const Result alone[] = {train_small(1, 1), train_small(2, 2)};
  CHECK_FALSE(alone[0] == alone[1]);
  for (int threads : {1, 2}) {
    Result together[2];
    std::thread first([&] { together[0] = train_small(1, threads); }), second([&] { together[1] = train_small(2, threads); });
    first.join(), second.join();
    CHECK(together[0] == alone[0]);
    CHECK(together[1] == alone[1]);
  }
}

}  // namespace
}  // namespace six::test
