#include "builder.h"

#include <algorithm>
#include <climits>
#include <new>

#include "../core/error.h"
#include "../data/file.h"

namespace six {
namespace {

constexpr std::size_t kMaxLayers = 10'000;
constexpr long kMaxActivations = INT_MAX;  // of one sample in one layer: kernels count in int

void check_shape(const char* what, const Shape& shape) {
  require(shape.rank() >= 1 && shape.rank() <= 3, what, " has ", shape.rank(), " dimensions, expected 1 to 3 (", shape, ")");
  require(shape.size() <= kMaxActivations, what, " is too large: at most ", kMaxActivations, " numbers are supported (", shape,
          ")");
  require(shape.size() >= 1, what, " is empty (", shape, ")");
}

}  // namespace

Builder::Tensor Builder::declare(const std::string& name, const Shape& shape, std::optional<TorchLayout> layout) {
  total_ += shape.size();
  require(total_ <= most_, name, ' ', shape, " is too large: at most ", most_, " parameters are ",
          most_ < kMaxParameters ? "taken for what the file of weights holds" : "supported", ", all layers together");
  return {path_ + (path_.empty() ? "" : ".") + name, layout ? *layout : TorchLayout::same(shape), false};
}

ParamRef Builder::param(const std::string& name, Shape shape, Fill fill, bool decays, std::optional<TorchLayout> layout) {
  result_.params.push_back(declare(name, shape, std::move(layout)));
  params_.push_back({result_.params.back().name, shape, decays, trainable_, std::move(fill), 0});
  if (!path_.empty()) result_.rows[row_].parameters += shape.size();
  return {set_, int(params_.size()) - 1};
}

BufferRef Builder::buffer(const std::string& name, Shape shape, real value, std::optional<TorchLayout> layout) {
  result_.buffers.push_back(declare(name, shape, std::move(layout)));
  buffers_.push_back({result_.buffers.back().name, shape, false, false, {}, value});
  return {set_, int(buffers_.size()) - 1};
}

BufferRef Builder::counter(const std::string& name) {
  const BufferRef ref = buffer(name, {}, 0);
  result_.buffers.back().counter = true;
  return ref;
}

void Builder::macs(long count) {
  if (!path_.empty()) result_.rows[row_].macs += count;
}

Shape Builder::enter(Layer& layer, std::string path, std::string where, const Shape& in) {
  const std::string outer_path = std::exchange(path_, std::move(path));
  const std::size_t outer_row = std::exchange(row_, result_.rows.size());
  const bool outer_trainable = std::exchange(trainable_, trainable_ && layer.trainable);
  const bool root = path_.empty();
  ++depth_;
  if (!root) result_.rows.push_back({path_, layer.type(), {}, 0, 0});
  layer.path_ = path_, layer.where_ = std::move(where), layer.in_ = in;
  layer.located([&] {
    require(result_.rows.size() <= kMaxLayers, "too many layers: at most ", kMaxLayers, " are supported");
    layer.check();
    const Shape image = image_;
    layer.out_ = layer.build(*this, in);
    check_shape("the output", layer.out_);
    const bool leaf = layer.children().empty();
    if (leaf && image_ == image && layer.out_ != in) image_ = {};  // mixed, or no longer one row
    return 0;
  });
  if (!root) result_.rows[row_].out = layer.out_;
  trainable_ = outer_trainable, row_ = outer_row, path_ = outer_path, --depth_;
  return layer.out_;
}

Shape Builder::enter_part(Layer& layer, const std::string& part, std::string where, const Shape& in) {
  return enter(layer, path_ + (path_.empty() ? "" : ".") + part, std::move(where) + " (" + layer.type() + ")", in);
}

Shape Builder::add(AnyLayer& layer, const std::string& part, const Shape& in) {
  require(layer->name.empty(), part, " has the name ", printable(layer->name), "; parts of a block are named by the block");
  return enter_part(*layer, part, part, in);
}

Shape Builder::add_all(std::vector<AnyLayer>& layers, const Shape& in) {
  require(!layers.empty(), "has no layers, at least one is needed");
  std::vector<std::string> names;
  Shape shape = in;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    Layer& l = *layers[i];
    const std::string number = std::to_string(i), label = "layers[" + number + ']';
    names.push_back(l.name.empty() ? number : l.name);
    shape = enter_part(l, "layers." + names.back(), l.name.empty() ? label : label + ' ' + printable(l.name), shape);
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) fail("two layers have the name \"", *twice, '"');
  return shape;
}

Shape Builder::build(Layer& root, const Shape& in) {
  check_shape("the input", in);
  single_ = root.children().size() == 1;
  const Shape out = enter(root, "", "", in);
  allocate();
  return out;
}

TorchLayout Builder::per_feature(const Shape& in) const {
  return in.rank() == 1 && image_.rank() == 3 ? TorchLayout::features(image_) : TorchLayout::same({in.channels()});
}

void Builder::allocate() try {
  for (Declared& d : params_) {
    const int i = set_.add(d.name, d.shape, d.decays);
    set_.params()[i].trainable = d.trainable;
  }
  for (Declared& d : buffers_) set_.add_buffer(d.name, d.shape, d.value);
  for (std::size_t i = 0; i < params_.size(); ++i)
    params_[i].fill(Rng(seed_, Purpose::init, i), {set_.value(int(i)), std::size_t(params_[i].shape.size())});
} catch (const std::bad_alloc&) {
  fail("the ", total_, " parameters do not fit into memory");
}

}  // namespace six
