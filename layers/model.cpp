#include "model.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "../core/error.h"
#include "../data/file.h"
#include "../data/json.h"

namespace six {
namespace {

constexpr const char* kFormat = "sixgrad-model";
constexpr int kVersion = 1;

// The members of a JSON model; "training" belongs to somebody else.
struct ModelConfig {
  std::string format = kFormat;
  int version = kVersion;
  std::string name = "model";
  std::vector<int> input;
  std::vector<AnyLayer> layers;
  static void fields(auto& visit, auto& c) {
    visit("format", c.format, "", required());
    visit("version", c.version, "", required());
    visit("name", c.name, "");
    visit("input", c.input, "", required(between(1, kMaxChannels)));
    visit("layers", c.layers, "", required());
  }
};

Shape shape_of(const std::vector<int>& sizes) {
  require(sizes.size() == 1 || sizes.size() == 3, "input must be [height, width, channels] or [features], got ", sizes.size(),
          " sizes");
  return sizes.size() == 1 ? Shape{sizes[0]} : Shape{sizes[0], sizes[1], sizes[2]};
}

// A name is printed, also one from somebody else's file: nothing in it that a terminal would obey (control characters; U+0080 to
// U+009F are bytes c2 80 to c2 9f).
void check_name(std::string_view name) {
  unsigned char before = 0;
  for (const unsigned char c : name) {
    require(c >= ' ' && c != 127 && !(before == 0xc2 && c < 0xa0), "name ", printable(name), " has control characters");
    before = c;
  }
}

// What kind of file this is comes first: all else could only be misread.
void check_format(const Json& j) {
  require(j.is_object(), "must be a JSON object, got ", shown(j));
  require(j.contains("format"), "missing key \"format\": this is no sixgrad model");
  require(is_text(j["format"], kFormat), "format is ", shown(j["format"]), ", expected \"", kFormat, '"');
  require(j.contains("version"), "missing key \"version\"");
  require(j["version"].is_number_integer(), "version must be an integer, got ", shown(j["version"]));
  require(j["version"] == kVersion, "version is ", shown(j["version"]), ", this library reads version ", kVersion,
          j["version"] > kVersion ? "; a newer one is needed" : "");
}

}  // namespace

Model::Model(Shape input, Sequential layers, Options options)
    : input_(input),
      name_(options.name.empty() ? "model" : std::move(options.name)),
      params_(std::make_unique<ParamSet>()),
      root_(std::move(layers)) {
  check_name(name_);
  Builder builder(*params_, options.seed, options.max_parameters);
  builder.build(root_, input_);
  built_ = std::make_shared<const Builder::Result>(builder.take());
}

Model Model::from_config(const Json& j, Options options) {
  check_format(j);
  ModelConfig c;
  static constexpr std::string_view others[] = {"training"};
  read_fields(j, fields_in(c), others);
  if (options.name.empty()) options.name = c.name;
  Model model(shape_of(c.input), Sequential({std::move(c.layers)}), std::move(options));
  if (j.contains("training")) model.set_training(j["training"]);
  return model;
}

Model Model::from_json(const std::string& file_or_text, Options options) {
  const std::size_t first = file_or_text.find_first_not_of(" \t\r\n");
  const bool text = first != std::string::npos && file_or_text[first] == '{';
  const std::string where = text ? "model" : file_or_text;
  Json j = text ? parse_json(file_or_text, where) : read_json(file_or_text);
  const JsonGuard guard{j};
  return in_context(where, [&] { return from_config(j, options); });
}

namespace {
// How large a model may be whose weights are in this file: bounded by the file, with room for one that turns out not to fit it.
long most_parameters(const Safetensors& file) {
  constexpr long kRoom = 1L << 20, kTimes = 4;
  long bytes = 0;
  for (const SavedTensor& t : file.tensors) bytes += long(t.bytes.size());
  return kRoom + kTimes * bytes;
}
}  // namespace

namespace {
Safetensors read_weights(const std::string& path) {
  Safetensors file = read_safetensors(path);
  const auto format = file.metadata.find("format");
  require(format == file.metadata.end() || format->second != "sixgrad-checkpoint", path,
          ": is a checkpoint, no model; `mnist train --resume` goes on with it");
  return file;
}
}  // namespace

Model Model::load(const std::string& path) {
  std::error_code unreadable;  // then reading it says why
  if (std::filesystem::is_directory(path, unreadable)) {
    const std::string config = path + "/model.json", weights = path + "/model.safetensors";
    Json j = read_json(config);
    const JsonGuard guard{j};
    if (!file_exists(weights))
      fail(path, ": has a model.json but no model.safetensors: ",
           file_exists(path + "/result.json") ? "it is gone, the training is over; remove result.json, then"
                                              : "its training has not come to its end;",
           " `mnist train --resume --out ", quoted(path), "` goes on with it");
    const Safetensors file = read_weights(weights);
    Model model = in_context(config, [&] { return from_config(j, {.max_parameters = most_parameters(file)}); });
    in_context(weights, [&] { model.set_state(file.tensors); });
    return model;
  }
  const Safetensors file = read_weights(path);
  const auto json = file.metadata.find("sixgrad.model");
  require(json != file.metadata.end(), path, ": its metadata hold no sixgrad.model: only weights; use Model::load_weights");
  Json j = parse_json(json->second, path + ": sixgrad.model");
  const JsonGuard guard{j};
  return in_context(path, [&] {
    Model model = in_context("sixgrad.model", [&] { return from_config(j, {.max_parameters = most_parameters(file)}); });
    model.set_state(file.tensors);
    return model;
  });
}

Var Model::operator()(Var x) const {
  const Sequential& root = whole();
  const Shape& s = x.shape();
  bool fits = s.rank() == input_.rank() + 1;
  for (int i = 0; fits && i < input_.rank(); ++i) fits = s[i + 1] == input_[i];
  require(fits, "model: the input has shape ", s, ", expected n samples of ", input_);
  return root(x);
}

OrderedJson Model::config() const {
  OrderedJson j = OrderedJson::object();
  j["format"] = kFormat, j["version"] = kVersion, j["name"] = name_;
  j["input"] = OrderedJson::array();
  for (int i = 0; i < input_.rank(); ++i) j["input"].push_back(input_[i]);
  write_value(j["layers"], layers());
  if (!training_.empty()) j["training"] = OrderedJson::parse(training_);
  return j;
}

std::string Model::to_json() const {
  std::string text;
  OrderedJson whole = config();
  const JsonGuard guard{whole};
  for (const auto& item : whole.items()) {
    const OrderedJson& value = item.value();
    text += (text.empty() ? "{\n  " : ",\n  ") + OrderedJson(item.key()).dump() + ": ";
    const bool lines = item.key() == "layers" || (item.key() == "training" && value.is_object() && !value.empty());
    if (!lines) {
      text += one_line(value);
      continue;
    }
    std::string rows;
    for (const auto& row : value.items()) {
      rows += rows.empty() ? "\n    " : ",\n    ";
      if (value.is_object()) rows += OrderedJson(row.key()).dump() + ": ";
      rows += one_line(row.value());
    }
    text += (value.is_object() ? '{' + rows + "\n  }" : '[' + rows + "\n  ]");
  }
  return text + "\n}\n";
}

Json Model::training() const { return training_.empty() ? Json() : Json::parse(training_); }
void Model::set_training(const Json& training) { training_ = training.is_null() ? "" : training.dump(); }

}  // namespace six
