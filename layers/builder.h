#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "init.h"
#include "layer.h"
#include "torch_layout.h"

namespace six {

// What a layer's `build` declares its parameters to. Nothing is allocated before the whole model is known to fit.
class Builder {
 public:
  using Fill = std::function<void(const Rng&, std::span<real>)>;  // draws start values

  Builder(ParamSet& set, std::uint64_t seed) : set_(set), seed_(seed) {}

  // A parameter `<path>.<name>`; `layout` is how files hold it, as it is unless given. Weight decay leaves it alone unless
  // `decays`.
  ParamRef param(std::string name, Shape shape, Fill fill, bool decays, TorchLayout layout = {});
  // State `<path>.<name>`, one value to start with; a counter is an integer in files.
  BufferRef buffer(std::string name, Shape shape, real value, TorchLayout layout = {});
  BufferRef counter(std::string name);
  void macs(long count);  // multiply-accumulates of one sample

  // Builds a layer inside the current one, under the name `part` (or its own): the shape of its output.
  Shape add(AnyLayer& layer, const std::string& part, const Shape& in);
  // A list inside the current layer, parts "layers.0", "layers.1", ...
  Shape add_all(std::vector<AnyLayer>& layers, const Shape& in);

  // The image [h, w, c] that the current features are a flattened form of (rank 0: they are none); flatten sets it.
  const Shape& image() const { return image_; }
  void set_image(const Shape& image) { image_ = image; }
  // The layout of one number per channel or feature of the current input.
  TorchLayout per_feature(const Shape& in) const;

  // Allocates and fills everything declared.
  void finish();

  struct Row {  // of the summary
    std::string path, type;
    int depth = 0;
    Shape out;
    long parameters = 0, macs = 0;
    bool leaf = true;
  };
  struct Tensor {  // of a file
    std::string name;
    TorchLayout layout;
    bool counter = false;
  };
  std::vector<Row> take_rows() { return std::move(rows_); }
  std::vector<Tensor> take_params() { return std::move(param_tensors_); }
  std::vector<Tensor> take_buffers() { return std::move(buffer_tensors_); }

 private:
  struct Declared {
    std::string name;
    Shape shape;
    bool decays, trainable;
    Fill fill;
    real value;
  };
  ParamSet& set_;
  std::uint64_t seed_;
  std::string path_;
  bool trainable_ = true;
  int depth_ = 0;
  long total_ = 0;
  Shape image_;
  std::vector<Declared> params_, buffers_;
  std::vector<Tensor> param_tensors_, buffer_tensors_;
  std::vector<Row> rows_;
};

}  // namespace six
