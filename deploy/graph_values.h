#pragma once
#include <span>
#include <vector>

#include "../core/kernels/pointwise.h"
#include "../layers/graph.h"
#include "int_network.h"

namespace six {

// Plain evaluation of a Graph in double: what ranges are observed on, and what the integer network is compared with.

// A value as an image; features are one pixel.
struct ImageSize {
  int h, w, c;
  explicit ImageSize(const Shape& s)
      : h(s.rank() == 3 ? int(s[0]) : 1), w(s.rank() == 3 ? int(s[1]) : 1), c(s.rank() ? int(s[-1]) : 1) {}
};

// Kernel, stride and padding of a stage; 1, 1 and none where it has no window.
struct Window {
  int kh = 1, kw = 1, stride = 1;
  Padding padding;
};
Window window_of(const Graph& graph, const Stage& stage);

// The clamp that a stage is. Throws naming the layer if it is another formula: there is no integer kernel for those.
ClampOp clamp_of(const Stage& stage);

// `out` from the stage's inputs, its clamp included.
void evaluate(const Graph& graph, const Stage& stage, std::span<const double* const> in, double* out);

// All values of a graph for one image. With a network, every value is rounded to one of its codes: fake quantisation (the weights
// are the graph's, see with_quantized_weights).
class GraphValues {
 public:
  explicit GraphValues(const Graph& graph, const IntNetwork* rounding = nullptr);
  // The graph and the network must outlive it. Throws if the image has not the graph's size.
  void run(std::span<const std::uint8_t> image);
  std::span<const double> operator[](int value) const { return values_[std::size_t(value)]; }

 private:
  const Graph* graph_;
  const IntNetwork* network_;
  std::vector<std::vector<double>> values_;
};

}  // namespace six
