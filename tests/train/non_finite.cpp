#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "../../train/checkpoint.h"
#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

// 1 / (x + 1): infinite where all weights before it are 0 ... and x is -1.
struct Reciprocal {
  static constexpr const char *name = "reciprocal", *summary = "1 / x";
  real f(real x) const { return 1 / x; }
  real vjp(real x, real dy) const { return -dy / (x * x); }
  static constexpr Probe probes[] = {{1, 1, -1}};
};

// sqrt |x|: finite at 0, its derivative is not.
struct Root {
  static constexpr const char *name = "root", *summary = "sqrt |x|";
  real f(real x) const { return std::sqrt(std::fabs(x)); }
  real vjp(real x, real dy) const { return dy * std::copysign(1 / (2 * f(x)), x); }
  static constexpr Probe probes[] = {{1, 1, real(0.5)}};
};

// Images whose pixels are never 0, so that 1 / x is finite for all but the one that is made black.
Dataset bright(long poisoned) {
  Dataset data = few_digits();
  for (auto* split : {&data.train, &data.test})
    for (std::uint8_t& p : split->pixels) p = std::uint8_t(std::max<int>(p, 60));
  if (poisoned >= 0) std::fill_n(data.train.pixels.begin() + poisoned * 64, 64, std::uint8_t(0));
  return data;
}

Model reciprocal_net() {
  return Model({8, 8, 1}, Sequential{Reciprocal{}, Conv2d{{.out_channels = 4}}, BatchNorm{}, ReLU6{}, Flatten{},
                                     Linear{{.out_features = 10}}});
}

struct Failure {
  std::string message = "none";
  long step = 0, trained = 0;
};
Failure failure_of(Trainer& trainer) {
  Failure f;
  try {
    trainer.run({.step = [&](const StepReport&) { ++f.trained; }});
  } catch (const NonFinite& e) {
    f.message = e.what(), f.step = e.step;
  }
  return f;
}

bool finite(const std::vector<real>& x) {
  return std::all_of(x.begin(), x.end(), [](real v) { return std::isfinite(v); });
}

TEST_CASE("a poisoned image stops the training at its step, names the layer, and leaves the weights of before") {
  TrainingConfig config = full_config();
  config.augmentation = {};
  const Dataset clean = bright(-1);
  Model healthy = reciprocal_net();
  Trainer untroubled(healthy, clean, config);
  CHECK(failure_of(untroubled).message == "none");

  const Dataset data = bright(5);
  Model model = reciprocal_net(), twin = reciprocal_net();
  Trainer trainer(model, data, config), before(twin, data, config);
  const Failure f = failure_of(trainer);
  REQUIRE(f.trained > 1);
  REQUIRE(f.trained < 6);
  CHECK(f.step == f.trained + 1);
  CHECK(contains(f.message, {"step " + std::to_string(f.step) + " (epoch 1)", "the loss is not finite", "layers.0 (reciprocal)",
                             "learning rate"}));
  // The last weights with which a loss was finite are those that the last good step started from.
  for (long i = 0; i + 1 < f.trained; ++i) before.step();
  CHECK(result_of(model, trainer).values == result_of(twin, before).values);
  CHECK(result_of(model, trainer).averages == result_of(twin, before).averages);
  CHECK(finite(result_of(model, trainer).buffers));
}

TEST_CASE("a learning rate that blows the weights up is stopped with finite weights, for every optimizer's step") {
  const Dataset data = few_digits();
  for (double lr : {1e6, 1e30, 3e38}) {
    CAPTURE(lr);
    Model model({8, 8, 1},
                Sequential{Flatten{}, Linear{{.out_features = 16}}, Linear{{.out_features = 16}}, Linear{{.out_features = 10}}});
    TrainingConfig config = full_config();
    config.optimizer = SGDOptions{.lr = lr, .momentum = 0.9};
    config.schedule = ConstantLR{}, config.clip_norm = 0, config.epochs = 50;
    Trainer trainer(model, data, config);
    const Failure f = failure_of(trainer);
    CHECK(contains(f.message, {"is not finite", "the model is back at its last good weights"}));
    const Result r = result_of(model, trainer);
    CHECK(finite(r.values));
    CHECK(finite(r.averages));
    CHECK(std::isfinite(trainer.evaluate(data.train).loss));
  }
}

TEST_CASE("after a step that failed, the next one takes the same batch, again and again") {
  const Dataset data = bright(5);
  Model model = reciprocal_net();
  TrainingConfig config = full_config();
  config.augmentation = {};
  Trainer trainer(model, data, config);
  const Failure first = failure_of(trainer);
  REQUIRE(first.step > 1);
  for (int again = 0; again < 10; ++again) {
    long step = 0;
    try {
      trainer.step();
    } catch (const NonFinite& e) {
      step = e.step;
    }
    CHECK(step == first.step);
    CHECK(trainer.state().step == first.trained);
  }
}

TEST_CASE("running statistics that overflow, while batch norm keeps the loss finite, stop the training with those of before") {
  const Dataset data = few_digits();
  for (const bool skips : {false, true}) {
    Model model({8, 8, 1}, Sequential{Conv2d{{.out_channels = 4, .bias = false}}, BatchNorm{}, ReLU6{}, Flatten{},
                                      Linear{{.out_features = 10}}});
    TrainingConfig config = full_config();
    config.optimizer = SGDOptions{.lr = std::sqrt(std::numeric_limits<real>::max()) * 100};
    config.schedule = ConstantLR{}, config.clip_norm = 0, config.epochs = 50, config.skip_non_finite = skips ? 3 : 0;
    Trainer trainer(model, data, config);
    const Failure f = failure_of(trainer);
    CAPTURE(f.message);
    CHECK(contains(f.message, {"is not finite", "the model is back at its last good weights"}));
    CHECK(finite(result_of(model, trainer).values));
    CHECK(finite(result_of(model, trainer).buffers));
    CHECK(std::isfinite(trainer.evaluate(data.train).loss));
  }
}

TEST_CASE("a resumed training that blows up stops at the same step, with the same last good weights") {
  const Dataset data = few_digits();
  const auto net = [] {
    return Model({8, 8, 1}, Sequential{Flatten{}, Linear{{.out_features = 16}}, BatchNorm{}, Linear{{.out_features = 16}},
                                       Linear{{.out_features = 10}}});
  };
  const TempFolder folder;
  for (double lr : {1e6, 1e30, 1e37}) {
    TrainingConfig config = full_config();
    config.optimizer = SGDOptions{.lr = lr};
    config.schedule = ConstantLR{}, config.clip_norm = 0, config.epochs = 50;
    Model whole = net();
    Trainer expected(whole, data, config);
    const Failure f = failure_of(expected);
    REQUIRE(f.trained >= 1);
    for (long stop = std::max(1L, f.trained - 1); stop <= f.trained; ++stop) {
      CAPTURE(lr);
      CAPTURE(stop);
      Model first = net(), second = net();
      Trainer a(first, data, config), b(second, data, config);
      a.run({.stop = [&] { return a.state().step == stop; }});
      save_checkpoint(folder / "c", a);
      load_checkpoint(folder / "c", b);
      const Failure again = failure_of(b);
      CHECK(again.step == f.step);
      CHECK(again.message == f.message);
      CHECK(result_of(second, b) == result_of(whole, expected));
    }
  }
}

TEST_CASE("a weight that became NaN between two steps is found, and its layer named") {
  const Dataset data = few_digits();
  Model model = small_net();
  Trainer trainer(model, data, full_config());
  for (int i = 0; i < 3; ++i) trainer.step();
  ParamSet& p = model.params();
  const auto weight =
      std::find_if(p.params().begin(), p.params().end(), [](const Param& q) { return q.name == "layers.3.pointwise.weight"; });
  REQUIRE(weight != p.params().end());
  p.values()[weight->offset + 5] = std::nan("");
  const Failure f = failure_of(trainer);
  CHECK(f.step == 4);
  CHECK(contains(f.message, {"step 4", "layers.3.pointwise (conv2d)"}));
  CHECK(finite(result_of(model, trainer).values));
}

TEST_CASE("a loss that is not finite only in the evaluation after the last step stops too") {
  Dataset data = bright(-1);
  std::fill_n(data.test.pixels.begin() + 7 * 64, 64, std::uint8_t(0));
  Model model = reciprocal_net();
  TrainingConfig config = full_config();
  config.augmentation = {}, config.epochs = 1;
  Trainer trainer(model, data, config);
  const Failure f = failure_of(trainer);
  CHECK(f.step == 6);
  CHECK(contains(f.message, {"the loss on the test images is not finite", "layers.0 (reciprocal)"}));
}

TrainingConfig skipping(int steps) {
  TrainingConfig config = full_config();
  config.augmentation = {}, config.skip_non_finite = steps;
  return config;
}

TEST_CASE("skip_non_finite: the step is undone to the bit, its reason told, and the rate halved from then on") {
  const Dataset data = bright(5);
  Model model = reciprocal_net();
  Trainer trainer(model, data, skipping(100));
  std::vector<std::string> reasons;
  Result before = result_of(model, trainer);
  std::vector<real> slots;
  const auto slots_now = [&] {
    std::vector<real> all;
    for (const auto& s : trainer.optimizer().state()) all.insert(all.end(), s.values, s.values + model.params().size());
    return all;
  };
  while (!trainer.epoch_over()) {
    before = result_of(model, trainer), slots = slots_now();
    const long updates = trainer.optimizer().steps();
    const StepReport& r = trainer.step();
    if (r.skipped.empty()) {
      CHECK(result_of(model, trainer).values != before.values);
      continue;
    }
    reasons.push_back(r.skipped);
    CHECK(result_of(model, trainer) == before);
    CHECK(slots_now() == slots);
    CHECK(trainer.optimizer().steps() == updates);
    CHECK_FALSE(std::isfinite(r.batch_loss));
  }
  REQUIRE(reasons.size() == 1);
  CAPTURE(reasons[0]);
  CHECK(contains(reasons[0], {"the loss is not finite: ", "layers.0 (reciprocal): the output", "input materialize"}));
  CHECK(trainer.state().skipped == 1);
  Schedule schedule(1e-2, resolved(OneCycleLR{}, 18));
  CHECK(trainer.end_epoch().lr == schedule(5) / 2);
  trainer.step();
  CHECK(trainer.optimizer().lr() == (trainer.state().skipped == 1 ? schedule(6) / 2 : trainer.optimizer().lr()));
}

TEST_CASE("skip_non_finite: gradients that were not finite are gone from the next step") {
  const Dataset data = bright(5);
  Model model({8, 8, 1},
              Sequential{DepthwiseConv2d{{.kernel = 1, .bias = false}}, Root{}, Flatten{}, Linear{{.out_features = 10}}});
  TrainingConfig config = skipping(100);
  config.epochs = 3;
  Trainer trainer(model, data, config);
  std::vector<std::string> reasons;
  trainer.run({.step = [&](const StepReport& r) {
    if (!r.skipped.empty()) reasons.push_back(r.skipped);
  }});
  REQUIRE(reasons.size() == 3);  // once an epoch
  CHECK(contains(reasons[0], {"the norm of the gradients is not finite: ", "layers.1 (root)"}));
}

TEST_CASE("skip_non_finite: without anything to skip it changes no bit") {
  const Dataset data = few_digits();
  Model with = small_net(), without = small_net();
  TrainingConfig config = full_config();
  Trainer plain(without, data, config);
  config.skip_non_finite = 3;
  Trainer skips(with, data, config);
  plain.run(), skips.run();
  CHECK(result_of(with, skips) == result_of(without, plain));
}

TEST_CASE("skip_non_finite: a rate that blows the weights up is halved until it does not") {
  const Dataset data = few_digits();
  for (double lr : {1e6, 1e30}) {
    CAPTURE(lr);
    Model model({8, 8, 1},
                Sequential{Flatten{}, Linear{{.out_features = 16}}, Linear{{.out_features = 16}}, Linear{{.out_features = 10}}});
    TrainingConfig config = skipping(1000);
    config.optimizer = SGDOptions{.lr = lr, .momentum = 0.9};
    config.schedule = ConstantLR{}, config.clip_norm = 0, config.epochs = 50;
    Trainer trainer(model, data, config);
    CHECK(trainer.run().finished);
    CHECK(trainer.state().skipped > 0);
    CHECK(trainer.state().skipped < 300);
    CHECK(finite(result_of(model, trainer).values));
  }
}

TEST_CASE("skip_non_finite: once the steps that may be skipped are used up, the next ends the training with good weights") {
  const Dataset data = bright(5);
  Model model = reciprocal_net();
  Trainer trainer(model, data, skipping(2));  // the black image comes once an epoch, of three
  long skipped = 0;
  std::string message = "none";
  try {
    trainer.run({.step = [&](const StepReport& r) { skipped += !r.skipped.empty(); }});
  } catch (const NonFinite& e) {
    message = e.what();
  }
  CAPTURE(message);
  CHECK(skipped == 2);
  CHECK(contains(message, {"(epoch 3): the loss is not finite: ", "layers.0 (reciprocal)", "; 2 of 2 skips were spent; ",
                           "last good weights"}));
  CHECK(finite(result_of(model, trainer).values));
  CHECK(finite(result_of(model, trainer).buffers));
}

TEST_CASE("skip_non_finite: a training that skipped resumes to the same bits") {
  const Dataset data = bright(5);
  TrainingConfig config = skipping(5);
  Model whole = reciprocal_net(), first = reciprocal_net(), second = reciprocal_net();
  Trainer expected(whole, data, config), a(first, data, config);
  expected.run();
  CHECK(expected.state().skipped == 3);
  config.threads = 2;
  Trainer b(second, data, config);
  a.run({.stop = [&] { return a.state().skipped == 2; }});
  const TempFolder folder;
  save_checkpoint(folder / "c", a);
  CHECK(load_checkpoint(folder / "c", b).state.skipped == 2);
  b.run();
  CHECK(b.state().skipped == 3);
  CHECK(result_of(second, b) == result_of(whole, expected));
}

}  // namespace
}  // namespace six::test
