#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../core/bytes.h"
#include "../data/safetensors.h"
#include "builder.h"
#include "composite.h"
#include "inference.h"

namespace six {

struct ModelOptions {
  std::uint64_t seed = 1;                         // of the initial weights
  std::string name = {};                          // written into files; "" keeps the one of the JSON
  long max_parameters = Builder::kMaxParameters;  // a larger model throws before it is allocated
};

struct LoadOptions {
  // A file's tensor `from` or `from.rest` is taken for `to` or `to.rest`; the first that matches counts. "" is the empty prefix.
  std::vector<std::pair<std::string, std::string>> renamings = {};
  bool strict = true;  // false: tensors that are missing or unexpected are passed over; wrong shapes never are
};

// Layers with their parameters. Movable, not copyable; layers and parameters stay where they are when it moves. One that was
// moved from can be assigned to; what needs its layers or parameters throws.
class Model {
 public:
  using Options = ModelOptions;

  // Builds the layers for inputs [h, w, c] (or [features]) and draws the initial weights. Throws if a layer does not fit its input.
  Model(Shape input, Sequential layers, Options options = {});
  // From a JSON model, a file or the text itself; see examples/configs. A member "training" is kept and passed on unread.
  static Model from_json(const std::string& file_or_text, Options options = {});
  static Model from_config(const Json& config, Options options = {});
  // With weights: a folder with model.json and model.safetensors, or a file that `save` wrote.
  static Model load(const std::string& folder_or_file);

  Model(Model&&) noexcept = default;
  Model& operator=(Model&&) noexcept = default;

  // Logits for x [n, input...], recorded on x's tape. Throws naming the layer.
  Var operator()(Var x) const;

  ParamSet& params() { return held(params_); }
  const ParamSet& params() const { return held(params_); }
  const std::vector<AnyLayer>& layers() const { return whole().children(); }
  const Shape& input_shape() const { return input_; }  // without batch
  const Shape& output_shape() const { return root_.out(); }
  const std::string& name() const { return name_; }
  long parameter_count() const { return params().size(); }
  long macs() const;  // multiply-accumulates of one sample

  // A table: layer, output shape, parameters, multiply-accumulates; blocks with their parts.
  std::string summary() const;
  // The JSON model with every default written; reading and writing it again gives the same text.
  OrderedJson config() const;
  std::string to_json() const;  // one layer a line
  Json training() const;        // null if there is none
  void set_training(const Json& training);

  // Weights as safetensors with torch's names and layouts, the model itself in the metadata.
  void save(const std::string& path) const;
  // Throws one Error with all tensors that are missing, unexpected or of another shape; then nothing has changed.
  void load_weights(const std::string& path, const LoadOptions& options = {});
  // The same in memory: parameters and running statistics.
  std::vector<SavedTensor> state() const { return state(params().values(), params().buffer_values()); }
  void set_state(const std::vector<SavedTensor>& tensors, const LoadOptions& options = {});
  // The same of slabs laid out like the parameters and the running statistics, which need not be the model's.
  struct Slabs {
    std::vector<real> values, buffers;
  };
  std::vector<SavedTensor> state(const real* values, const real* buffers) const;
  Slabs read_state(const std::vector<SavedTensor>& tensors, const LoadOptions& options = {}) const;
  // A slab laid out like the parameters (gradients, moments, averages), as tensors `prefix` + name; and back, strictly.
  std::vector<SavedTensor> slab_state(const real* slab, const std::string& prefix) const;
  void set_slab_state(const std::vector<SavedTensor>& tensors, real* slab, const std::string& prefix) const;

  // The model as it is now, compiled for many images or for the shortest latency. Throws naming the layer if an op of the user's
  // own has no compiled form, or weights are too large once batch norm is folded into them. threads 0: all processors.
  Inference compile_inference(int threads = 0) const;
  // Inference on images [h, w, c] as bytes: the outputs, or softmax of them. Compiled where that is possible.
  std::vector<real> logits(std::span<const std::uint8_t> image) const;
  std::vector<real> predict(std::span<const std::uint8_t> image) const;
  // On a batch [n, h, w, c]: [n, classes], row by row. threads 0: all processors.
  std::vector<real> logits(Bytes images, int threads = 0) const;
  std::vector<real> predict(Bytes images, int threads = 0) const;

 private:
  template <class Pointer>
  static typename Pointer::element_type& held(const Pointer& p) {
    require(p != nullptr, "model: this one was moved from; use the one it was moved to");
    return *p;
  }
  const Builder::Result& built() const { return held(built_); }
  const Sequential& whole() const { return built(), root_; }

  Shape input_;
  std::string name_, training_;
  std::unique_ptr<ParamSet> params_;
  Sequential root_;
  std::shared_ptr<const Builder::Result> built_;
};

// Probabilities from logits [n, classes], in double.
std::vector<real> softmax(std::span<const real> logits, long classes);

}  // namespace six
