#pragma once
#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "init.h"
#include "layer.h"
#include "torch_layout.h"

namespace six {

// What a layer's `build` declares its parameters to. Nothing is allocated before the whole model is known to fit.
class Builder {
 public:
  static constexpr long kMaxParameters = 1L << 28;
  // Parameters go into `set`, at most that many; the numbers of parameter i are those of Rng(seed, Purpose::init, i).
  Builder(ParamSet& set, std::uint64_t seed, long most = kMaxParameters)
      : set_(set), seed_(seed), most_(std::min(most, kMaxParameters)) {}

  // A parameter `<path>.<name>`; `layout` is how files hold it, the memory's unless given. Decay::weights passes it by unless
  // `decays`. Throws if a model of that size is not supported.
  ParamRef param(const std::string& name, Shape shape, Fill fill, bool decays, std::optional<TorchLayout> layout = {});
  // State `<path>.<name>`, all `value` at the start.
  BufferRef buffer(const std::string& name, Shape shape, real value, std::optional<TorchLayout> layout = {});
  // State that counts: one number, an integer in files, 0 if a file lacks it.
  BufferRef counter(const std::string& name);
  // Whether the current layer is all there is of its model.
  bool alone() const { return depth_ == 2 && single_; }
  void macs(long count);  // multiply-accumulates of one sample

  // Builds a layer as the part `part` of the current one; returns the shape of its output.
  Shape add(AnyLayer& layer, const std::string& part, const Shape& in);
  // Builds layers one behind the other, as parts "layers.0", "layers.1", ... or by their names.
  Shape add_all(std::vector<AnyLayer>& layers, const Shape& in);
  // Builds the outermost layer, which has no name, and allocates and fills everything declared.
  Shape build(Layer& root, const Shape& in);

  // The image [h, w, c] that the current input is a flattened form of; rank 0: of none. Flatten sets it,
  // a layer that mixes features without changing their number takes it away.
  const Shape& image() const { return image_; }
  void set_image(const Shape& image) { image_ = image; }
  // The file layout of one number per channel or feature of the current input.
  TorchLayout per_feature(const Shape& in) const;

  // What a model keeps of this.
  struct Row {  // of the summary, one per layer in order
    std::string path, type;
    Shape out;
    long parameters = 0, macs = 0;  // its own, without its parts
  };
  struct Tensor {  // of a file, one per parameter or buffer in order
    std::string name;
    TorchLayout layout;
    bool counter = false;
  };
  struct Result {
    std::vector<Row> rows;
    std::vector<Tensor> params, buffers;
  };
  Result take() { return std::move(result_); }

 private:
  struct Declared {
    std::string name;
    Shape shape;
    bool decays, trainable;
    Fill fill;
    real value;
  };
  Shape enter(Layer& layer, std::string path, std::string where, const Shape& in);
  Shape enter_part(Layer& layer, const std::string& part, std::string where, const Shape& in);
  Tensor declare(const std::string& name, const Shape& shape, std::optional<TorchLayout> layout);
  void allocate();

  ParamSet& set_;
  std::uint64_t seed_;
  std::string path_;
  std::size_t row_ = 0;  // of the current layer
  int depth_ = 0;        // 1: the outermost
  bool single_ = false;  // the outermost has one part
  bool trainable_ = true;
  long most_, total_ = 0;
  Shape image_;
  std::vector<Declared> params_, buffers_;
  Result result_;
};

}  // namespace six
