#pragma once
#include <cstddef>
#include <initializer_list>
#include <ostream>

#include "error.h"

namespace six {

// Up to four dimensions, row-major; images are [n, h, w, c], matrices [n, c], vectors [c], a scalar is [].
class Shape {
 public:
  constexpr Shape() = default;
  // Throws if there are more than four dimensions or one is negative.
  constexpr Shape(std::initializer_list<long> dims) {
    require(dims.size() <= 4, "shape: ", dims.size(), " dimensions, at most 4 are supported");
    for (long d : dims) {
      require(d >= 0, "shape: dimension ", rank_, " is ", d, ", must not be negative");
      dims_[rank_++] = d;
    }
  }
  constexpr int rank() const { return rank_; }
  constexpr long operator[](int i) const { return dims_[i < 0 ? rank_ + i : i]; }  // -1 is the last dimension
  constexpr long size() const {
    long n = 1;
    for (int i = 0; i < rank_; ++i) n *= dims_[i];
    return n;
  }
  // Channels: the innermost dimension (1 for a scalar). Samples: the outermost (1 for a scalar or a vector).
  constexpr long channels() const { return rank_ ? dims_[rank_ - 1] : 1; }
  constexpr long samples() const { return rank_ > 1 ? dims_[0] : 1; }
  constexpr long rows() const { return channels() ? size() / channels() : 0; }
  constexpr Shape with(int i, long d) const {
    Shape s = *this;
    s.dims_[i < 0 ? rank_ + i : i] = d;
    return s;
  }
  constexpr bool operator==(const Shape&) const = default;

 private:
  long dims_[4] = {0, 0, 0, 0};
  int rank_ = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Shape& s) {
  out << '[';
  for (int i = 0; i < s.rank(); ++i) out << (i ? "," : "") << s[i];
  return out << ']';
}

}  // namespace six
