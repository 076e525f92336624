#pragma once
#include "select.h"

namespace six {
inline namespace SIX_ISA {

// The derivatives taken exactly at the two kinks of a clamp, each 0, 0.5 or 1. One number sets both.
struct AtKink {
  real lo = 0, hi = 0;
  constexpr AtKink() = default;
  constexpr AtKink(real both) : lo(both), hi(both) {}  // NOLINT: `relu6(x, 1)` and `{.at_kink = 1}` are meant to work
  constexpr AtKink(real at_lo, real at_hi) : lo(at_lo), hi(at_hi) {}
};

// slope * dy, but +0 where the slope is 0, whatever dy is: 0 * inf would be NaN. The select comes before the product, so that
// a caller's `dx += ...` contracts to the same FMA in a vector body and in a scalar tail.
SIX_INLINE real slope_times(real slope, real dy) {
  const real gated = select(slope != 0, dy, real(0));
  return slope * gated;
}

// The numbers of a clamp as kernels take them: y = lo below lo, hi above hi, x between; NaN stays NaN and -0 stays -0.
// Derivative: 1 on (lo, hi), at_lo and at_hi at the ends, 0 outside and at NaN. The default clamps nothing.
struct Clamp {
  real lo = -kInf, hi = kInf;
  real at_lo = 1, at_hi = 1;  // 1 at an infinite end, which is no kink: an infinite x passes its gradient

  constexpr bool clamps() const { return lo > -kInf || hi < kInf; }

  // Whether slope(f(x)) == slope(x) for every x: then an op may keep its output only, or work in place.
  constexpr bool works_from_output() const { return (lo == -kInf || at_lo == 0) && (hi == kInf || at_hi == 0); }

  SIX_INLINE constexpr real f(real x) const { return select(x < lo, lo, select(x > hi, hi, x)); }
  SIX_INLINE constexpr real slope(real x) const {
    const real at_end = select(x == lo, at_lo, select(x == hi, at_hi, real(0)));
    return select((x > lo) & (x < hi), real(1), at_end);
  }
  SIX_INLINE real vjp(real x, real dy) const { return slope_times(slope(x), dy); }
};

// The clamp to [lo, hi]. An infinite end has no kink; lo == hi is a constant, with derivative 0 everywhere.
constexpr Clamp clamp_between(real lo, real hi, AtKink at_kink) {
  if (lo == hi) return {lo, hi, 0, 0};
  return {lo, hi, lo == -kInf ? real(1) : at_kink.lo, hi == kInf ? real(1) : at_kink.hi};
}

}  // namespace SIX_ISA
}  // namespace six
