#pragma once
#include <type_traits>

#include "bytes.h"
#include "kernels/table.h"
#include "shape.h"

namespace six {

// The value of a node: a shape and how to read it. It may be deferred: an affine per channel and a clamp that nobody has written
// out (batch_norm and relu6 choose these numbers and touch no element), or bytes of an image.
struct View : kernels::Read {
  Shape shape;
  const std::uint8_t* bytes = nullptr;  // instead of y: the value is bytes[i] / 255
  const real* center = nullptr;         // per channel, a number near y: the sums of a Sink are taken about it
  const double* stats = nullptr;  // per block and channel, if the producer kept them: kernels::Stats [kMaxBlocks][3][padded(c)]

  View() = default;
  View(const real* data, Shape s) : shape(s) { y = data; }
  long size() const { return shape.size(); }
  // Of clamps, kernels know those whose derivative at finite kinks is 0; the others are written out first.
  bool strict() const { return !clamped || (at_lo == 0 && lo > -kInf && (hi == kInf ? at_hi == 1 : at_hi == 0 && hi != 0)); }
  static bool holds(const View&) { return true; }
};

// The same data with a promise. The parameter types of an op's `forward` say how much deferral it can read; the tape writes an
// input out exactly when it is not of the parameter's type. View: anything. Pixels: bytes or Gated.
struct Pixels : View {
  explicit Pixels(const View& v) : View(v) {}
  static bool holds(const View& v) { return v.strict(); }
};
struct Gated : Pixels {  // no bytes, no derivative other than 0 at a kink
  explicit Gated(const View& v) : Pixels(v) {}
  static bool holds(const View& v) { return v.strict() && !v.bytes; }
};
struct Affine : Gated {  // no clamp
  explicit Affine(const View& v) : Gated(v) {}
  static bool holds(const View& v) { return !v.clamped && !v.bytes; }
};
struct Tensor : Affine {  // nothing deferred: y is the value
  explicit Tensor(const View& v) : Affine(v) {}
  Tensor(const real* data, Shape s) : Affine(View(data, s)) {}
  const real& operator[](long i) const { return y[i]; }
  static bool holds(const View& v) { return !v.clamped && !v.scale && !v.bytes; }
};

// The gradient of a node's z (of y, without affine), as its consumers left it.
struct Grad : kernels::Grad {
  double* sums = nullptr;  // only behind an affine: [kMaxBlocks][2][padded(c)], see kernels::Sink
};

// Where an input's gradient goes; `at` gives the part of one block.
struct Sink : kernels::Sink {
  explicit operator bool() const { return g != nullptr; }
};

static_assert(std::is_trivially_copyable_v<Tensor> && std::is_trivially_copyable_v<Sink> && std::is_trivially_copyable_v<Grad>);

// The same from element `offset` on; sums are those of block `block`.
inline kernels::Read at(kernels::Read x, long offset) {
  if (x.y) x.y += offset;
  return x;
}
inline kernels::Grad at(kernels::Grad d, long offset) {
  d.g += offset;
  if (d.y) d.y += offset;
  return d;
}
inline kernels::Sink at(kernels::Sink s, long offset, int block, long channels) {
  s.x = at(s.x, offset);
  if (s.g) s.g += offset;
  if (s.sums) s.sums += block * 2 * kernels::padded(channels);
  return s;
}

}  // namespace six
