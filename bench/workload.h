#pragma once
// What is run over and over to be timed: a training step, or a call of inference, with a model and data.
#include <cstdint>
#include <string>
#include <vector>

#include "../core/tape.h"
#include "../deploy/int_inference.h"
#include "../layers/inference.h"
#include "../layers/model.h"
#include "../optim/adam.h"

namespace bench {

constexpr int kBatches = 8;  // different ones, trained on in turn
constexpr int kCalibration = 256;

// The embedded handwritten digits, enlarged to the input of a model; again from the first if there are too few.
struct Data {
  Data(const six::Model& model, long count);
  // Images [first, first + n).
  six::Bytes images(long first, long n) const;

  six::Shape image;
  std::vector<std::uint8_t> pixels;  // [count, h, w, c]
  std::vector<int> labels;
};

// "m28" and "m14" are the configs mobilenet_28 and mobilenet_14; other names are looked for there too; a path or JSON text is taken
// as it is.
six::Model model_of(const std::string& net);

// Forward, loss, backward, AdamW.
class Training {
 public:
  Training(six::Model model, int batch, int threads, bool defer);
  double step();  // on the next batch; returns the loss
  const six::Model& model() const { return model_; }
  const Data& data() const { return data_; }

 private:
  six::Model model_;
  six::AdamW adamw_;
  six::Tape tape_;
  Data data_;
  long batch_, next_ = 0;
};

// The model compiled for inference, on one batch.
class Inferring {
 public:
  Inferring(const six::Model& model, int batch, int threads);
  void call();
  const std::vector<six::real>& logits() const { return logits_; }  // [batch, classes], of the last call
  const six::Inference& inference() const { return inference_; }

 private:
  six::Inference inference_;
  Data data_;
  long batch_;
  std::vector<six::real> logits_;
};

// The model as 8-bit integers: quantised per channel, ranges observed on kCalibration images.
class IntInferring {
 public:
  IntInferring(const six::Model& model, int batch, int threads);
  void call();
  std::vector<double> logits() const;  // [batch, classes], of the last call, as real numbers
  const six::IntInference& inference() const { return inference_; }

 private:
  Data data_;
  long batch_;
  six::IntNetwork network_;
  six::IntInference inference_;
  std::vector<std::int32_t> codes_;
};

// Of this process, in MiB; and the page faults so far that needed no file.
double peak_rss_mb();
long minor_faults();

}  // namespace bench
