#pragma once
#include <string>
#include <vector>

#include "../data/dataset.h"
#include "../layers/model.h"
#include "memory_plan.h"
#include "quantize.h"

namespace six {

// What quantisation did to one layer, measured on some images.
struct LayerReport {
  std::string name, shape;                 // "layers.0 (conv2d) 3x3, 28x28x1 -> 28x28x16"
  long macs = 0, constants = 0, live = 0;  // of one image; bytes of flash; bytes of values while it runs
  double accumulator_bits = 0;             // that the largest possible sum needs, with its sign; 0 without weights
  double lo = 0, hi = 0;                   // the range of its output
  double sqnr_local = 0;                   // dB, of this layer alone: fed with the rounded inputs of the float network
  double sqnr = 0;                         // dB, of all layers up to here
  double at_min = 0, at_max = 0;           // share of codes at the ends of its clamp
  double weight_ratio = 0;                 // the largest scale of a channel by the smallest; 0 without weights
};

struct DeployReport {
  std::vector<std::string> warnings;
  std::vector<LayerReport> layers;
  long images = 0;  // tested on
  double float_accuracy = 0, fake_accuracy = 0, integer_accuracy = 0;
  long flipped = 0;  // predictions other than the float network's
  long ties = 0;     // images whose two largest logits are equal
  long calibration_images = 0;
  long flash = 0, arena = 0, macs = 0;  // constants in bytes, working memory in bytes
};

// Runs the float, the fake-quantised and the integer network on a split, and looks at every layer on its first 64 images. The
// fake-quantised one is what training computes: with 8-bit logits, whatever those of the integer network are. `checked` as
// integer_logits takes it.
DeployReport make_report(const Model& model, const Graph& graph, const IntNetwork& network, const MemoryPlan& plan,
                         const Split& split, int threads = 0, long checked = 100);
// Flash, memory and multiply-accumulates layer by layer: known before anything runs.
DeployReport make_plan_report(const IntNetwork& network, const MemoryPlan& plan);

std::string plan_text(const DeployReport& report);    // that table
std::string report_text(const DeployReport& report);  // accuracy, and what quantisation did to every layer
OrderedJson report_json(const DeployReport& report);

}  // namespace six
