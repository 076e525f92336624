#pragma once
#include "../core/quantization.h"
#include "config.h"

namespace six {

enum class Granularity { channel, tensor };                   // which weights share a scale
enum class Observer { minmax, ema, percentile, mse, fixed };  // how a range follows from the values seen
enum class ClampRange { fixed6, observed };                   // the range behind a clamp with two ends, as ReLU6

struct QuantWeights {
  int bits = 8;
  Granularity per = Granularity::channel;
  static void fields(auto& visit, auto& c) {
    visit("bits", c.bits, "width of a weight", between(4, 8));
    visit("per", c.per, "weights that share a scale");
  }
};

struct QuantActivations {
  int bits = 8;
  Observer observer = Observer::minmax;
  double percentile = 99.99, fixed = 6;
  static void fields(auto& visit, auto& c) {
    visit("bits", c.bits, "width of an activation", between(4, 8));
    visit("observer", c.observer, "how a range follows from the values seen");
    visit("percentile", c.percentile, "share of the values inside the range, for this observer", between(50, 100));
    visit("fixed", c.fixed, "the range [-fixed, fixed], or [0, fixed] of a ReLU, for this observer", between(1e-30, 1e30));
  }
};

// How a network is quantised: the member "quant" of a training.
struct QuantOptions {
  QuantWeights weights;
  QuantActivations activations;
  ClampRange relu6_range = ClampRange::fixed6;
  Rounding rounding = Rounding::single;
  double warm_up = 0;  // share of a training's steps
  int edge_bits = 0;   // of the weights of the first and the last layer and of the logits, in experiments; 0: as all others
  static void fields(auto& visit, auto& c) {
    visit("weights", c.weights, "see below");
    visit("activations", c.activations, "see below");
    visit("relu6_range", c.relu6_range, "of a clamp with two ends: its ends, or what was observed");
    visit("rounding", c.rounding, "of accumulators: once, or twice as TensorFlow Lite Micro does by default");
    visit("warm_up", c.warm_up, "share of the steps, at the beginning, in which activations are observed but not yet rounded",
          between(0, 0.8));
  }
};

std::span<const char* const> choices_of(Granularity);
std::span<const char* const> choices_of(Observer);
std::span<const char* const> choices_of(ClampRange);
std::span<const char* const> choices_of(Rounding);  // "single", "double"

}  // namespace six
