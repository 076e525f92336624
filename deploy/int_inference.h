#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "../core/bytes.h"
#include "../core/kernels/int8.h"
#include "int_network.h"

namespace six {

// An integer network compiled for speed: the bits of the Emulator. One image runs on the calling thread without allocation; a batch
// runs image by image on all threads. An object is for one caller at a time.
class IntInference {
 public:
  // threads 0: all processors. With `table`, these kernels instead of the fastest the CPU has. Throws if the network rounds twice:
  // that is for comparisons, the emulator does it.
  explicit IntInference(const IntNetwork& network, int threads = 0, const kernels::Int8Table* table = nullptr);
  IntInference(const IntInference&) = delete;  // its steps know where it lies
  IntInference& operator=(const IntInference&) = delete;

  // out [classes]: codes or accumulators. Throws if a size does not fit.
  void logits(std::span<const std::uint8_t> image, std::span<std::int32_t> out) const;
  // images [n, h, w, c], out [n, classes].
  void logits(Bytes images, std::span<std::int32_t> out) const;
  long classes() const { return classes_; }
  long workspace_bytes() const { return work_size_; }  // of one thread
  const char* isa() const { return kernel_.name; }

 private:
  struct Value {  // where a value lies in the workspace, in elements; inside a border that holds the code of 0
    long first = 0, row = 0;
    int top = 0, left = 0, bottom = 0, right = 0;
    int h = 1, w = 1, c = 1;
  };
  struct Constants {  // of a layer with weights
    std::vector<std::uint8_t> packed;
    std::vector<std::int32_t> bias, m, d;
    std::vector<std::int64_t> c, s;
    int zero = 0, lo = 0, hi = 255;
    bool accumulators = false;
  };
  using Step = std::function<void(std::uint8_t* work, std::int32_t* logits)>;

  void place(const IntNetwork& net);
  void compile(const IntNetwork& net, const IntStage& stage);
  void compile_mean(const IntAvgPool& pool, const Value& x, const Value& y);  // over the whole image
  Constants* constants(const IntWeights& w, bool depthwise, const std::vector<std::int8_t>& weights);
  void run(std::uint8_t* work, const std::uint8_t* image, std::int32_t* out) const;

  const kernels::Int8Table& kernel_;
  long classes_, image_size_, work_size_ = 0;  // bytes of one thread's workspace
  int threads_;
  bool accumulators_;
  Value output_;
  std::vector<Value> values_;
  std::vector<Step> steps_;
  std::vector<std::unique_ptr<Constants>> constants_;
  mutable std::vector<std::uint8_t> work_;
};

// The logits of many images, [n][classes]: what a device must give. A network that rounds twice runs in emulators. Throws if the
// emulator has other logits for one of the first `checked` images.
std::vector<std::int32_t> integer_logits(const IntNetwork& network, Bytes images, int threads = 0, long checked = 100);

}  // namespace six
