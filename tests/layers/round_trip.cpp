// Saving writes every default, and what was saved reads back to the same text: over models drawn at random.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "../../core/rng.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

// Draws JSON models that are valid by construction; half of the optional keys are left out.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : rng_(seed, Purpose::user) {}

  OrderedJson model() {
    h_ = between(4, 12), w_ = between(4, 12), c_ = between(1, 5);
    OrderedJson j = {{"format", "sixgrad-model"}, {"version", 1}};
    if (coin()) j["name"] = "net" + std::to_string(between(0, 9));
    j["input"] = {h_, w_, c_};
    j["layers"] = OrderedJson::array();
    for (int n = between(1, 6); n > 0; --n) j["layers"].push_back(image_layer(2));
    if (coin()) {
      j["layers"].push_back(named({{"type", coin() ? "flatten" : "global_avg_pool"}}));
      if (coin()) j["layers"].push_back(elementwise());
      for (int n = between(0, 2); n > 0; --n) j["layers"].push_back(linear());
    }
    if (coin()) j["training"] = {{"epochs", between(1, 9)}, {"anything", {1.5, "x", nullptr, false}}};
    return j;
  }

 private:
  int between(int lo, int hi) { return lo + int(rng_.below(next_++, std::uint64_t(hi - lo + 1))); }
  bool coin() { return between(0, 1) == 1; }
  double decimal(int hi) { return between(0, 1000 * hi) / 1000.0; }
  template <class T>
  void maybe(OrderedJson& j, const char* key, T value) {
    if (coin()) j[key] = value;
  }

  OrderedJson named(OrderedJson j) {
    if (between(0, 4) == 0) j["name"] = "layer-" + std::to_string(count_++);
    if (between(0, 4) == 0) j["trainable"] = coin();
    return j;
  }

  OrderedJson at_kink() {
    static const double slopes[] = {0, 0.5, 1};
    return coin() ? OrderedJson(slopes[between(0, 2)]) : OrderedJson{slopes[between(0, 2)], slopes[between(0, 2)]};
  }

  OrderedJson activation() {
    static const char* with_pair[] = {"relu6", "clamp", "relu_n", "hardtanh", "hard_sigmoid", "hard_swish"};
    static const char* plain[] = {"sigmoid", "tanh", "silu", "gelu"};
    if (between(0, 6) == 0) return {{"type", "relu"}, {"at_kink", 0.5}};
    if (between(0, 2) == 0) return {{"type", plain[between(0, 3)]}};
    OrderedJson j = {{"type", with_pair[between(0, 5)]}};
    if (j["type"] == "clamp") maybe(j, "min", -decimal(3)), maybe(j, "max", decimal(3));
    if (j["type"] == "relu_n") maybe(j, "n", decimal(9) + 0.001);
    maybe(j, "at_kink", at_kink());
    return j;
  }

  OrderedJson elementwise() {
    const int kind = between(0, 2);
    if (kind == 0) return named(activation());
    OrderedJson j = {{"type", kind == 1 ? "dropout" : "batch_norm"}};
    if (kind == 1) maybe(j, "p", decimal(1) * 0.9);
    if (kind == 2) maybe(j, "eps", 1e-3), maybe(j, "momentum", decimal(1));
    return named(j);
  }

  OrderedJson linear() {
    OrderedJson j = {{"type", "linear"}, {"out_features", between(1, 6)}};
    maybe(j, "bias", coin()), maybe(j, "init", init());
    return named(j);
  }

  const char* init() {
    static const char* names[] = {"he_normal", "pytorch_uniform", "glorot_uniform"};
    return names[between(0, 2)];
  }

  // A convolution that keeps the image's size if its stride is 1.
  OrderedJson conv(bool keeps) {
    OrderedJson j = {{"type", coin() ? "conv2d" : "depthwise_conv2d"}};
    if (j["type"] == "conv2d") c_ = keeps ? c_ : between(1, 5), j["out_channels"] = c_;
    const int kernel = 1 + 2 * between(0, 1), stride = keeps ? 1 : between(1, 2);
    maybe(j, "bias", coin()), maybe(j, "init", init());
    j["kernel"] = coin() ? OrderedJson(kernel) : OrderedJson{kernel, kernel};
    if (stride == 2 || coin()) j["stride"] = stride;
    const int half = kernel / 2;
    if (coin()) j["padding"] = coin() ? OrderedJson("same") : coin() ? OrderedJson(half) : OrderedJson{half, half, half, half};
    h_ = (h_ - 1) / stride + 1, w_ = (w_ - 1) / stride + 1;
    return named(j);
  }

  OrderedJson block(bool keeps) {
    const bool v2 = coin();
    c_ = keeps ? c_ : between(1, 5);
    OrderedJson j = {{"type", v2 ? "inverted_residual" : "separable"}, {"out_channels", c_}};
    const int stride = keeps ? 1 : between(1, 2);
    if (stride == 2 || coin()) j["stride"] = stride;
    if (v2) maybe(j, "expansion", between(1, 3));
    maybe(j, "activation", activation());
    h_ = (h_ - 1) / stride + 1, w_ = (w_ - 1) / stride + 1;
    return named(j);
  }

  OrderedJson image_layer(int depth, bool keeps = false) {
    const int kind = between(0, depth > 0 ? 5 : 3);
    if (kind == 0) return elementwise();
    if (kind == 1) return conv(keeps);
    if (kind == 2) return block(keeps);
    if (kind == 3 && !keeps && std::min(h_, w_) >= 2) {
      OrderedJson j = {{"type", coin() ? "max_pool2d" : "avg_pool2d"}};
      const int stride = between(1, 2);
      j["stride"] = stride;
      maybe(j, "kernel", 2);
      h_ = (h_ - 2) / stride + 1, w_ = (w_ - 2) / stride + 1;
      return named(j);
    }
    if (kind < 4) return elementwise();
    OrderedJson j = {{"type", kind == 4 ? "residual" : "sequential"}, {"layers", OrderedJson::array()}};
    for (int n = between(1, 3); n > 0; --n) j["layers"].push_back(image_layer(depth - 1, keeps || kind == 4));
    return named(j);
  }

  Rng rng_;
  std::uint64_t next_ = 0;
  int h_ = 0, w_ = 0, c_ = 0, count_ = 0;
};

bool has_key_everywhere(const OrderedJson& layers, const char* key) {
  return std::all_of(layers.begin(), layers.end(), [&](const OrderedJson& l) {
    return l.contains(key) && (!l.contains("layers") || has_key_everywhere(l["layers"], key));
  });
}

}  // namespace

TEST_CASE("round trip: saving a loaded model gives the same text, over models drawn at random") {
  int with_training = 0, with_blocks = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::string text = Generator(seed).model().dump();
    CAPTURE(text);
    const Model first = Model::from_json(text);
    const std::string saved = first.to_json();
    const Model second = Model::from_json(saved);
    REQUIRE(second.to_json() == saved);
    CHECK(Model::from_json(first.config().dump()).to_json() == saved);
    CHECK(has_key_everywhere(first.config()["layers"], "trainable"));
    CHECK(copy_of(first.params()) == copy_of(second.params()));  // the same model, not only the same text
    CHECK(second.output_shape() == first.output_shape());
    with_training += first.config().contains("training"), with_blocks += saved.find("separable") != saved.npos;
  }
  CHECK(with_training > 50);
  CHECK(with_blocks > 50);
}

TEST_CASE("round trip: outputs and weights survive a file, over models drawn at random") {
  const TempFolder folder;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const std::string text = Generator(seed).model().dump();
    CAPTURE(text);
    const Model saved = Model::from_json(text, {.seed = seed + 2});
    saved.save(folder / "m.safetensors");
    const Model loaded = Model::load(folder / "m.safetensors");
    CHECK(copy_of(loaded.params()) == copy_of(saved.params()));
    CHECK(outputs(loaded, 2) == outputs(saved, 2));
    CHECK(loaded.to_json() == saved.to_json());
  }
}

TEST_CASE("round trip: what a training is stays unread and unchanged") {
  const std::string training = R"({"epochs": 3, "unknown to layers": {"deep": [1, 2.5, null]}})";
  std::string text = model_text(R"({"type": "relu"})");
  text.insert(text.size() - 1, ", \"training\": " + training);
  const Model model = Model::from_json(text);
  CHECK(model.training() == Json::parse(training));
  CHECK(Model::from_json(model.to_json()).training() == Json::parse(training));
  CHECK(model_of(R"({"type": "relu"})").training().is_null());
}

TEST_CASE("round trip: the text of a saved model") {
  std::string text = model_text(R"({"type": "conv2d", "out_channels": 4, "stride": 2, "padding": "same", "name": "stem"},
                                    {"type": "max_pool2d"}, {"type": "separable", "out_channels": 2, "activation": {"type": "relu"}})");
  text.insert(text.size() - 1, R"(, "training": {"epochs": 3, "lr": 1e-3})");
  CHECK(Model::from_json(text).to_json() == R"({
  "format": "sixgrad-model",
  "version": 1,
  "name": "model",
  "input": [8, 8, 3],
  "layers": [
    {"type": "conv2d", "name": "stem", "out_channels": 4, "kernel": 3, "stride": 2, "padding": [0, 0, 1, 1], "bias": true, "init": "he_normal", "trainable": true},
    {"type": "max_pool2d", "kernel": 2, "stride": 2, "padding": 0, "trainable": true},
    {"type": "separable", "out_channels": 2, "stride": 1, "activation": {"type": "relu", "at_kink": 0, "trainable": true}, "init": "he_normal", "trainable": true}
  ],
  "training": {
    "epochs": 3,
    "lr": 0.001
  }
}
)");
}
