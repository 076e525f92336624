#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "../../train/evaluate.h"

namespace mnist {

// Accuracy, loss, the accuracy of each class and the confusion matrix, as lines for a terminal.
std::string evaluation_text(const six::Evaluation& evaluation);

// A grey image [h, w, 1] in block characters, two a pixel.
std::string image_text(const six::Shape& shape, std::span<const std::uint8_t> pixels);

// A bar for each class.
std::string probabilities_text(std::span<const six::real> probabilities);

}  // namespace mnist
