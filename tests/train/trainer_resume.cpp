#include <doctest/doctest.h>

#include <algorithm>

#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

Result uninterrupted() {
  const Dataset data = few_digits();
  Model model = small_net();
  Trainer trainer(model, data, full_config());
  trainer.run();
  return result_of(model, trainer);
}

// Everything that a checkpoint will hold, from one training to another.
void hand_over(Model& from, Trainer& a, Model& to, Trainer& b) {
  const ParamSet &p = from.params(), &q = to.params();
  std::copy_n(p.values(), p.size(), to.params().values());
  std::copy_n(p.buffer_values(), p.buffer_size(), to.params().buffer_values());
  REQUIRE(p.size() == q.size());
  const auto slots = a.optimizer().state(), others = b.optimizer().state();
  for (std::size_t i = 0; i < slots.size(); ++i) std::copy_n(slots[i].values, p.size(), others[i].values);
  std::copy_n(a.ema()->values(), p.size(), b.ema()->values());
  b.set_state(a.state());
}

TEST_CASE("a training goes on anywhere, in another trainer with other threads, to the same bits") {
  const Result expected = uninterrupted();
  const Dataset data = few_digits();
  for (long stop : {1, 4, 6, 11, 12, 17, 18}) {  // 6 steps an epoch
    CAPTURE(stop);
    Model first = small_net(), second = small_net(99);
    Trainer a(first, data, full_config(1)), b(second, data, full_config(2));
    const TrainingResult r = a.run({.stop = [&] { return a.state().step == stop; }});
    CHECK_FALSE(r.finished);
    CHECK(a.state().step == stop);
    hand_over(first, a, second, b);
    std::vector<long> epochs;
    CHECK(b.run({.epoch = [&](const EpochReport& e) { epochs.push_back(e.epoch); }}).finished);
    CHECK(result_of(second, b) == expected);
    CHECK(epochs.front() == (stop + 5) / 6);  // an epoch whose last step was taken is still to be reported
    CHECK(epochs.back() == 3);
  }
}

TEST_CASE("a run that was stopped goes on in the same trainer") {
  const Dataset data = few_digits();
  Model model = small_net();
  Trainer trainer(model, data, full_config());
  long stops = 0;
  while (!trainer.run({.stop = [&] { return trainer.state().step % 5 == 0; }}).finished) ++stops;
  CHECK(stops == 3);
  CHECK(result_of(model, trainer) == uninterrupted());
}

TEST_CASE("the sums of an interrupted epoch are those of the whole one") {
  const Dataset data = few_digits();
  Model first = small_net(), second = small_net(5), whole = small_net();
  Trainer a(first, data, full_config()), b(second, data, full_config()), c(whole, data, full_config());
  for (int i = 0; i < 4; ++i) a.step();
  hand_over(first, a, second, b);
  while (!b.epoch_over()) b.step();
  while (!c.epoch_over()) c.step();
  const EpochReport x = b.end_epoch(), y = c.end_epoch();
  CHECK(x.loss == y.loss);
  CHECK(x.accuracy == y.accuracy);
  CHECK(x.grad_norm == y.grad_norm);
  CHECK(x.evaluation->loss == y.evaluation->loss);
}

TEST_CASE("a state of another training is refused") {
  const Dataset data = few_digits();
  Model model = small_net();
  Trainer trainer(model, data, full_config());
  for (const TrainerState& s : {TrainerState{.epoch = 4}, TrainerState{.batch = 7, .step = 7}, TrainerState{.epoch = 1, .step = 5},
                                TrainerState{.epoch = -1, .step = -6}, TrainerState{.batch = -1, .step = -1}})
    CHECK(contains(message_of([&] { trainer.set_state(s); }), {"is no point of a training of 3 epochs of 6 batches"}));
}

}  // namespace
}  // namespace six::test
