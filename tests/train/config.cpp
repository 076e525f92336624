#include "../../train/config.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "../../data/json.h"
#include "../data/support.h"
#include "../golden_json.h"
#include "support.h"

namespace six::test {
namespace {

TrainingConfig read(const std::string& text) { return read_training(Json::parse(text)); }
std::string problem(const std::string& text) {
  return message_of([&] { read(text); });
}

TEST_CASE("nothing given is the defaults") {
  for (const char* text : {"null", "{}"}) {
    const TrainingConfig c = read(text);
    CHECK(c.epochs == 3);
    CHECK(c.batch == 128);
    CHECK(std::get<AdamWOptions>(c.optimizer).weight_decay == 0.01);
    CHECK(std::holds_alternative<ConstantLR>(c.schedule));
    CHECK(c.ema.decay == 0);
    CHECK_FALSE(c.augmentation.any());
  }
}

TEST_CASE("every setting is read") {
  const TrainingConfig c = read(R"({"data": "digits", "epochs": 7, "batch": 9, "seed": 18446744073709551615,
    "optimizer": {"type": "adam", "lr": 0.5, "betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.25, "decay": "weights"},
    "schedule": {"type": "sequential", "policies": [{"type": "linear", "total_iters": 4}, {"type": "cosine", "eta_min": 0.1}],
                 "milestones": [4]},
    "augmentation": {"shift": 2, "rotate": 10, "scale": 0.1}, "label_smoothing": 0.1, "ema": {"decay": 0.9, "warmup": true},
    "clip_norm": 2, "validation": 50, "eval_every": 2, "threads": 3})");
  CHECK(c.data == DataSource::digits);
  CHECK(c.epochs == 7);
  CHECK(c.batch == 9);
  CHECK(c.seed == 18446744073709551615u);
  const auto& adam = std::get<AdamOptions>(c.optimizer);
  CHECK(adam.lr == 0.5);
  CHECK(adam.beta1 == 0.8);
  CHECK(adam.beta2 == 0.9);
  CHECK(adam.eps == 1e-3);
  CHECK(adam.weight_decay == 0.25);
  CHECK(adam.decay == Decay::weights);
  const auto& sequence = std::get<SequentialLR>(c.schedule);
  CHECK(sequence.milestones == std::vector<int>{4});
  CHECK(std::get<LinearLR>(sequence.policies.at(0)).total_iters == 4);
  CHECK(std::get<CosineAnnealingLR>(sequence.policies.at(1)).eta_min == 0.1);
  CHECK(c.augmentation.shift == 2);
  CHECK(c.augmentation.rotate == 10);
  CHECK(c.augmentation.scale == 0.1);
  CHECK(c.label_smoothing == 0.1);
  CHECK(c.ema.decay == 0.9);
  CHECK(c.ema.warmup);
  CHECK(c.clip_norm == 2);
  CHECK(c.validation == 50);
  CHECK(c.eval_every == 2);
  CHECK(c.threads == 3);
}

TEST_CASE("each optimizer and each schedule is known by its name") {
  CHECK(std::holds_alternative<SGDOptions>(read(R"({"optimizer": {"type": "sgd", "momentum": 0.9, "nesterov": true}})").optimizer));
  CHECK(std::holds_alternative<AdamWOptions>(read(R"({"optimizer": {"type": "adamw"}})").optimizer));
  CHECK(std::holds_alternative<RMSpropOptions>(
      read(R"({"optimizer": {"type": "rmsprop", "alpha": 0.9, "centered": true}})").optimizer));
  const auto schedule = [](const std::string& s) { return read(R"({"schedule": )" + s + '}').schedule; };
  CHECK(std::get<StepLR>(schedule(R"({"type": "step", "step_size": 3})")).step_size == 3);
  CHECK(std::get<ExponentialLR>(schedule(R"({"type": "exponential", "gamma": 0.9})")).gamma == 0.9);
  CHECK(std::get<CosineAnnealingLR>(schedule(R"({"type": "cosine"})")).t_max == 0);
  CHECK(std::get<OneCycleLR>(schedule(R"({"type": "one_cycle", "pct_start": 0.25})")).pct_start == 0.25);
  CHECK(std::holds_alternative<ConstantLR>(schedule(R"({"type": "constant"})")));
}

TEST_CASE("what is wrong is said with its place, and all of it at once") {
  CHECK(problem("3") == "training: must be an object, got 3");
  CHECK(contains(problem(R"({"epoch": 3, "bach": 1})"), {"training: ", "unknown key \"epoch\", did you mean \"epochs\"?",
                                                         "unknown key \"bach\", did you mean \"batch\"?", "known: data, epochs"}));
  CHECK(problem(R"({"epochs": 0})") == "training: epochs is 0, must be between 1 and 1000000");
  CHECK(problem(R"({"epochs": 2.5})") == "training: epochs must be an integer, got 2.5");
  CHECK(problem(R"({"epochs": "3"})") == "training: epochs must be an integer, got \"3\"");
  CHECK(contains(problem(R"({"batch": 100000000000})"), {"batch is 100000000000"}));
  CHECK(contains(problem(R"({"seed": -1})"), {"seed must be an integer from 0"}));
  CHECK(contains(problem(R"({"data": "minst"})"), {"data must be \"mnist\" or \"digits\"", "did you mean \"mnist\"?"}));
  CHECK(contains(problem(R"({"label_smoothing": 1.5})"), {"label_smoothing is 1.5, must be between 0 and 1"}));
  CHECK(problem(R"({"optimizer": "adamw"})") ==
        "training: optimizer must be an object with a \"type\" (sgd, adam, adamw, rmsprop), got \"adamw\"");
  CHECK(contains(problem(R"({"optimizer": {"lr": 1}})"), {"optimizer must be an object with a \"type\""}));
  CHECK(problem(R"({"optimizer": {"type": "adamv"}})") ==
        "training: optimizer has the unknown type \"adamv\", known are sgd, adam, adamw, rmsprop; did you mean adam?");
  CHECK(contains(problem(R"({"optimizer": {"type": "adamw", "momentum": 0.9, "lr": -1}})"),
                 {"training: optimizer (adamw): unknown key \"momentum\"", "lr is -1, must be at least 0"}));
  CHECK(
      contains(problem(R"({"optimizer": {"type": "adamw", "betas": [0.9]}})"), {"optimizer (adamw): betas: 1 numbers, must be 2"}));
  CHECK(contains(problem(R"({"optimizer": {"type": "sgd", "nesterov": true}})"), {"training: optimizer: sgd: ", "nesterov"}));
  CHECK(contains(problem(R"({"schedule": {"type": "step"}})"), {"training: schedule (step): missing key \"step_size\""}));
  CHECK(contains(
      problem(R"({"schedule": {"type": "sequential", "policies": [{"type": "constant"}, {"type": "cosin"}], "milestones": [3]}})"),
      {"training: schedule (sequential): policies[1] has the unknown type \"cosin\"", "did you mean cosine?"}));
  CHECK(contains(problem(R"({"schedule": {"type": "sequential", "policies": [{"type": "constant"}], "milestones": [3]}})"),
                 {"schedule", "1 milestones for 1 policies"}));
  CHECK(contains(problem(R"({"augmentation": {"shfit": 1}})"),
                 {"training: augmentation: unknown key \"shfit\", did you mean \"shift\"?"}));
  CHECK(contains(problem(R"({"augmentation": {"scale": 1}})"), {"augmentation: scale is 1, must be between 0 and 0.9"}));
  CHECK(contains(problem(R"({"ema": {"decay": 1}})"), {"ema: decay is 1, must be in [0, 1)"}));
  CHECK(contains(problem(R"({"ema": {"warmup": true}})"), {"ema: warmup needs a decay"}));
}

TEST_CASE("a bound that is refused is not in the range that the tables give") {
  const std::string tables = training_table_markdown();
  for (const char* row : {"| `sgd` | `momentum` | number in [0, 1) |", "| `adam` | `betas` | array, each number in [0, 1) |",
                          "| `adamw` | `eps` | number > 0 |", "| `rmsprop` | `alpha` | number in [0, 1) |",
                          "| `rmsprop` | `momentum` | number in [0, 1) |", "| `step` | `gamma` | number in (0, 1] |",
                          "| `exponential` | `gamma` | number in (0, 1] |", "| `one_cycle` | `pct_start` | number in [0, 1) |",
                          "| `ema` | `decay` | number in [0, 1) |", "| `linear` | `end_factor` | number from 0 to 1 |"}) {
    CAPTURE(row);
    CHECK(tables.find(row) != tables.npos);
  }
  CHECK(problem(R"({"optimizer": {"type": "sgd", "momentum": 1}})") ==
        "training: optimizer (sgd): momentum is 1, must be in [0, 1)");
  CHECK(problem(R"({"optimizer": {"type": "adam", "betas": [0, 1]}})") ==
        "training: optimizer (adam): betas[1] is 1, must be in [0, 1)");
  CHECK(problem(R"({"optimizer": {"type": "adamw", "eps": 0}})") == "training: optimizer (adamw): eps is 0, must be above 0");
  CHECK(problem(R"({"schedule": {"type": "exponential", "gamma": 0}})") ==
        "training: schedule (exponential): gamma is 0, must be in (0, 1]");
  CHECK(problem(R"({"schedule": {"type": "step", "step_size": 1, "gamma": 1}})") == "no error");
}

TEST_CASE("writing gives every default, and reading it again the same text") {
  for (const char* text : {"{}", R"({"optimizer": {"type": "sgd", "lr": 0.1, "decay": "weights"}, "ema": {"decay": 0.999}})",
                           R"({"optimizer": {"type": "rmsprop"}, "schedule": {"type": "step", "step_size": 10}})",
                           R"({"optimizer": {"type": "adam", "betas": [0.5, 0.75]}, "augmentation": {"shift": 1.5},
        "schedule": {"type": "sequential", "milestones": [5, 9], "policies": [{"type": "linear"}, {"type": "exponential", "gamma": 0.99},
        {"type": "sequential", "policies": [{"type": "one_cycle"}], "milestones": []}]}})"}) {
    const OrderedJson written = write_training(read(text));
    CHECK(write_training(read(written.dump())).dump() == written.dump());
    const Json given = Json::parse(text);
    for (const auto& [key, value] : given.items()) CHECK(written.contains(key));
  }
  const OrderedJson all = write_training({});
  CHECK(all.size() == 15);
  CHECK(all["optimizer"].dump() ==
        R"({"type":"adamw","lr":0.001,"betas":[0.9,0.999],"eps":1e-08,"weight_decay":0.01,"decay":"all"})");
}

TEST_CASE("the number of threads, which changes no result, changes no text") {
  CHECK(write_training(read(R"({"threads": 7})")).dump() == write_training(read("{}")).dump());
}

TEST_CASE("open lengths of schedules become what is left of the training") {
  CHECK(std::get<OneCycleLR>(resolved(OneCycleLR{}, 90)).total_steps == 90);
  CHECK(std::get<OneCycleLR>(resolved(OneCycleLR{.total_steps = 5}, 90)).total_steps == 5);
  const Policy p =
      resolved(SequentialLR{.policies = {CosineAnnealingLR{}, CosineAnnealingLR{}, OneCycleLR{}}, .milestones = {10, 30}}, 90);
  const auto& s = std::get<SequentialLR>(p);
  CHECK(std::get<CosineAnnealingLR>(s.policies[0]).t_max == 10);
  CHECK(std::get<CosineAnnealingLR>(s.policies[1]).t_max == 20);
  CHECK(std::get<OneCycleLR>(s.policies[2]).total_steps == 60);
}

TEST_CASE("the optimizer that is made is the one of the options, clipping included") {
  Model model = small_net();
  const auto o = make_optimizer(SGDOptions{.lr = 0.25, .momentum = 0.9}, 3, model.params());
  CHECK(o->lr() == 0.25);
  REQUIRE(o->state().size() == 1);
  CHECK(o->state()[0].name == "momentum");
  CHECK(make_optimizer(AdamWOptions{}, 0, model.params())->state().size() == 2);
}

TEST_CASE("the tables of docs/CONFIG.md hold every key") {
  const std::string table = training_table_markdown();
  const OrderedJson all = write_training({});
  const auto holds = [&](const std::string& text) { return table.find(text) != table.npos; };
  for (const auto& item : all.items()) CHECK(holds("| `training` | `" + item.key() + "` |"));
  for (const char* row : {"| `adamw` | `betas` |", "| `sgd` | `nesterov` |", "| `one_cycle` | `total_steps` |", "| `constant` |",
                          "| `ema` | `decay` |", "| `augmentation` | `rotate` |", "| required |"})
    CHECK(holds(row));
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) CHECK(std::count(line.begin(), line.end(), '|') == 6);
}

TEST_CASE("every config of examples/ is a model with a training that fit each other") {
  long configs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test_folder() + "/../examples/configs")) {
    CAPTURE(entry.path().string());
    const Json j = read_json(entry.path());
    Model model = Model::from_json(entry.path());
    CHECK(model.name() == entry.path().stem());
    const TrainingConfig c = read_training(model.training());
    CHECK(model.output_shape() == Shape{10});
    CHECK(model.input_shape() == (c.data == DataSource::digits ? Shape{8, 8, 1} : Shape{28, 28, 1}));
    ++configs;
  }
  CHECK(configs >= 7);
  const std::string folder = test_folder() + "/../examples/configs/";
  CHECK(Model::from_json(folder + "mobilenet_28.json").parameter_count() == 31946);
  CHECK(Model::from_json(folder + "mobilenet_14.json").parameter_count() == 31946);
  CHECK(Model::from_json(folder + "mobilenet_tiny.json").parameter_count() < 10000);
}

}  // namespace
}  // namespace six::test
