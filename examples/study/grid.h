#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../../deploy/calibrate.h"
#include "net.h"
#include "table.h"
#include "training.h"

namespace six::study {

// What a net says of the test images.
struct Verdicts {
  std::vector<std::uint8_t> classes;
  double accuracy = 0, loss = 0, margin = 0;  // margin: mean of the true class's logit less the largest other
  long ties = 0;                              // images whose two largest logits are equal
};
// Of logits [n, classes], one row per image of the split; the first of equal ones is the predicted class.
template <class Logit>
Verdicts verdicts_of(const std::vector<Logit>& logits, const Split& split);
// Of the model's own logits, on the calling thread.
Verdicts evaluate_float(const Model& model, const Split& split);
long flips(const Verdicts& a, const Verdicts& b);  // images put into other classes

// Predictions by configuration, for preds.bin.
using Predictions = std::map<std::string, std::vector<std::uint8_t>>;

// Where the rows of one run go.
struct Quantised {
  Table &rows, &omitted;  // of quant.csv; of omitted.csv: what has no integer form, and why
  Predictions& predictions;
};

// Rows of quant.csv for a trained run: integers after training, other activations on the same weights, bfloat16.
void quantised_grid(const Setting& s, const Run& run, const Model& trained, const Verdicts& exact, Quantised to);
// Quantisation-aware training at 8 and 4 bits, half an epoch each, beside the float net with the same extra steps.
void quantised_training(const Setting& s, const Run& run, const Model& trained, const Split& split, const Schooling& how,
                        Quantised to);

}  // namespace six::study
