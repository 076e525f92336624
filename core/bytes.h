#pragma once
#include <cstdint>

#include "shape.h"

namespace six {

// Images as they lie in a file: [n, h, w, c] bytes, not owned. A tape reads byte p as the value p / 255, so black (and padding) is
// 0.
struct Bytes {
  const std::uint8_t* data = nullptr;
  Shape shape;
};

}  // namespace six
