#pragma once
#include <string>

#include "net.h"
#include "table.h"

namespace six::study {

inline constexpr long kDiagnosed = 2000, kCalibration = 1000;  // training images, the first

// Rows of layers.csv: what the activations, gradients and weights of a net are like at one moment of a run ("start", "mid", "end"),
// as training sees them (batch statistics) on the first 2,000 training images. `histograms`, if given, gets rows of histograms.csv.
void diagnose(const Setting& s, const Run& run, const Model& model, const std::string& mark, Table& layers,
              Table* histograms = nullptr);

// Share of the inputs of all activations that are at or above 6, in inference, on the first 1,000 training images.
double share_touching(const Model& model, const Split& split, double touch = 6);

}  // namespace six::study
