// Learning from a larger net: the loss against its formula, and trainings with a teacher.
#include "../../train/distillation.h"

#include <doctest/doctest.h>

#include <cmath>

#include "../../train/checkpoint.h"
#include "../allocations.h"
#include "../data/support.h"
#include "../harness.h"
#include "support.h"

namespace six::test {
namespace {

template <class Activation = ReLU6>
Model teacher_net(std::uint64_t seed = 3) {
  return Model({8, 8, 1},
               Sequential{Conv2d{{.out_channels = 12, .stride = 2}}, Activation{}, GlobalAvgPool{}, Linear{{.out_features = 10}}},
               {.seed = seed});
}

TrainingConfig config_with(const std::string& teacher, int threads = 1) {
  TrainingConfig config = full_config(threads);
  config.distillation = {.teacher = teacher, .weight = 0.7, .temperature = 2};
  return config;
}

Result trained(const std::string& teacher, int threads) {
  const Dataset data = few_digits();
  Model model = small_net();
  Trainer trainer(model, data, config_with(teacher, threads));
  trainer.run();
  return result_of(model, trainer);
}

TEST_CASE("distillation: loss and gradient are those of the formula") {
  const TempFolder folder;
  const Model net = teacher_net(), student = small_net();
  net.save(folder / "teacher");
  const Dataset data = few_digits();
  const long n = 5, classes = 10;
  const Bytes images = data.train.bytes(0, n);
  const std::vector<int> labels(data.train.labels.begin(), data.train.labels.begin() + n);
  const std::vector<real> answers = net.logits(images, 1);
  for (const auto& pair : {std::pair(0.7, 2.0), std::pair(0.25, 1.0), std::pair(1.0, 5.0), std::pair(0.0, 3.0)}) {
    const double w = pair.first, t = pair.second;
    CAPTURE(w);
    CAPTURE(t);
    Teacher teacher({.teacher = folder / "teacher", .weight = w, .temperature = t}, student, 0, 1);
    std::vector<double> hard(std::size_t(n * classes)), soft(hard.size());
    double entropy = 0;
    for (long r = 0; r < n; ++r) {
      hard[std::size_t(r * classes + labels[std::size_t(r)])] = 1;
      double sum = 0;
      for (long k = r * classes; k < (r + 1) * classes; ++k)
        sum += soft[std::size_t(k)] = std::exp(double(answers[std::size_t(k)]) / t);
      for (long k = r * classes; k < (r + 1) * classes; ++k) soft[std::size_t(k)] /= sum;
    }
    for (double q : soft) entropy -= q * std::log(q) / double(n);
    check({"distillation",
           {drawn({n, classes}, 1, -4, 10)},
           [&](const std::vector<Var>& x) { return teacher.loss(cross_entropy(x[0], labels), x[0], images); },
           [&](const std::vector<Array>& x) {
             Array cooler = x[0], loss = naive::cross_entropy(x[0], hard);
             for (double& v : cooler.v) v /= t;
             loss.v[0] = (1 - w) * loss.v[0] + w * t * t * (naive::cross_entropy(cooler, soft).v[0] - entropy);
             return loss;
           }});
  }
}

TEST_CASE("distillation: the same bits for any number of threads, not those without a teacher or with another") {
  const TempFolder folder;
  teacher_net(3).save(folder / "a");
  teacher_net(4).save(folder / "b");
  const Result expected = trained(folder / "a", 1);
  for (int threads : {2, 7}) CHECK(trained(folder / "a", threads) == expected);
  CHECK(trained("", 1).values != expected.values);
  CHECK(trained(folder / "b", 1).values != expected.values);
}

TEST_CASE("distillation: a step allocates nothing from the second on") {
  const TempFolder folder;
  teacher_net().save(folder / "teacher");
  const Dataset data = few_digits();
  Model model = small_net();
  Trainer trainer(model, data, config_with(folder / "teacher", 2));
  trainer.step();
  for (int i = 1; i < 6; ++i) {
    const long before = allocations();
    trainer.step();
    CHECK(allocations() == before);
  }
}

TEST_CASE("distillation: a checkpoint goes on with its teacher to the same bits, and with no other") {
  const TempFolder folder;
  teacher_net(3).save(folder / "teacher");
  const std::string teacher = folder / "teacher", path = folder / "checkpoint";
  const Result expected = trained(teacher, 1);
  const Dataset data = few_digits();
  Model first = small_net(), second = small_net(5), third = small_net();
  Trainer a(first, data, config_with(teacher, 1)), b(second, data, config_with(teacher, 2));
  a.run({.stop = [&] { return a.state().step == 7; }});
  save_checkpoint(path, a);
  load_checkpoint(path, b);
  CHECK(b.run().finished);
  CHECK(result_of(second, b) == expected);

  // The same teacher in another place.
  teacher_net(3).save(folder / "moved");
  Trainer c(third, data, config_with(folder / "moved"));
  load_checkpoint(path, c);
  CHECK(c.run().finished);
  CHECK(result_of(third, c) == expected);

  const auto refused = [&](const Model& other) {
    other.save(teacher);
    Model model = small_net();
    Trainer d(model, data, config_with(teacher));
    CHECK(contains(message_of([&] { load_checkpoint(path, d); }), {path, "another teacher", std::to_string(b.data_digest())}));
  };
  refused(teacher_net(4));
  refused(teacher_net<ReLU>(3));  // the same numbers, other layers
}

TEST_CASE("distillation: a teacher that is not there or does not fit is refused by its path, options by their limits") {
  const TempFolder folder;
  const Dataset data = few_digits();
  Model student = small_net();
  const auto refused = [&](const TrainingConfig& config, std::initializer_list<std::string_view> says) {
    CHECK(contains(message_of([&] { Trainer(student, data, config); }), says));
  };
  const std::string path = folder / "teacher";
  refused(config_with(path), {"training.distillation.teacher", path, "is not there", "--teacher"});
  Model({8, 8, 1}, Sequential{Flatten{}, Linear{{.out_features = 9}}}).save(path);
  refused(config_with(path), {path, "[8,8,1] to [9]", "[8,8,1] to [10]"});
  Model({7, 8, 1}, Sequential{Flatten{}, Linear{{.out_features = 10}}}).save(path);
  refused(config_with(path), {path, "[7,8,1] to [10]", "[8,8,1] to [10]"});
  teacher_net().save(path);
  TrainingConfig config = config_with(path);
  config.validation = 20;
  CHECK(contains(message_of([&] {
                   Dataset some = few_digits();
                   split_validation(some, 20);
                   Trainer(student, some, config);
                 }),
                 {path, "0 were set aside, not 20", "--validation 20"}));
  config.validation = 0;
  config.distillation.weight = 1.5;
  refused(config, {"distillation", "weight is 1.5", "between 0 and 1"});
  config.distillation = {.temperature = 1e10};
  refused(config, {"distillation", "temperature is 10000000000", "between 0.1 and 100"});
}

TEST_CASE("distillation: a teacher with weights or answers that are not finite is an error that names it") {
  const TempFolder folder;
  const std::string path = folder / "teacher";
  Model teacher = teacher_net<ReLU>(), student = small_net();
  const Dataset data = few_digits();
  const auto message = [&] {
    teacher.save(path);
    return message_of([&] { Trainer(student, data, config_with(path)).step(); });
  };
  ParamSet& p = teacher.params();
  std::fill_n(p.values(), p.size(), std::sqrt(std::numeric_limits<real>::max()) / 2);  // products of these are too large
  CHECK(contains(message(), {"training.distillation.teacher", path, "an answer to this batch is not finite"}));
  p.values()[p.size() - 1] = std::numeric_limits<real>::infinity();
  CHECK(contains(message(), {"training.distillation.teacher", path, "layers.3", "inf"}));
}

}  // namespace
}  // namespace six::test
