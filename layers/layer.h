#pragma once
#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/ops/ops.h"
#include "config.h"

namespace six {

class AnyLayer;
class Builder;

// A parameter of a built layer.
class ParamRef {
 public:
  ParamRef() = default;
  ParamRef(ParamSet& set, int index) : set_(&set), index_(index) {}
  // Its value on a tape, where gradients reach it. Throws if the layer belongs to no model yet.
  Var on(Tape& tape) const;
  explicit operator bool() const { return set_ != nullptr; }
  const Param& param() const;
  real* values() const;
  int index() const { return index_; }  // in the model's ParamSet

 private:
  ParamSet* set_ = nullptr;
  int index_ = -1;
};

// State of a built layer that is saved but not trained.
class BufferRef {
 public:
  BufferRef() = default;
  BufferRef(ParamSet& set, int index) : set_(&set), index_(index) {}
  real* values() const;  // throws if the layer belongs to no model yet
  explicit operator bool() const { return set_ != nullptr; }
  int index() const { return index_; }

 private:
  ParamSet* set_ = nullptr;
  int index_ = -1;
};

// What a JSON model is made of: settings, and once it is part of a Model also parameters. Shapes have no batch dimension.
// Derive from LayerOf, which supplies all but the first two.
class Layer {
 public:
  virtual ~Layer() = default;

  // Declares parameters and state for inputs of shape `in`; returns the shape of the output. Throws if the input does not fit.
  virtual Shape build(Builder& b, const Shape& in) = 0;
  // x [n, in...] to [n, out...], recorded on x's tape. Throws as the ops do.
  virtual Var forward(Var x) const = 0;

  virtual const char* type() const = 0;       // "conv2d"
  virtual const char* summary() const = 0;    // one line for the table of layers
  virtual FieldList fields() = 0;             // the settings, without those below
  virtual AnyLayer clone() const = 0;         // not built
  virtual std::vector<AnyLayer>& children();  // of composites, once built; in order
  const std::vector<AnyLayer>& children() const { return const_cast<Layer*>(this)->children(); }

  // Settings of every layer.
  std::string name;       // in parameter paths, in place of its number
  bool trainable = true;  // false: its parameters stay as they are (running statistics of batch norm still follow the data)

  // Runs `forward`, naming this layer in errors and to the tape.
  Var operator()(Var x) const;
  // Settings as JSON, every default written; and from JSON. Throws naming all that is wrong.
  OrderedJson write() const;
  void read(const Json& object);
  // Throws if a setting is out of range.
  void check() const;

  // After build: "layers.3.depthwise", and shapes.
  const std::string& path() const { return path_; }
  const Shape& in() const { return in_; }
  const Shape& out() const { return out_; }

 private:
  friend class Builder;
  FieldList all_fields();
  [[noreturn]] void rethrow(const Error& e) const;
  template <class Body>
  auto located(Body&& body) const {  // an Error from inside gets the place of this layer in front
    try {
      return body();
    } catch (const Error& e) {
      rethrow(e);
    }
  }
  std::string path_, where_;
  Shape in_, out_;
};

template <class L>
concept IsLayer = std::derived_from<L, Layer>;

template <PointwiseOp O>
class PointwiseLayer;

// A layer of any type, by value: copying copies the settings, not what a model has built.
class AnyLayer {
 public:
  template <IsLayer L>
  AnyLayer(L layer) : layer_(std::make_unique<L>(std::move(layer))) {}  // NOLINT: layers stand in lists
  // An activation's formula (`ReLU6{}`, one of your own) is a layer.
  template <HasFormula O>
  AnyLayer(O formula) {  // NOLINT
    if constexpr (check_pointwise<O>()) layer_ = std::make_unique<PointwiseLayer<O>>(formula);
  }
  AnyLayer(const AnyLayer& other) : AnyLayer(other->clone()) {}
  AnyLayer& operator=(const AnyLayer& other) { return *this = other->clone(); }
  AnyLayer(AnyLayer&&) noexcept = default;
  AnyLayer& operator=(AnyLayer&&) noexcept = default;

  Layer& operator*() { return *layer_; }
  const Layer& operator*() const { return *layer_; }
  Layer* operator->() { return layer_.get(); }
  const Layer* operator->() const { return layer_.get(); }
  Var operator()(Var x) const { return (*layer_)(x); }

 private:
  std::unique_ptr<Layer> layer_;
};

// The base of a layer type `Self` with settings `C` (see config.h). `Self` has
//   static constexpr const char *kType = "my_layer", *kSummary = "one line";
//   Shape build(Builder& b, const Shape& in) override;
//   Var forward(Var x) const override;
// and is added to the JSON vocabulary by `registry().add<Self>()`.
template <class Self, class C>
class LayerOf : public Layer {
 public:
  using Config = C;
  C config;

  LayerOf(C c = {}) : config(std::move(c)) {}  // NOLINT: `Conv2d{{.out_channels = 16}}`
  Self named(std::string_view layer_name) && {
    name = layer_name;
    return std::move(static_cast<Self&>(*this));
  }
  Self frozen() && {
    trainable = false;
    return std::move(static_cast<Self&>(*this));
  }
  const char* type() const override { return Self::kType; }
  const char* summary() const override { return Self::kSummary; }
  FieldList fields() override { return fields_in(config); }
  AnyLayer clone() const override {
    Self copy;
    copy.config = config, copy.name = name, copy.trainable = trainable;
    return AnyLayer(std::move(copy));
  }
};

// Settings of layers that have none.
struct NoConfig {};

// Any pointwise formula as a layer; its fields are the settings.
template <PointwiseOp O>
class PointwiseLayer : public LayerOf<PointwiseLayer<O>, O> {
 public:
  static constexpr const char *kType = O::name, *kSummary = O::summary;
  using LayerOf<PointwiseLayer<O>, O>::LayerOf;
  Shape build(Builder&, const Shape& in) override {
    if (const Problem p = problem_of(this->config)) fail(p);
    return in;
  }
  Var forward(Var x) const override { return pointwise(x, this->config); }
};

// The names these have in PyTorch.
using ReLU6 = Relu6;
using ReLU = Relu;

// Layers as members of settings: an activation, a list.
void read_value(const Json&, AnyLayer&, const Limits&);
void write_value(OrderedJson&, const AnyLayer&);
void check_value(const AnyLayer&, const Limits&);
std::string kind_of(const AnyLayer&, const Limits&);
void read_value(const Json&, std::vector<AnyLayer>&, const Limits&);
void write_value(OrderedJson&, const std::vector<AnyLayer>&);
void check_value(const std::vector<AnyLayer>&, const Limits&);
std::string kind_of(const std::vector<AnyLayer>&, const Limits&);

}  // namespace six
