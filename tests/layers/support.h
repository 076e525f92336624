#pragma once
// What the tests of layers/ share: models from a line of JSON, numbers to feed them.
#include <string>
#include <vector>

#include "../../layers/layers.h"
#include "../../layers/model.h"
#include "../data/support.h"

namespace six::test {

// The JSON model of these layers (the content of the array) on this input.
std::string model_text(const std::string& layers, const std::string& input = "[8, 8, 3]");
inline Model model_of(const std::string& layers, const std::string& input = "[8, 8, 3]", std::uint64_t seed = 1) {
  return Model::from_json(model_text(layers, input), {.seed = seed});
}
// The message of the Error that such a model ends in.
std::string error_of(const std::string& layers, const std::string& input = "[8, 8, 3]");

std::vector<real> draw(long n, std::uint64_t seed = 7);  // standard normal
Shape batched(long n, const Shape& sample);
// The outputs for a batch of drawn inputs, training or not.
std::vector<real> outputs(const Model& model, long n = 4, bool training = false);
// One step of training on drawn inputs with plain SGD: gradients of a random linear functional.
void step(Model& model, double lr = 0.01, long n = 4);

std::vector<real> copy_of(const ParamSet& params);  // parameters and buffers

}  // namespace six::test
