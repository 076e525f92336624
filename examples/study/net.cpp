#include "net.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>

#include "../../core/error.h"
#include "../../data/download.h"
#include "../../data/json.h"
#include "../../data/sha256.h"
#include "activations.h"

extern const unsigned char six_study_mobilenet[], six_study_digits[];
extern const unsigned long six_study_mobilenet_size, six_study_digits_size;

namespace six::study {
namespace {

constexpr long kValidation = 5000, kDigitsValidation = 237;
// SHA-256 of MNIST's train-images-idx3-ubyte.
constexpr const char* kMnistImages = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db";

// The bytes of an IDX file of these numbers.
std::string idx_hash(const std::vector<std::uint32_t>& dims, const std::vector<std::uint8_t>& data) {
  std::vector<std::uint8_t> file = {0, 0, 8, std::uint8_t(dims.size())};
  for (std::uint32_t d : dims)
    for (int shift = 24; shift >= 0; shift -= 8) file.push_back(std::uint8_t(d >> shift));
  file.insert(file.end(), data.begin(), data.end());
  return sha256(file);
}

std::vector<std::string> hashes_of(const Dataset& data) {
  std::vector<std::string> hashes;
  for (const Split* s : {&data.train, &data.test}) {
    const auto n = std::uint32_t(s->size());
    hashes.push_back(idx_hash({n, std::uint32_t(s->image[0]), std::uint32_t(s->image[1])}, s->pixels));
    hashes.push_back(idx_hash({n}, {s->labels.begin(), s->labels.end()}));
  }
  return hashes;
}

// MNIST wherever it lies; another set stored like it by its folder.
std::string name_of(const Dataset& data, const std::string& first_hash, std::string folder) {
  if (first_hash == kMnistImages) return "mnist";
  std::transform(folder.begin(), folder.end(), folder.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return folder.find("fashion") == std::string::npos ? data.name : "fashion-mnist";
}

std::string activation_json(const Arm& arm, double at_kink) {
  const std::string kink = ", \"at_kink\": " + std::to_string(at_kink);
  if (arm.learned) return "{\"type\": \"pact\", \"start\": 6}";
  if (std::isinf(arm.clip)) return "{\"type\": \"relu\"" + kink + '}';
  if (arm.clip == 6) return "{\"type\": \"relu6\"" + kink + '}';
  return "{\"type\": \"relu_n\", \"n\": " + std::to_string(arm.clip) + kink + '}';
}

std::string clamp_json(double clip) {
  Json clamp = {{"type", "clamp"}, {"min", 0}, {"max", clip}};  // a float's digits survive the way through a double's
  return std::isinf(clip) ? "{\"type\": \"relu\"}" : clamp.dump();
}

Model loaded(const std::string& net, const Model& trained) {
  Model model = Model::from_json(net);
  model.set_state(trained.state(), {.strict = false});
  return model;
}

}  // namespace

Setting load_setting(const std::string& folder, bool want_digits) {
  Setting s;
  const char* variable = std::getenv("MNIST_DIR");
  std::string from = folder.empty() && variable && !want_digits ? variable : folder;
  if (from.empty() && !want_digits && has_mnist(mnist_cache_folder())) from = mnist_cache_folder();
  const bool digits = from.empty();
  s.data = digits ? load_digits() : load_mnist(locate_mnist(from, false));
  s.file_hashes = hashes_of(s.data);
  s.dataset = digits ? "digits" : name_of(s.data, s.file_hashes[0], from);
  split_validation(s.data, std::min(s.data.train.size() / 6, digits ? kDigitsValidation : kValidation));
  const auto net = digits ? std::string_view(reinterpret_cast<const char*>(six_study_digits), six_study_digits_size)
                          : std::string_view(reinterpret_cast<const char*>(six_study_mobilenet), six_study_mobilenet_size);
  s.net_text = flat_net(std::string(net));
  const Json json = parse_json(net, "network");
  s.net = json["name"];
  s.batch = json["training"]["batch"], s.lr = json["training"]["optimizer"]["lr"];
  return s;
}

std::string flat_net(const std::string& model_json) {
  OrderedJson net = OrderedJson::parse(model_json), layers = OrderedJson::array();
  for (const OrderedJson& layer : net["layers"]) {
    if (layer["type"] != "separable") {
      layers.push_back(layer);
      continue;
    }
    const OrderedJson activation = layer.value("activation", OrderedJson{{"type", "relu6"}});
    OrderedJson depthwise = {{"type", "depthwise_conv2d"}, {"kernel", 3}, {"stride", layer.value("stride", 1)}, {"bias", false}};
    OrderedJson pointwise = {{"type", "conv2d"}, {"out_channels", layer["out_channels"]}, {"kernel", 1}, {"bias", false}};
    if (layer.contains("init")) depthwise["init"] = pointwise["init"] = layer["init"];
    for (const OrderedJson& part :
         {depthwise, OrderedJson{{"type", "batch_norm"}}, activation, pointwise, OrderedJson{{"type", "batch_norm"}}, activation})
      layers.push_back(part);
  }
  net["layers"] = layers;
  net.erase("training");
  return net.dump();
}

std::string net_of(const Setting& s, bool bn, const std::function<std::string(std::size_t i)>& activation) {
  OrderedJson net = OrderedJson::parse(s.net_text), layers = OrderedJson::array();
  std::size_t i = 0;
  for (OrderedJson layer : net["layers"]) {
    if (layer["type"] == "relu6") layer = OrderedJson::parse(activation(i++));
    if (layer["type"] == "batch_norm" && !bn) continue;
    if (!bn && layer.contains("bias")) layer["bias"] = true, layer["init"] = "he_normal";
    layers.push_back(layer);
  }
  net["layers"] = layers;
  return net.dump();
}

Model make_model(const Setting& s, const Run& run) {
  const Arm& arm = arm_of(run.arm);
  const Model::Options options{.seed = std::uint64_t(run.seed)};
  Model model = Model::from_json(net_of(s, run.bn, [&](std::size_t) { return activation_json(arm, run.at_kink); }), options);
  if (arm.learned) {  // its clips are parameters too, whose numbers shift those of the others
    const Model plain =
        Model::from_json(net_of(s, run.bn, [&](std::size_t) { return std::string("{\"type\": \"relu6\"}"); }), options);
    model.set_state(plain.state(), {.strict = false});
  }
  return model;
}

Model with_clips(const Setting& s, const Run& run, const Model& trained, const Clips& clips) {
  return loaded(net_of(s, run.bn, [&](std::size_t i) { return clamp_json(clips.size() == 1 ? clips[0] : clips.at(i)); }), trained);
}

Model observed_model(const Setting& s, const Run& run, const Model& trained, const Clips&) {
  return loaded(net_of(s, run.bn, [](std::size_t) { return std::string("{\"type\": \"observed\"}"); }), trained);
}

Clips clips_of(const Run& run, const Model& trained) {
  const Arm& arm = arm_of(run.arm);
  if (!arm.learned) return {arm.clip};
  Clips clips;
  const ParamSet& p = trained.params();
  for (std::size_t i = 0; i < p.params().size(); ++i)
    if (p.params()[i].name.ends_with(".clip")) clips.push_back(double(*p.value(int(i))));
  return clips;
}

void scale_input(Model& model, double k) {
  ParamSet& p = model.params();
  real* w = p.value(0);
  for (long i = 0; i < p.params()[0].shape.size(); ++i) w[i] *= real(k);
}

}  // namespace six::study
