#pragma once
#include <vector>

#include "../layers/model.h"
#include "report.h"

namespace six {

// How closed the gates of each clamp (ReLU6, ReLU, ...) of a model are on some images, in inference mode: one entry for each, in
// the order of execution.
std::vector<ClosedGates> closed_gates(const Model& model, Bytes images, int threads = 0);

}  // namespace six
