#include "quantized_model.h"

#include "../core/error.h"
#include "../layers/quantized.h"

namespace six {

Model quantized_model(const Model& trained, const QuantOptions& options, Bytes images, long steps, int threads) {
  const Graph graph = graph_of(trained);
  require(!graph.quant, "quant: the model is quantised already; begin from the float model it was made from");
  return quantized_model(trained, options, calibrate(graph, images, options, threads), steps);
}

Model quantized_model(const Model& trained, const QuantOptions& options, const std::vector<Range>& ranges, long steps) {
  std::vector<std::array<double, 2>> ends;
  ends.reserve(ranges.size());
  for (const Range& r : ranges) ends.push_back({r.lo, r.hi});
  Model model(trained.input_shape(),
              Sequential{Quantized{{.layers = trained.layers(),
                                    .weights = options.weights,
                                    .activations = options.activations,
                                    .relu6_range = options.relu6_range,
                                    .rounding = options.rounding,
                                    .warm_up = int(options.warm_up * double(steps)),
                                    .freeze_after = int(steps - steps / 5)}}},
              {.name = trained.name()});
  dynamic_cast<const Quantized&>(*model.layers()[0]).set(graph_of(trained), ends);
  return model;
}

}  // namespace six
