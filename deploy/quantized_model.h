#pragma once
#include "../layers/model.h"
#include "calibrate.h"

namespace six {

// A trained model folded and fake-quantised, for quantisation-aware training: one layer `quantized` with the trained weights and
// ranges observed on `images`, for `steps` batches of training: the ranges follow the data but for the last fifth of them. Throws
// naming the layer as calibrate does, and if the model is quantised already.
Model quantized_model(const Model& trained, const QuantOptions& options, Bytes images, long steps, int threads = 0);

// The same with the range of each value, and for measuring only.
Model quantized_model(const Model& trained, const QuantOptions& options, const std::vector<Range>& ranges, long steps = 0);

}  // namespace six
