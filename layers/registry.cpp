#include "registry.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "../core/error.h"
#include "../data/json.h"
#include "layers.h"

namespace six {
namespace {

Registry with_all_layers() {
  Registry r;
  r.add<Conv2d>(), r.add<DepthwiseConv2d>(), r.add<Linear>(), r.add<BatchNorm>();
  PointwiseOps::for_each([&](auto op) { r.add<typename decltype(op)::type>(); });
  r.add<MaxPool2d>(), r.add<AvgPool2d>(), r.add<GlobalAvgPool>(), r.add<Flatten>(), r.add<Dropout>();
  r.add<Sequential>(), r.add<Residual>(), r.add<Separable>(), r.add<InvertedResidual>(), r.add<Quantized>();
  return r;
}

std::vector<std::string_view> types_of(const std::vector<AnyLayer>& layers) {
  std::vector<std::string_view> types;
  types.reserve(layers.size());
  for (const AnyLayer& layer : layers) types.push_back(layer->type());
  return types;
}

}  // namespace

void Registry::add(AnyLayer prototype) {
  const std::vector<std::string_view> types = types_of(prototypes_);
  require(std::find(types.begin(), types.end(), prototype->type()) == types.end(), "registry: a layer \"", prototype->type(),
          "\" exists already");
  prototypes_.push_back(std::move(prototype));
}

AnyLayer Registry::make(const Json& object) const {
  require(object.is_object(), "must be an object {\"type\": ...}, got ", shown(object));
  const auto type = object.find("type");
  require(type != object.end(), "missing key \"type\"");
  const std::vector<std::string_view> types = types_of(prototypes_);
  const auto found = std::find_if(types.begin(), types.end(), [&](std::string_view t) { return is_text(*type, t); });
  if (found == types.end()) {
    const std::string_view near = type->is_string() ? nearest(type->get_ref<const std::string&>(), types) : "";
    std::string known;
    for (std::string_view t : types) known += (known.empty() ? "" : ", ") + std::string(t);
    fail("unknown layer ", shown(*type), near.empty() ? "" : ", did you mean \"" + std::string(near) + "\"?", " (known: ", known,
         ")");
  }
  AnyLayer layer = prototypes_[std::size_t(found - types.begin())];
  layer->read(object);
  return layer;
}

Registry& registry() {
  static Registry r = with_all_layers();
  return r;
}

std::string layer_table_markdown() {
  std::string table = "| layer | key | value | default | meaning |\n|---|---|---|---|---|\n";
  for (AnyLayer layer : registry().prototypes()) {
    table += "| `" + std::string(layer->type()) + "` | | | | " + layer->summary() + " |\n" + markdown_rows(layer->fields(), " ");
  }
  return table + "| every layer | `name` | string | | in the names of its weights, in place of its number |\n" +
         "| | `trainable` | true or false | `true` | false: its weights stay as they are |\n";
}

}  // namespace six
