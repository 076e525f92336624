#pragma once
#include <climits>
#include <cstddef>
#include <initializer_list>
#include <ostream>

#include "error.h"

namespace six {

class Shape;
inline std::ostream& operator<<(std::ostream& out, const Shape& s);

// Up to four dimensions, row-major; images are [n, h, w, c], matrices [n, c], vectors [c], a scalar is []. Every dimension is an
// int to kernels, and offsets in bytes fit a long.
class Shape {
 public:
  static constexpr long kMaxDimension = INT_MAX, kMaxSize = 1L << 48;

  constexpr Shape() = default;
  // Throws if there are more than four dimensions, one is out of range, or there are more than kMaxSize numbers.
  constexpr Shape(std::initializer_list<long> dims) {
    require(dims.size() <= 4, "shape: ", dims.size(), " dimensions, at most 4 are supported");
    for (long d : dims) dims_[rank_++] = d;
    check();
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
  // Of one sample, also if there is none.
  constexpr long sample_size() const {
    long n = 1;
    for (int i = rank_ > 1 ? 1 : 0; i < rank_; ++i) n *= dims_[i];
    return n;
  }
  // The same with another dimension; throws as the constructor does.
  constexpr Shape with(int i, long d) const {
    Shape s = *this;
    s.dims_[i < 0 ? rank_ + i : i] = d;
    s.check();
    return s;
  }
  constexpr bool operator==(const Shape&) const = default;

 private:
  constexpr void check() const {
    long n = 1;  // of what a dimension of 0 leaves, too: sample_size() must not overflow either
    for (int i = 0; i < rank_; ++i) {
      require(dims_[i] >= 0 && dims_[i] <= kMaxDimension, "shape: dimension ", i, " is ", dims_[i], ", must be from 0 to ",
              kMaxDimension);
      if (dims_[i] == 0) continue;
      require(n <= kMaxSize / dims_[i], "shape: ", *this, " has more than ", kMaxSize, " numbers");
      n *= dims_[i];
    }
  }

  long dims_[4] = {0, 0, 0, 0};
  int rank_ = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Shape& s) {
  out << '[';
  for (int i = 0; i < s.rank(); ++i) out << (i ? "," : "") << s[i];
  return out << ']';
}

}  // namespace six
