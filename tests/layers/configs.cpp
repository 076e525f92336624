// The models that come with the library.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "../golden_json.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

const std::string kConfigs = test_folder() + "/../examples/configs/";

struct Expected {
  const char* name;
  long parameters, macs;
};
constexpr Expected kExpected[] = {
    {"digits", 9'034, 163'968},
    {"lenet", 61'706, 416'520},
    {"micro", 2'082, 293'296},
    {"mlp", 203'530, 203'264},
    {"mobilenet_10k", 9'974, 938'024},
    {"mobilenet_20k", 19'978, 1'428'264},
    {"mobilenet_14", 31'946, 1'904'832},
    {"mobilenet_28", 31'946, 1'989'504},
    {"mobilenet_fast", 20'266, 279'888},
    {"mobilenet_study", 7'290, 418'512},
    {"mobilenet_teacher", 71'274, 5'139'616},
    {"mobilenet_tiny", 9'978, 543'128},
    {"mobilenet_v2_tiny", 16'538, 1'044'928},
};

}  // namespace

TEST_CASE("configs: parameters, multiply-accumulates and names of every file") {
  for (const Expected& e : kExpected) {
    CAPTURE(e.name);
    const Model model = Model::from_json(kConfigs + e.name + ".json");
    CHECK(model.name() == e.name);
    CHECK(model.parameter_count() == e.parameters);
    CHECK(model.macs() == e.macs);
    CHECK(model.output_shape() == Shape{10});
    CHECK_FALSE(model.training().is_null());
    CHECK(Model::from_json(model.to_json()).to_json() == model.to_json());
  }
}

TEST_CASE("configs: each file of the folder is a model, and predicts probabilities") {
  std::set<std::string> listed;
  for (const Expected& e : kExpected) listed.insert(e.name);
  for (const auto& entry : std::filesystem::directory_iterator(kConfigs)) {
    CAPTURE(entry.path().string());
    const Model model = Model::from_json(entry.path().string());
    CHECK(listed.erase(entry.path().stem().string()) == 1);
    const std::vector<std::uint8_t> image(std::size_t(model.input_shape().size()), 100);
    const std::vector<real> p = model.predict(image);
    REQUIRE(p.size() == 10);
    double sum = 0;
    for (real v : p) sum += v;
    CHECK(sum == doctest::Approx(1));
  }
  CHECK(listed.empty());
}

TEST_CASE("configs: the names of MobileNet's weights are paths of torch modules") {
  const Model model = Model::from_json(kConfigs + "mobilenet_28.json");
  std::vector<std::string> names;
  for (const Param& p : model.params().params()) names.push_back(p.name);
  for (const Buffer& b : model.params().buffers()) names.push_back(b.name);
  const std::set<std::string> all(names.begin(), names.end());
  CHECK(names.size() == 1 + 2 + 4 * 6 + 2 + 9 * 3);
  for (const char* name : {"layers.0.weight", "layers.1.weight", "layers.1.bias", "layers.1.running_mean", "layers.1.running_var",
                           "layers.1.num_batches_tracked", "layers.3.depthwise.weight", "layers.3.bn1.weight",
                           "layers.3.pointwise.weight", "layers.3.bn2.running_var", "layers.8.weight", "layers.8.bias"})
    CHECK(all.count(name) == 1);
}

TEST_CASE("configs: weight decay is for weights, not for biases and batch norm") {
  const Model model = Model::from_json(kConfigs + "lenet.json"), mobile = Model::from_json(kConfigs + "mobilenet_28.json");
  for (const ParamSet* set : {&model.params(), &mobile.params()})
    for (const Param& p : set->params()) CHECK(p.decays == (p.name.ends_with("weight") && p.shape.rank() > 1));
}
