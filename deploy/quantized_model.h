#pragma once
#include "../layers/model.h"
#include "calibrate.h"

namespace six {

// A trained model folded and fake-quantised, for quantisation-aware training: one layer `quantized` with the trained weights and
// ranges observed on `images`; the ranges follow the data until `freeze_after` batches were seen. Throws naming the layer as
// calibrate does, and if the model is quantised already.
Model quantized_model(const Model& trained, const QuantOptions& options, Bytes images, int freeze_after, int threads = 0);

// The same with the range of each value, and for measuring only.
Model quantized_model(const Model& trained, const QuantOptions& options, const std::vector<Range>& ranges, int freeze_after = 0);

// Batches after which ranges are frozen: the last fifth of a training trains weights alone.
constexpr int freeze_after(long total_steps) { return int(total_steps - total_steps / 5); }

}  // namespace six
