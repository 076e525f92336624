#include "../../train/metrics_log.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "../../data/json.h"
#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

std::vector<OrderedJson> lines_of(const std::string& path) {
  std::istringstream text(take(path));
  std::vector<OrderedJson> lines;
  for (std::string line; std::getline(text, line);) {
    parse_json(line, path);  // strictly
    lines.push_back(OrderedJson::parse(line));
  }
  return lines;
}

std::vector<std::string> keys(const OrderedJson& object) {
  std::vector<std::string> k;
  for (const auto& item : object.items()) k.push_back(item.key());
  return k;
}

TEST_CASE("the log of a training: a header, then a line for each epoch and split, with the trainer's numbers") {
  const TempFolder folder;
  const std::string path = folder / "metrics.jsonl";
  put(path, "what was there before\n");
  const Dataset data = few_digits();
  Model model = small_net();
  Trainer trainer(model, data, full_config());
  std::vector<EpochReport> reports;
  {
    MetricsLog log(path, {.config_hash = "abc", .seed = 7, .threads = 2});
    trainer.run({.epoch = [&](const EpochReport& r) { log.epoch(r), reports.push_back(r); }});
  }
  CHECK(take(path).ends_with("}\n"));
  const auto lines = lines_of(path);
  REQUIRE(lines.size() == 7);
  CHECK(keys(lines[0]) ==
        std::vector<std::string>{"format", "version", "config_hash", "seed", "threads", "precision", "isa", "library"});
  CHECK(lines[0]["format"] == "sixgrad-log");
  CHECK(lines[0]["version"] == 1);
  CHECK(lines[0]["config_hash"] == "abc");
  CHECK(lines[0]["seed"] == 7);
  CHECK(lines[0]["threads"] == 2);
  CHECK(lines[0]["precision"] == (sizeof(real) == 4 ? "float32" : "float64"));
  for (std::size_t i = 0; i < 3; ++i) {
    const OrderedJson &train = lines[1 + 2 * i], &test = lines[2 + 2 * i];
    CHECK(keys(train) == std::vector<std::string>{"epoch", "step", "split", "loss", "accuracy", "lr", "grad_norm",
                                                  "images_per_second", "seconds", "closed_gates"});
    CHECK(train["epoch"] == i + 1);
    CHECK(train["step"] == 6 * (i + 1));
    CHECK(train["split"] == "train");
    CHECK(train["loss"].get<double>() == reports[i].loss);  // to the last bit
    CHECK(train["accuracy"].get<double>() == reports[i].accuracy);
    CHECK(train["lr"].get<double>() == reports[i].lr);
    CHECK(train["grad_norm"].get<double>() == reports[i].grad_norm);
    CHECK(keys(train["closed_gates"]) == std::vector<std::string>{"layers.2", "layers.3.act1", "layers.3.act2"});
    CHECK(train["closed_gates"]["layers.2"]["at_0"].get<double>() == reports[i].closed_gates[0].at_lo);
    CHECK(train["closed_gates"]["layers.2"]["at_6"].get<double>() == reports[i].closed_gates[0].at_hi);
    CHECK(test["split"] == "test");
    CHECK(test["epoch"] == i + 1);
    CHECK(test["loss"].get<double>() == reports[i].evaluation->loss);
    CHECK(test["accuracy"].get<double>() == reports[i].evaluation->accuracy());
  }
}

TEST_CASE("numbers that JSON lacks are strings") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(json_number(std::nan("")).dump() == "\"nan\"");
  CHECK(json_number(inf).dump() == "\"inf\"");
  CHECK(json_number(-inf).dump() == "\"-inf\"");
  CHECK(json_number(0.1).dump() == "0.1");
  const TempFolder folder;
  MetricsLog log(folder / "log", {});
  EpochReport r{.epoch = 1, .loss = std::nan(""), .grad_norm = inf};
  log.epoch(r);
  const auto lines = lines_of(folder / "log");
  CHECK(lines.at(1)["loss"] == "nan");
  CHECK(lines.at(1)["grad_norm"] == "inf");
}

TEST_CASE("a log is continued from an offset as if it had never been interrupted") {
  const TempFolder folder;
  const std::string path = folder / "log";
  const EpochReport first{.epoch = 1, .step = 6, .loss = 0.5}, second{.epoch = 2, .step = 12, .loss = 0.25};
  std::int64_t offset = 0;
  {
    MetricsLog log(path, {.config_hash = "x"});
    log.epoch(first), log.epoch(second);
  }
  const std::string whole = take(path);
  {
    MetricsLog log(path, {.config_hash = "x"});
    log.epoch(first);
    offset = log.offset();
    log.epoch(second);
  }
  put(path, take(path) + "{\"cut of");
  {
    MetricsLog log(path, {.config_hash = "x"}, offset);
    log.epoch(second);
  }
  CHECK(take(path) == whole);
  CHECK(contains(message_of([&] { MetricsLog(path, {}, 1 << 20); }), {path, "goes on after 1048576", "or remove it"}));
  for (const std::int64_t other : {std::int64_t(0), offset - 1})
    CHECK(contains(message_of([&] { MetricsLog(path, {}, other); }), {path, "header and whole lines", "or remove it"}));
  CHECK(take(path) == whole);
  put(path, "{\"format\":\"other\"}\n");
  CHECK(contains(message_of([&] { MetricsLog(path, {}, 19); }), {path, "header and whole lines"}));
  const std::string missing = folder / "missing";
  CHECK(contains(message_of([&] { MetricsLog(missing, {}, 7); }), {missing, "is missing", "after 7 bytes"}));
  CHECK_FALSE(file_exists(missing));
}

}  // namespace
}  // namespace six::test
