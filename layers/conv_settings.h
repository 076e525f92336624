#pragma once
#include "../core/ops/conv.h"
#include "config.h"

namespace six {

inline constexpr double kMaxExtent = 65536;       // of kernels, strides, paddings and the sides of images
inline constexpr double kMaxChannels = 16777216;  // of channels and features

// Height and width of a kernel; one number is both. JSON: 3 or [3, 5].
struct KernelSize {
  int h = 3, w = 3;
  constexpr KernelSize(int both = 3) : h(both), w(both) {}  // NOLINT: `.kernel = 5`
  constexpr KernelSize(int height, int width) : h(height), w(width) {}
  bool operator==(const KernelSize&) const = default;
};

// The padding of a convolution as one writes it: numbers, kernel / 2 on all sides (the default), or TensorFlow's "same", which
// keeps ceil(size / stride) and puts the smaller half first. Building a layer turns it into numbers.
struct PaddingRule {
  enum class Kind { half, same, numbers };
  Kind kind = Kind::half;
  Padding numbers = {};
  constexpr PaddingRule() = default;
  constexpr PaddingRule(int all) : kind(Kind::numbers), numbers(all) {}          // NOLINT: `.padding = 1`
  constexpr PaddingRule(Padding given) : kind(Kind::numbers), numbers(given) {}  // NOLINT
  static constexpr PaddingRule same() {
    PaddingRule rule;
    rule.kind = Kind::same;
    return rule;
  }
  // For an input [h, w, c].
  Padding resolve(const Shape& in, KernelSize kernel, int stride) const;
};

// Throws unless `in` is [h, w, c].
void require_image(const Shape& in);

void read_value(const Json&, KernelSize&, const Limits&);
void write_value(OrderedJson&, const KernelSize&);
void check_value(const KernelSize&, const Limits&);
std::string kind_of(const KernelSize&, const Limits&);

// JSON: 1, [top, left, bottom, right] or "same".
void read_value(const Json&, PaddingRule&, const Limits&);
void write_value(OrderedJson&, const PaddingRule&);
void check_value(const PaddingRule&, const Limits&);
std::string kind_of(const PaddingRule&, const Limits&);

}  // namespace six
