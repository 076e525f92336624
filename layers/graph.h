#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "../core/ops/ops.h"
#include "quant_options.h"

namespace six {

class Model;

// A model ready to be exported or run: batch norm and biases folded into the weights, clamps into the layer before.
// Shapes have no batch dimension. Value 0 is the image; stage i makes value i + 1.
struct Stage {
  struct Conv {
    int kh, kw, stride;
    Padding padding;
  };
  struct Depthwise {
    int kh, kw, stride;
    Padding padding;
  };
  struct Linear {};   // on the last dimension
  struct Mean {};     // over h and w
  struct Add {};      // of two values
  struct Reshape {};  // the same numbers
  struct MaxPool {
    PoolOptions options;
  };
  struct AvgPool {
    PoolOptions options;
  };
  struct Pointwise {  // a formula of PointwiseOps
    int index;
    alignas(std::max_align_t) std::array<std::byte, 64> formula;
  };

  std::string name;     // "layers.3 (conv2d)"
  std::vector<int> in;  // values read
  Shape from, out;      // of the first value read, and of this one
  std::variant<Conv, Depthwise, Linear, Mean, Add, Reshape, MaxPool, AvgPool, Pointwise> op;
  std::vector<double> weights;                      // in memory order: [kh, kw, c, k], [kh, kw, c] or [in, out]
  std::vector<double> bias;                         // [k]; with weights only
  double lo = -kInf, hi = kInf;                     // clamp of the result
  std::optional<std::array<double, 2>> range = {};  // of a fake-quantised result: its lowest and its highest value

  // Whether the result has the codes of the input when it is quantised: pools, reshapes and clamps that stand alone.
  bool keeps_codes() const { return weights.empty() && !std::holds_alternative<Add>(op); }
  bool clamped() const { return lo > -kInf || hi < kInf; }
};

struct Graph {
  Shape input;
  std::vector<Stage> stages;
  int output = 0;                          // the value that is the result
  std::optional<QuantOptions> quant = {};  // of a fake-quantised model, whose weights are here as they were before rounding
  std::vector<std::string> warnings = {};  // what folding could not keep, naming the layer
  const Shape& shape(int value) const { return value ? stages[std::size_t(value) - 1].out : input; }
};

// The graph of a model with its present weights and running statistics, read off the tape of one inference pass, so that residual
// connections and a user's own layers need nothing of their own. Throws naming the layer if an op has no folded form.
Graph graph_of(const Model& model);

}  // namespace six
