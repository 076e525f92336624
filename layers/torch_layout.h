#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "../core/real.h"
#include "../core/shape.h"

namespace six {

// How a tensor of this library's memory is written in files, which have torch's layouts: memory has axes `dims`, axis i of the file
// is axis order[i] of memory, and `file` is the shape the file states (axes of size 1 put in, or several axes joined).
struct TorchLayout {
  std::array<long, 4> dims{1, 1, 1, 1};
  std::array<int, 4> order{0, 1, 2, 3};
  std::vector<std::int64_t> file;

  static TorchLayout same(const Shape& shape);
  static TorchLayout conv(long kh, long kw, long c, long k);  // [kh, kw, c, k]: file [k, c, kh, kw]
  static TorchLayout depthwise(long kh, long kw, long c);     // [kh, kw, c]: file [c, 1, kh, kw]
  // Rows of weights [h * w * c, out] that read a flattened image [h, w, c]: file [out, c * h * w]. Plain [in, out] is h = w = 1.
  static TorchLayout linear(const Shape& image, long out);
  // One number for each feature of a flattened image [h, w, c]: file [c * h * w].
  static TorchLayout features(const Shape& image);

  long size() const;
  std::vector<real> to_file(const real* memory) const;
  // `values` holds size() numbers.
  void from_file(std::span<const real> values, real* memory) const;
};

}  // namespace six
