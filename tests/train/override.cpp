#include "../../train/override.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "../data/support.h"

namespace six::test {
namespace {

using nlohmann::json;

json document() {
  return json::parse(
      R"({"name": "net", "layers": [{"type": "conv2d", "kernel": 3}, {"type": "relu6"}], "training": {"optimizer": {"lr": 0.1}}})");
}

json after(const std::string& assignment) {
  json d = document();
  apply_override(d, assignment);
  return d;
}

std::string override_problem(const std::string& assignment) {
  json d = document();
  const std::string message = message_of([&] { apply_override(d, assignment); });
  CHECK(d == document());  // a failed override changes nothing
  return message;
}

TEST_CASE("an override sets what its path names, with the type of its JSON value") {
  CHECK(after("training.optimizer.lr=0.01")["training"]["optimizer"]["lr"] == 0.01);
  CHECK(after("layers.1.type=relu")["layers"][1]["type"] == "relu");
  CHECK(after("layers.0.kernel=5")["layers"][0]["kernel"].is_number_integer());
  CHECK(after("name=a=b")["name"] == "a=b");
  CHECK(after("layers.1={\"type\": \"linear\"}")["layers"][1] == json{{"type", "linear"}});
  CHECK(after("name=")["name"] == "");
  CHECK(after("training.bias=false")["training"]["bias"] == false);
}

TEST_CASE("objects on the way are made, all else stays as it was") {
  json d = document();
  apply_override(d, "training.ema.decay=0.9");
  CHECK(d["training"]["ema"] == json{{"decay", 0.9}});
  d["training"].erase("ema");
  CHECK(d == document());
}

TEST_CASE("what is missing on the way has its default settings, unless its type is set") {
  const json defaults = json::parse(
      R"({"layers": [{"kernel": 3}, {"activation": {"type": "relu6", "at_kink": [0, 0]}}],
          "training": {"optimizer": {"type": "adamw", "lr": 0.001}, "schedule": {"type": "constant"}}})");
  const auto set = [&](const std::string& assignment) {
    json d = document();
    apply_override(d, assignment, defaults);
    return d;
  };
  CHECK(set("layers.1.activation.at_kink=1")["layers"][1]["activation"] == json{{"type", "relu6"}, {"at_kink", 1}});
  CHECK(set("layers.1.activation.type=relu")["layers"][1]["activation"] == json{{"type", "relu"}});
  CHECK(set("training.optimizer.betas=[0,0]")["training"]["optimizer"] == json{{"lr", 0.1}, {"betas", {0, 0}}});  // is there
  CHECK(set("training.schedule.x=1")["training"]["schedule"] == json{{"type", "constant"}, {"x", 1}});
  CHECK(set("training.ema.decay=0.5")["training"]["ema"] == json{{"decay", 0.5}});
  CHECK(set("layers.0.kernel=5") == after("layers.0.kernel=5"));
  CHECK(set("name=x") == after("name=x"));
}

TEST_CASE("an override that fits nowhere names the part that fails") {
  CHECK(override_problem("epochs") == "override \"epochs\": has no =, expected PATH=VALUE as in training.epochs=3");
  CHECK(override_problem("layers.2.kernel=3") ==
        "override \"layers.2.kernel=3\": layers has 2 elements, there is no 2 (the first is 0)");
  CHECK(override_problem("layers.conv.kernel=3") ==
        "override \"layers.conv.kernel=3\": layers is an array, \"conv\" is no index into it");
  CHECK(override_problem("layers.-1.kernel=3") ==
        "override \"layers.-1.kernel=3\": layers is an array, \"-1\" is no index into it");
  CHECK(override_problem("layers.0.kernel.x=3") ==
        "override \"layers.0.kernel.x=3\": layers.0.kernel is \"3\", it has no member \"x\"");
  CHECK(contains(override_problem("=3"), {"the path has an empty part"}));
  CHECK(contains(override_problem("training..lr=3"), {"the path has an empty part"}));
  CHECK(contains(override_problem("training.=3"), {"the path has an empty part"}));
  std::string deep = "a";
  for (int i = 0; i < 100; ++i) deep += ".a";
  CHECK(contains(override_problem(deep + "=1"), {"more than 64 parts"}));
}

}  // namespace
}  // namespace six::test
