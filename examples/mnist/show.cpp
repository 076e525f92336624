#include "show.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "../../train/progress.h"

namespace mnist {
namespace {

constexpr int kBar = 50;

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[160];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

}  // namespace

std::string evaluation_text(const six::Evaluation& e) {
  std::string text =
      format("accuracy %.2f %%, loss %.4f, %s images\n\n", 100 * e.accuracy(), e.loss, six::grouped(e.images()).c_str());
  text += "label  accuracy  predicted as\n                ";
  for (int c = 0; c < e.classes; ++c) text += format("%6d", c);
  text += '\n';
  for (int label = 0; label < e.classes; ++label) {
    text += format("%5d  %6.2f %%", label, 100 * e.class_accuracy(label));
    for (int c = 0; c < e.classes; ++c) text += e.count(label, c) ? format("%6ld", e.count(label, c)) : "     .";
    text += '\n';
  }
  return text;
}

std::string image_text(const six::Shape& shape, std::span<const std::uint8_t> pixels) {
  static constexpr const char* kShades[] = {" ", "░", "▒", "▓", "█"};
  std::string text;
  for (long y = 0; y < shape[0]; ++y) {
    std::string row;
    std::size_t end = 0;
    for (long x = 0; x < shape[1]; ++x) {
      const int shade = (pixels[std::size_t(y * shape[1] + x)] * 4 + 127) / 255;
      for (int i = 0; i < 2; ++i) row += kShades[shade];
      if (shade) end = row.size();
    }
    text += row.substr(0, end) + '\n';
  }
  return text;
}

std::string probabilities_text(std::span<const six::real> p) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string text;
  for (std::size_t c = 0; c < p.size(); ++c) {
    const int eighths = int(std::lround(double(p[c]) * kBar * 8));
    text += format("%3d  %6.2f %%  ", int(c), 100 * double(p[c]));
    for (int i = 0; i < eighths / 8; ++i) text += "█";
    text += std::string(kEighths[eighths % 8]) + '\n';
  }
  return text;
}

}  // namespace mnist
