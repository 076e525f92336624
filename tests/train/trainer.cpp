#include "../../train/trainer.h"

#include <doctest/doctest.h>

#include <thread>

#include "../../core/ops/loss.h"
#include "../../optim/clip_norm.h"
#include "../allocations.h"
#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

Result trained(int threads, std::uint64_t seed = 7) {
  const Dataset data = few_digits();
  Model model = small_net();
  TrainingConfig config = full_config(threads);
  config.seed = seed;
  Trainer trainer(model, data, config);
  std::vector<double> losses;
  const TrainingResult result = trainer.run({.step = [&](const StepReport& r) { losses.push_back(r.batch_loss); },
                                             .epoch = [&](const EpochReport& r) { losses.push_back(r.evaluation->loss); }});
  CHECK(result.finished);
  CHECK(result.seconds > 0);
  CHECK(result.images_per_second > 0);
  return result_of(model, trainer, losses);
}

TEST_CASE("a training has the same bits for 1, 2, 3 and 7 threads, and others for another seed") {
  const Result one = trained(1);
  CHECK(one.losses.size() == 3 * 6 + 3);
  CHECK(trained(2) == one);
  CHECK(trained(3) == one);
  CHECK(trained(7) == one);
  CHECK_FALSE(trained(1, 8) == one);
}

TEST_CASE("the loop is the one that a user would write by hand") {
  const Dataset data = few_digits();
  const TrainingConfig config = full_config();
  Model model = small_net(), by_hand = small_net();
  Trainer trainer(model, data, config);
  trainer.run();

  AdamW adamw(by_hand.params(), {.lr = 1e-2, .clip_norm = 1});
  Ema ema(by_hand.params(), {.decay = 0.9});
  const Schedule schedule(1e-2, OneCycleLR{.total_steps = 18});
  Tape tape({.threads = 1, .seed = 7});
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch)
    for (const Batch& batch : data.train.batches(24, {.shuffle_seed = 7, .epoch = epoch, .augment = config.augmentation})) {
      tape.reset();
      tape.set_step(std::uint64_t(adamw.steps()));
      tape.backward(cross_entropy(by_hand(tape.input(batch.images)), batch.labels, {.label_smoothing = 0.1}));
      adamw.set_lr(schedule(adamw.steps()));
      adamw.step();
      ema.update();
    }
  const ParamSet &a = model.params(), &b = by_hand.params();
  CHECK(std::equal(a.values(), a.values() + a.size(), ema.values()));  // the averages are what is left in the model
  CHECK(std::equal(a.buffer_values(), a.buffer_values() + a.buffer_size(), b.buffer_values()));
  CHECK_FALSE(std::equal(a.values(), a.values() + a.size(), b.values()));
}

TEST_CASE("from the second step on a step allocates nothing, at the turn of an epoch neither") {
  const Dataset data = few_digits();
  Model model = small_net();
  Trainer trainer(model, data, full_config(2));
  long reported = 0;
  const auto step = [&] {
    const long before = allocations();
    reported += trainer.step().images_per_second > 0;
    return allocations() - before;
  };
  CHECK(step() > 0);  // the counter counts
  for (int i = 1; i < 6; ++i) CHECK(step() == 0);
  trainer.end_epoch();
  for (int i = 0; i < 6; ++i) CHECK(step() == 0);
  CHECK(reported == 12);
}

TEST_CASE("two trainings in one process do not disturb each other, taking turns or side by side") {
  const Result seven = trained(1, 7), eight = trained(1, 8);
  const Dataset data = few_digits();
  Model a = small_net(), b = small_net();
  TrainingConfig config = full_config(1);
  Trainer first(a, data, config);
  config.seed = 8;
  Trainer second(b, data, config);
  std::vector<double> losses;
  while (!first.over()) {
    while (!first.epoch_over()) losses.push_back(first.step().batch_loss), second.step();
    losses.push_back(first.end_epoch().evaluation->loss), second.end_epoch();
  }
  CHECK(losses == seven.losses);
  CHECK(result_of(a, first).buffers == seven.buffers);
  CHECK(result_of(b, second).buffers == eight.buffers);
  CHECK(result_of(b, second).averages == eight.averages);

  Result side[2];
  std::thread other([&] { side[0] = trained(2, 7); });
  side[1] = trained(2, 8);
  other.join();
  CHECK(side[0] == seven);
  CHECK(side[1] == eight);
}

TEST_CASE("the reports of an epoch are of the steps themselves") {
  const Dataset data = few_digits();
  Model model = small_net(), twin = small_net();
  TrainingConfig config = full_config();
  config.optimizer = SGDOptions{.lr = 0};  // the weights stay: what each step saw can be computed afterwards
  config.ema.decay = 0, config.label_smoothing = 0, config.epochs = 1;
  Trainer trainer(model, data, config);
  double norm = 0;
  while (!trainer.epoch_over()) norm += trainer.step().grad_norm;
  const EpochReport r = trainer.end_epoch();

  Tape tape({.threads = 1, .seed = 7});
  double loss = 0;
  long correct = 0, step = 0;
  for (const Batch& batch : data.train.batches(24, {.shuffle_seed = 7, .augment = config.augmentation})) {
    tape.reset();
    tape.set_step(std::uint64_t(step++));
    const std::vector<real> logits = twin(tape.input(batch.images)).values();
    for (int i = 0; i < 24; ++i) {
      loss += cross_entropy_of(logits.data() + i * 10, 10, batch.labels[std::size_t(i)]);
      correct += argmax(logits.data() + i * 10, 10) == batch.labels[std::size_t(i)];
    }
  }
  CHECK(r.loss == doctest::Approx(loss / 144).epsilon(1e-5));
  CHECK(r.accuracy == double(correct) / 144);
  CHECK(r.grad_norm == doctest::Approx(norm / 6));
  CHECK(r.step == 6);
  CHECK(r.split == "test");
  CHECK(r.evaluation->images() == 50);
}

TEST_CASE("the learning rate follows the schedule, whose open length is the whole training") {
  const Dataset data = few_digits();
  Model model = small_net();
  TrainingConfig config = full_config();
  config.schedule = warmup_then({.total_iters = 4, .start_factor = 0.25}, CosineAnnealingLR{});
  Trainer trainer(model, data, config);
  const Schedule expected(1e-2, warmup_then({.total_iters = 4, .start_factor = 0.25}, CosineAnnealingLR{.t_max = 14}));
  long step = 0;
  trainer.run({.step = [&](const StepReport& r) { CHECK(r.lr == expected(step++)); }});
  CHECK(step == 18);
}

TEST_CASE("images set aside are what epochs are evaluated on") {
  Dataset data = few_digits();
  split_validation(data, 40);
  Model model = small_net();
  TrainingConfig config = full_config();
  config.validation = 40, config.epochs = 2, config.eval_every = 2;
  Trainer trainer(model, data, config);
  CHECK(trainer.batches_per_epoch() == 5);  // 120 images
  std::vector<EpochReport> reports;
  trainer.run({.epoch = [&](const EpochReport& r) { reports.push_back(r); }});
  REQUIRE(reports.size() == 2);
  CHECK_FALSE(reports[0].evaluation);
  REQUIRE(reports[1].evaluation);
  CHECK(reports[1].split == "validation");
  CHECK(reports[1].evaluation->images() == 40);
  CHECK(reports[1].evaluation->loss == evaluate(model, data.validation).loss);
}

TEST_CASE("steps beyond the end of an epoch or of the training are refused") {
  const Dataset data = few_digits();
  Model model = small_net();
  TrainingConfig config = full_config();
  config.epochs = 1;
  Trainer trainer(model, data, config);
  CHECK(contains(message_of([&] { trainer.end_epoch(); }), {"epoch 1 is not over", "6 batches are left"}));
  while (!trainer.epoch_over()) trainer.step();
  CHECK(contains(message_of([&] { trainer.step(); }), {"epoch 1 is over", "end_epoch"}));
  trainer.end_epoch();
  CHECK(contains(message_of([&] { trainer.step(); }), {"the training of 1 epochs is over"}));
}

TEST_CASE("what does not fit together is refused before the first step") {
  const Dataset data = few_digits();
  Model model = small_net();
  const auto problem = [&](auto change) {
    TrainingConfig config = full_config();
    change(config);
    return message_of([&] { Trainer(model, data, config); });
  };
  CHECK(contains(problem([](auto& c) { c.validation = 20; }), {"20", "0", "split_validation"}));
  CHECK(contains(problem([](auto& c) { c.batch = 1000; }),
                 {"batch size 1000 exceeds the 160 training images; a smaller batch is needed"}));
  CHECK(contains(problem([](auto& c) { c.optimizer = SGDOptions{.lr = -1}; }), {"training: optimizer: sgd: lr is -1"}));
  CHECK(contains(problem([](auto& c) { c.threads = 5000; }), {"threads is 5000"}));
  Model wide({9, 8, 1}, Sequential{Flatten{}, Linear{{.out_features = 10}}});
  Model few({8, 8, 1}, Sequential{Flatten{}, Linear{{.out_features = 7}}});
  CHECK(contains(message_of([&] { Trainer(wide, data, full_config()); }), {"training images: are [8,8,1]", "takes [9,8,1]"}));
  CHECK(contains(message_of([&] { Trainer(few, data, full_config()); }), {"10 classes", "[7]"}));
}

}  // namespace
}  // namespace six::test
