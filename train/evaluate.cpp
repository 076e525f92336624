#include "evaluate.h"

#include <cmath>
#include <numeric>

namespace six {

long Evaluation::images() const { return std::accumulate(confusion.begin(), confusion.end(), 0L); }

double Evaluation::accuracy() const {
  long correct = 0;
  for (int c = 0; c < classes; ++c) correct += count(c, c);
  return double(correct) / double(images());
}

double Evaluation::class_accuracy(int label) const {
  const auto row = confusion.begin() + label * classes;
  return double(count(label, label)) / double(std::accumulate(row, row + classes, 0L));
}

int argmax(const real* logits, int classes) {
  int best = 0;
  for (int c = 1; c < classes; ++c)
    if (logits[c] > logits[best] || std::isnan(logits[best])) best = c;
  return best;
}

double cross_entropy_of(const real* logits, int classes, int label) {
  const double top = logits[argmax(logits, classes)];
  double sum = 0;
  for (int c = 0; c < classes; ++c) sum += std::exp(double(logits[c]) - top);
  return std::log(sum) + top - double(logits[label]);
}

void require_fits(const Model& model, const Split& split, const std::string& where) {
  check_split(split, where, LabelCheck::count_only);
  require(split.image == model.input_shape(), where, ": are ", split.image, ", the model takes ", model.input_shape());
  require(model.output_shape() == Shape{split.classes}, where, ": have ", split.classes, " classes, the model's output is ",
          model.output_shape());
}

Evaluation evaluate(const Model& model, const Split& split, int threads) {
  require_fits(model, split, "images");
  const int classes = split.classes;
  Evaluation result{.classes = classes, .confusion = std::vector<long>(std::size_t(classes) * std::size_t(classes))};
  const std::vector<real> logits = model.logits(split.bytes(0, split.size()), threads);
  double loss = 0;
  for (long i = 0; i < split.size(); ++i) {
    const real* row = logits.data() + i * classes;
    const int label = split.labels[std::size_t(i)];
    loss += cross_entropy_of(row, classes, label);
    ++result.confusion[std::size_t(label * classes + argmax(row, classes))];
  }
  result.loss = loss / double(split.size());
  return result;
}

double accuracy(const Model& model, const Split& split, int threads) { return evaluate(model, split, threads).accuracy(); }

}  // namespace six
