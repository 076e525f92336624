#include "quantized_model.h"

#include "../core/error.h"
#include "../layers/quantized.h"

namespace six {

Model quantized_model(const Model& trained, const QuantOptions& options, Bytes images, int freeze_after, int threads) {
  const Graph graph = graph_of(trained);
  require(!graph.quant, "quant: the model is quantised already");
  std::vector<std::array<double, 2>> ranges;
  for (const Range& r : calibrate(graph, images, options, threads)) ranges.push_back({r.lo, r.hi});
  Model model(trained.input_shape(),
              Sequential{Quantized{{.layers = trained.layers(),
                                    .weights = options.weights,
                                    .activations = options.activations,
                                    .relu6_range = options.relu6_range,
                                    .freeze_after = freeze_after}}},
              {.name = trained.name()});
  dynamic_cast<const Quantized&>(*model.layers()[0]).set(graph, ranges);
  return model;
}

}  // namespace six
