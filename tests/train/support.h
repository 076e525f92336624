#pragma once
// What the tests of trainings share: a small part of the digits, small models, and what a training leaves behind.
#include <vector>

#include "../../data/dataset.h"
#include "../../layers/layers.h"
#include "../../layers/model.h"
#include "../../train/trainer.h"

namespace six::test {

// The first images of the embedded digits.
Dataset few_digits(long train = 160, long test = 50);

// Convolution, batch norm, ReLU6 with a kink, separable block, dropout, linear: what a training can contain.
Model small_net(std::uint64_t seed = 1);

// Everything on: augmentation, averages, label smoothing, clipping, schedule.
TrainingConfig full_config(int threads = 1);

// All numbers that a training has changed.
struct Result {
  std::vector<real> values, buffers, averages;
  std::vector<double> losses;
  bool operator==(const Result&) const = default;
};
Result result_of(Model& model, Trainer& trainer, std::vector<double> losses = {});

}  // namespace six::test
