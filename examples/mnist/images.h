#pragma once
#include <string>

#include "../../data/dataset.h"
#include "../../train/config.h"

namespace mnist {

// The images a training config means: the embedded digits, or the files of MNIST in `folder` or wherever they are found, downloaded
// if need be. The validation part is split off. Throws Error naming the remedy.
six::Dataset load_images(const six::TrainingConfig& config, const std::string& folder);

}  // namespace mnist
