#pragma once
// What the tests of deploy/ share: nets of every layer that has an integer form, images, networks made of them.
#include <string>
#include <utility>
#include <vector>

#include "../../deploy/quantize.h"
#include "../../layers/layers.h"
#include "../../layers/model.h"

namespace six::test {

// Nets between them containing every layer that has an integer form, with weights and statistics moved away from where they start.
struct Net {
  std::string name;
  Model model;
};
std::vector<Net> integer_nets();

std::vector<std::uint8_t> noise(const Shape& image, int n, std::uint64_t seed = 3);  // n images of random bytes
Bytes batch(const std::vector<std::uint8_t>& bytes, const Shape& image);
// Moves running statistics and weights away from where they start, so that folding has something to fold.
void disturb(Model& model);

// Calibrated on 8 images of noise.
IntNetwork integer_network(const Model& model, const QuantOptions& options = {}, bool accumulators = false, bool fold_mean = false);

}  // namespace six::test
