#pragma once
#include <vector>

#include "calibrate.h"
#include "int_network.h"

namespace six {

// The integer network of a folded graph, given the range of every value (see calibrate). With `accumulators`, the logits are the
// 32-bit sums of the last layer, whose weights then share one scale; with `fold_mean`, the mean over an image and the linear layer
// behind it that makes the logits are one, with a rounding fewer (the options must round sums once). Throws naming layer and
// channel if a layer has no integer kernel, or if its accumulator or bias could overflow.
IntNetwork quantize(const Graph& graph, const std::vector<Range>& ranges, const QuantOptions& options = {},
                    bool accumulators = false, bool fold_mean = false);

// Lets two weights share a byte of flash, in every layer. Throws unless they have 4 bits.
void pack_weights(IntNetwork& network);

// The graph with its weights and biases rounded to what the integer network holds.
Graph with_quantized_weights(const Graph& graph, const IntNetwork& network);

}  // namespace six
