#include "torch_layout.h"

namespace six {
namespace {

// Calls f(position in the file, position in memory) for each element, in the order of the file.
template <class F>
void each(const TorchLayout& layout, F&& f) {
  const auto& d = layout.dims;
  const long strides[4] = {d[1] * d[2] * d[3], d[2] * d[3], d[3], 1};
  long size[4], step[4], at = 0;
  for (int i = 0; i < 4; ++i) size[i] = d[layout.order[i]], step[i] = strides[layout.order[i]];
  for (long a = 0; a < size[0]; ++a)
    for (long b = 0; b < size[1]; ++b)
      for (long c = 0; c < size[2]; ++c)
        for (long e = 0; e < size[3]; ++e) f(at++, a * step[0] + b * step[1] + c * step[2] + e * step[3]);
}

}  // namespace

TorchLayout TorchLayout::same(const Shape& shape) {
  TorchLayout layout;
  for (int i = 0; i < shape.rank(); ++i) layout.dims[i] = shape[i], layout.file.push_back(shape[i]);
  return layout;
}
TorchLayout TorchLayout::conv(long kh, long kw, long c, long k) { return {{kh, kw, c, k}, {3, 2, 0, 1}, {k, c, kh, kw}}; }
TorchLayout TorchLayout::depthwise(long kh, long kw, long c) { return {{kh, kw, c, 1}, {2, 3, 0, 1}, {c, 1, kh, kw}}; }
TorchLayout TorchLayout::linear(const Shape& image, long out) {
  return {{image[0], image[1], image[2], out}, {3, 2, 0, 1}, {out, image.size()}};
}
TorchLayout TorchLayout::features(const Shape& image) { return {{image[0], image[1], image[2], 1}, {2, 0, 1, 3}, {image.size()}}; }

long TorchLayout::size() const { return dims[0] * dims[1] * dims[2] * dims[3]; }

std::vector<real> TorchLayout::to_file(const real* memory) const {
  std::vector<real> values(static_cast<std::size_t>(size()));
  each(*this, [&](long to, long from) { values[std::size_t(to)] = memory[from]; });
  return values;
}

void TorchLayout::from_file(std::span<const real> values, real* memory) const {
  each(*this, [&](long from, long to) { memory[to] = values[std::size_t(from)]; });
}

}  // namespace six
