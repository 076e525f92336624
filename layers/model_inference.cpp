// Images in, classes out; and the table of a model.
#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <optional>

#include "../core/error.h"
#include "model.h"

namespace six {
namespace {

constexpr long kChunk = 256;  // images at a time

// "1,234,567"
std::string grouped(long n) {
  std::string text = std::to_string(n);
  for (long at = long(text.size()) - 3; at > 0; at -= 3) text.insert(std::size_t(at), 1, ',');
  return text;
}

// "28x28x1"
std::string sides(const Shape& s) {
  std::string text;
  for (int i = 0; i < s.rank(); ++i) text += (i ? "x" : "") + std::to_string(s[i]);
  return text;
}

long add_up(long a, long b) {
  long sum;
  return __builtin_add_overflow(a, b, &sum) ? LONG_MAX : sum;
}

// A user's own op has no compiled form, nor have weights near overflow: such a model runs on the tape.
std::optional<Inference> compiled_or_nothing(const Model& model, int threads) {
  try {
    return model.compile_inference(threads);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

Inference Model::compile_inference(int threads) const { return Inference(graph_of(*this), threads); }

std::vector<real> Model::logits(Bytes images, int threads) const {
  const long n = images.shape.samples(), each = input_.size(), classes = output_shape().size();
  require(images.shape.rank() == input_.rank() + 1 && images.shape.size() == n * each, "predict: images of shape ", images.shape,
          ", expected n of ", input_);
  std::vector<real> out(std::size_t(n * classes));
  if (const std::optional<Inference> compiled = compiled_or_nothing(*this, threads)) {
    compiled->logits(images, out);
    return out;
  }
  Tape tape({.threads = threads, .training = false, .record = false});
  for (long first = 0; first < n; first += kChunk) {
    tape.reset();
    const Bytes part{images.data + first * each, images.shape.with(0, std::min(kChunk, n - first))};
    (*this)(tape.input(part))
        .copy_values(std::span(out).subspan(std::size_t(first * classes), std::size_t(part.shape[0] * classes)));
  }
  return out;
}

std::vector<real> Model::logits(std::span<const std::uint8_t> image) const {
  require(long(image.size()) == input_.size(), "predict: the image has ", image.size(), " bytes, expected ", input_.size(), " (",
          input_, ")");
  const Shape& s = input_;
  return logits({image.data(), s.rank() == 1 ? Shape{1, s[0]} : Shape{1, s[0], s[1], s[2]}}, 1);
}

std::vector<real> Model::predict(std::span<const std::uint8_t> image) const {
  return softmax(logits(image), output_shape().channels());
}
std::vector<real> Model::predict(Bytes images, int threads) const {
  return softmax(logits(images, threads), output_shape().channels());
}

std::vector<real> softmax(std::span<const real> logits, long classes) {
  require(classes >= 1 && long(logits.size()) % classes == 0, "softmax: ", logits.size(), " logits of ", classes, " classes");
  std::vector<real> out(logits.size());
  std::vector<double> e(std::size_t(classes), 0);
  for (std::size_t row = 0; row < logits.size(); row += e.size()) {
    const std::span<const real> x = logits.subspan(row, e.size());
    const real largest = *std::max_element(x.begin(), x.end());
    double sum = 0;
    for (std::size_t i = 0; i < e.size(); ++i) sum += e[i] = std::exp(double(x[i]) - double(largest));
    for (std::size_t i = 0; i < e.size(); ++i) out[row + i] = real(e[i] / sum);
  }
  return out;
}

long Model::macs() const {
  long sum = 0;
  for (const Builder::Row& row : built().rows) sum = add_up(sum, row.macs);
  return sum;
}

std::string Model::summary() const {
  constexpr int kColumns = 5;
  using Line = std::array<std::string, kColumns>;
  std::vector<Line> lines = {{"layer", "type", "output", "parameters", "MACs"}, {"input", "", sides(input_), "", ""}};
  for (const Builder::Row& row : built().rows)
    lines.push_back({row.path.substr(std::string_view("layers.").size()), row.type, sides(row.out),
                     row.parameters ? grouped(row.parameters) : "", row.macs ? grouped(row.macs) : ""});
  lines.push_back({"total", "", "", grouped(parameter_count()), grouped(macs())});
  std::size_t width[kColumns] = {};
  for (const Line& line : lines)
    for (int i = 0; i < kColumns; ++i) width[i] = std::max(width[i], line[i].size());
  std::string text;
  for (const Line& line : lines) {
    std::string row;
    for (int i = 0; i < kColumns; ++i) {
      const std::string space(width[i] - line[i].size(), ' ');
      row += (i ? "  " : "") + (i < 2 ? line[i] + space : space + line[i]);  // words to the left, numbers to the right
    }
    text += row.substr(0, row.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

}  // namespace six
