#pragma once
#include <cmath>

#include "../kernels/pointwise.h"
#include "parts.h"

namespace six {

namespace ops {
// A clamp (ReLU6, ReLU, clamp, ...) touches no number: it is two bounds in the view of its input, and the mask of every gradient
// put through that view.
template <IsClamp O>
struct ClampOf {
  static constexpr const char* name = O::name;
  Clamp clamp;
  Kinks kinks() const { return kinks_of_clamp(clamp); }
  View forward(const Context&, Affine x) {
    View v = x;
    v.clamped = clamp.clamps(), v.lo = clamp.lo, v.hi = clamp.hi, v.at_lo = clamp.at_lo, v.at_hi = clamp.at_hi;
    v.top = clamp.hi == kInf ? kInf : std::nextafter(clamp.hi, -kInf);
    v.stats = nullptr;
    return v;
  }
};

// Any other formula of one number, y = f(x); dx = vjp(v, dy) with v = x or y as the formula says.
template <PointwiseOp O>
struct Pointwise {
  static constexpr const char* name = O::name;
  static constexpr int kIndex = PointwiseOps::index_of<O>();  // -1: a formula of the user's, compiled where it is used
  O formula;
  const real* output = nullptr;

  Kinks kinks() const { return kinks_of(formula); }
  Tensor forward(const Context& c, Tensor x) {
    real* y = c.make(x.shape);
    const long per = x.shape.sample_size();
    c.blocks(x.shape.samples(), x.size(), [&](int, Block b, int) {
      const real* from = x.y + b.begin * per;
      real* to = y + b.begin * per;
      if constexpr (kIndex >= 0)
        c.kernel.pointwise_forward(kIndex, &formula, b.size() * per, from, to);
      else
        for (long i = 0; i < b.size() * per; ++i) to[i] = formula.f(from[i]);
    });
    output = y;
    return {y, x.shape};
  }
  void backward(const Back& b, Tensor x) {
    const real *v = saves_output<O>() ? output : x.y, *dy = b.plain_dy();
    const long per = x.shape.sample_size();
    emit(b, 0, x, [&](Block r, real* out) {
      const long at = r.begin * per, n = r.size() * per;
      if constexpr (kIndex >= 0)
        b.kernel.pointwise_vjp(kIndex, &formula, n, v + at, dy + at, out + at);
      else
        for (long i = at; i < at + n; ++i) out[i] = formula.vjp(v[i], dy[i]);
    });
  }
};
}  // namespace ops

// y = formula.f(x), any shape. Throws if the formula's settings are unusable.
template <class O>
Var pointwise(Var x, O formula) {
  if constexpr (check_pointwise<O>()) {
    if (const Problem p = problem_of(formula)) fail(O::name, ": ", p);
    if constexpr (IsClamp<O>)
      x = x.tape().apply(ops::ClampOf<O>{formula.clamp()}, x);
    else
      x = x.tape().apply(ops::Pointwise<O>{formula}, x);
  }
  return x;
}

// The activations by name; `at_kink` is the derivative exactly at the kinks (see pointwise.h).
inline Var relu6(Var x, AtKink at_kink = {}) { return pointwise(x, Relu6{at_kink}); }
inline Var relu(Var x, real at_kink = 0) { return pointwise(x, Relu{at_kink}); }
inline Var clamp(Var x, real lo, real hi, AtKink at_kink = {}) { return pointwise(x, ClampOp{lo, hi, at_kink}); }
inline Var relu_n(Var x, real n, AtKink at_kink = {}) { return pointwise(x, ReluN{n, at_kink}); }
inline Var hardtanh(Var x, AtKink at_kink = {}) { return pointwise(x, Hardtanh{at_kink}); }
inline Var hard_sigmoid(Var x, AtKink at_kink = {}) { return pointwise(x, HardSigmoid{at_kink}); }
inline Var hard_swish(Var x, AtKink at_kink = {}) { return pointwise(x, HardSwish{at_kink}); }
inline Var sigmoid(Var x) { return pointwise(x, Sigmoid{}); }
inline Var tanh(Var x) { return pointwise(x, Tanh{}); }
inline Var silu(Var x) { return pointwise(x, Silu{}); }
inline Var gelu(Var x) { return pointwise(x, Gelu{}); }

}  // namespace six
