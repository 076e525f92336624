#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "../core/bytes.h"
#include "graph.h"

namespace six {

// A model compiled for inference: weights folded and packed once, values between layers in a workspace of its own. Later changes of
// the model do not reach it. One image runs on the calling thread without allocation; a batch runs image by image on all threads,
// each image through all layers while it is in the cache. An object is for one caller at a time.
class Inference {
 public:
  // threads 0: all processors.
  explicit Inference(const Graph& graph, int threads = 0);
  Inference(const Inference&) = delete;  // steps know where constants lie, which a move takes along
  Inference(Inference&&) = default;

  // out [classes]; the image [h, w, c] as bytes, or as numbers. Throws if a size does not fit.
  void logits(std::span<const std::uint8_t> image, std::span<real> out) const;
  void logits(std::span<const real> image, std::span<real> out) const;
  // images [n, h, w, c], out [n, classes].
  void logits(Bytes images, std::span<real> out) const;

  long classes() const { return output_.size(); }
  long workspace_bytes() const { return work_size_ * long(sizeof(real)); }  // of one thread

 private:
  struct Value {  // where a value lies in the workspace: inside a border of zeros if a window will be moved over it
    long offset = 0, row = 0;
    Padding border;
    long first = 0;  // of its numbers
  };
  using Step = std::function<void(real* work)>;

  void place(const Graph& g);
  void compile(const Graph& g, const Stage& s, int value);
  void compile_conv(const Graph& g, const Stage& s, int value);
  void compile_pool(const Graph& g, const Stage& s, int value);
  const real* keep(std::vector<real> numbers);
  kernels::Epilogue epilogue(const Stage& s);
  void run(real* work, std::span<real> out) const;

  Shape input_, output_;
  int result_;  // the value that is the output
  std::vector<Value> values_;
  std::vector<Step> steps_;
  std::vector<std::vector<real>> constants_;
  std::vector<std::vector<int>> places_;
  long work_size_ = 0;
  int threads_;
  const kernels::Table& kernel_;
  mutable std::vector<real> work_;  // [threads][work_size_]
};

}  // namespace six
