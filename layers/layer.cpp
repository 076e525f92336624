#include "layer.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "../core/error.h"
#include "../data/file.h"
#include "registry.h"

namespace six {

Var ParamRef::on(Tape& tape) const {
  require(set_ != nullptr, "this layer belongs to no model yet: give it to a Model first");
  return tape.param(*set_, index_);
}
const Param& ParamRef::param() const { return set_->params()[std::size_t(index_)]; }
real* ParamRef::values() const { return set_->value(index_); }

real* BufferRef::values() const {
  require(set_ != nullptr, "this layer belongs to no model yet: give it to a Model first");
  return set_->buffer(index_);
}

std::vector<AnyLayer>& Layer::children() {
  static std::vector<AnyLayer> none;
  return none;
}

void Layer::rethrow(const Error& e) const {
  std::string what = e.what();
  const std::string op = std::string(type()) + ": ";  // ops name themselves
  if (what.starts_with(op)) what.erase(0, op.size());
  throw Error(where_.empty() ? what : where_ + ": " + what);
}

Var Layer::operator()(Var x) const {
  Tape& tape = x.tape();
  struct Scope {
    Tape& tape;
    const char* before;
    ~Scope() { tape.set_scope(before); }
  } scope{tape, tape.set_scope(path_.c_str())};
  return located([&] { return forward(x); });
}

FieldList Layer::all_fields() {
  FieldList list = fields();
  list("name", name, "in the names of its weights, in place of its number");
  list("trainable", trainable, "false: its weights stay as they are");
  return list;
}

OrderedJson Layer::write() const {
  OrderedJson j = OrderedJson::object();
  j["type"] = type();
  if (!name.empty()) j["name"] = name;
  write_fields(const_cast<Layer*>(this)->fields(), j);
  j["trainable"] = trainable;
  return j;
}

void Layer::read(const Json& object) {
  static constexpr std::string_view others[] = {"type"};
  read_fields(object, all_fields(), others);
}

void Layer::check() const {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; };
  const bool good = name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed) && (name.empty() || !std::isdigit(name[0]));
  require(good, "the name ", printable(name), " must be letters, digits, - and _, at most 64 and no digit first");
  check_fields(const_cast<Layer*>(this)->fields());
}

namespace {

// " (conv2d)", as far as the object says.
std::string type_in(const Json& j) {
  if (!j.is_object() || !j.contains("type") || !j["type"].is_string()) return "";
  const std::string& type = j["type"].get_ref<const std::string&>();
  const auto& known = registry().prototypes();
  const bool found = std::any_of(known.begin(), known.end(), [&](const AnyLayer& l) { return l->type() == type; });
  return found ? " (" + type + ')' : "";
}

AnyLayer read_layer(const Json& j, const std::string& label) {
  return in_context(label + type_in(j), [&] { return registry().make(j); });
}

}  // namespace

void read_value(const Json& j, AnyLayer& layer, const Limits&) { layer = read_layer(j, ""); }
void write_value(OrderedJson& j, const AnyLayer& layer) { j = layer->write(); }
void check_value(const AnyLayer& layer, const Limits&) {
  in_context(" (" + std::string(layer->type()) + ')', [&] { layer->check(); });
}
std::string kind_of(const AnyLayer&, const Limits&) { return "layer"; }

void read_value(const Json& j, std::vector<AnyLayer>& layers, const Limits&) {
  require(j.is_array(), " must be an array of layers, got ", shown(j));
  require(j.size() <= 10'000, " has ", j.size(), " layers, at most 10000 are supported");
  std::vector<AnyLayer> read;
  for (std::size_t i = 0; i < j.size(); ++i) read.push_back(read_layer(j[i], '[' + std::to_string(i) + ']'));
  layers = std::move(read);
}
void write_value(OrderedJson& j, const std::vector<AnyLayer>& layers) {
  j = OrderedJson::array();
  for (const AnyLayer& layer : layers) j.push_back(layer->write());
}
void check_value(const std::vector<AnyLayer>&, const Limits&) {}  // each is checked where it is built
std::string kind_of(const std::vector<AnyLayer>&, const Limits&) { return "array of layers"; }

}  // namespace six
