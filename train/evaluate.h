#pragma once
#include <vector>

#include "../data/dataset.h"
#include "../layers/model.h"

namespace six {

// How a model does on a set of images.
struct Evaluation {
  int classes = 0;
  double loss = 0;                   // mean cross-entropy, without label smoothing
  std::vector<long> confusion = {};  // [classes][classes]: images by label (row) and by what was predicted (column)

  long images() const;
  long count(int label, int predicted) const { return confusion[std::size_t(label * classes + predicted)]; }
  double accuracy() const;                 // a fraction
  double class_accuracy(int label) const;  // of the images with this label; NaN if there are none
};

// Runs the model on every image of a split, in inference mode; the class with the largest logit is predicted, the first of equal
// ones. threads 0: all processors; the result is the same for any number. Throws Error if the split is empty, or does not fit the
// model's input and number of classes.
Evaluation evaluate(const Model& model, const Split& split, int threads = 0);
// The fraction predicted right.
double accuracy(const Model& model, const Split& split, int threads = 0);

// Throws Error, naming the split, unless its images are what the model takes and it has as many classes as the model logits.
void require_fits(const Model& model, const Split& split, const std::string& where);

// The index of the largest of `classes` numbers, the first of equal ones; a NaN is never the largest.
int argmax(const real* logits, int classes);
// -log softmax(logits)[label], in double.
double cross_entropy_of(const real* logits, int classes, int label);

}  // namespace six
