// The identity and its backward, sums over rows, and plain elementwise arithmetic.
#include "fill.h"
#include "kernels.h"

namespace six::kernels {
inline namespace SIX_ISA {
namespace {

// From the gradient t of clamp(z) to that of z, with any derivative at the kinks: selected, never multiplied by 0.
enum class Mask { none, strict, kinks };
Mask mask_of(const Read& x) {
  if (!x.clamped) return Mask::none;
  const bool at_lo = x.at_lo != 0, at_hi = x.at_hi != 0;
  return at_lo || at_hi ? Mask::kinks : Mask::strict;
}
template <Mask M>
SIX_INLINE V pull(V z, V t, V lo, V hi, V at_lo, V at_hi) {
  if constexpr (M == Mask::none) return t;
  V q = (V)((VI)(z > lo) & (VI)(z < hi) & (VI)t);
  if constexpr (M == Mask::kinks) {
    const VI k0 = (VI)(at_lo != V{}), k6 = (VI)(at_hi != V{});
    q = (VI)(z == lo) & k0 ? at_lo * t : q;
    q = (VI)(z == hi) & k6 ? at_hi * t : q;
  }
  return q;
}

template <Mask M, Pull P, bool Tail>
SIX_INLINE void put_columns(long rows, int c, const Grad& dy, const Sink& dx, int i, int lanes) {
  const V lo = all(dx.x.lo), hi = all(dx.x.hi), at_lo = all(dx.x.at_lo), at_hi = all(dx.x.at_hi);
  V c0, c1, c2, a, b, center = {};
  if constexpr (P != Pull::plain) c0 = ld(dy.c0 + i);
  if constexpr (P == Pull::full) c1 = ld(dy.c1 + i), c2 = ld(dy.c2 + i);
  if (dx.x.scale) a = ld(dx.x.scale + i), b = ld(dx.x.shift + i);
  if (dx.center) center = ld(dx.center + i);
  for (long m = 0; m < rows; m += kRun) {
    V sum = {}, sum_y = {};
    for (long r = m; r < rows && r < m + kRun; ++r) {
      const long at = r * c + i;
      V t = load<Tail>(dy.g + at, lanes);
      if constexpr (P == Pull::full) {
        V u = load<Tail>(dy.y + at, lanes) * c1 + c2;
        u += t * c0;
        t = u;
      } else if constexpr (P == Pull::scaled) {
        V u = {};  // a sum, not a product: whether a product fuses with what follows would be the compiler's choice
        u += t * c0;
        t = u;
      }
      const V y = load<Tail>(dx.x.y + at, lanes);
      V z = y;
      if (dx.x.scale) z = y * a + b;
      const V q = pull<M>(z, t, lo, hi, at_lo, at_hi);
      store<Tail>(dx.g + at, dx.stores ? q : q + load<Tail>(dx.g + at, lanes), lanes);
      sum += q;
      const V d = y - center;
      sum_y += q * d;
    }
    if (dx.sums) add_to(dx.sums + i, sum), add_to(dx.sums + padded(c) + i, sum_y);
  }
}

template <Mask M>
SIX_INLINE void put_masked(long rows, int c, const Grad& dy, const Sink& dx) {
  for_channels<1>(c, [&]<int N, bool Tail>(int i, int lanes) SIX_LAMBDA_INLINE {
    switch (pull_of(dy)) {
      case Pull::plain:
        return put_columns<M, Pull::plain, Tail>(rows, c, dy, dx, i, lanes);
      case Pull::scaled:
        return put_columns<M, Pull::scaled, Tail>(rows, c, dy, dx, i, lanes);
      case Pull::full:
        return put_columns<M, Pull::full, Tail>(rows, c, dy, dx, i, lanes);
    }
  });
}

// f(place, value) for each row of a vector of channels.
template <bool Tail, class F>
SIX_INLINE void for_values(long rows, int c, const Read& x, int i, int lanes, F f) {
  const V lo = all(x.lo), hi = all(x.hi);
  V a, b;
  if (x.scale) a = ld(x.scale + i), b = ld(x.shift + i);
  for (long r = 0; r < rows; ++r) {
    V z = load<Tail>(x.y + r * c + i, lanes);
    if (x.scale) z = z * a + b;
    f(r * c + i, clamp(z, lo, hi));
  }
}
}  // namespace

void materialize(long rows, int c, Read x, real* y) { fill<true>(y, c, x, c, rows, c); }

void put(long rows, int c, Grad dy, Sink dx) {
  switch (mask_of(dx.x)) {
    case Mask::none:
      return put_masked<Mask::none>(rows, c, dy, dx);
    case Mask::strict:
      return put_masked<Mask::strict>(rows, c, dy, dx);
    case Mask::kinks:
      return put_masked<Mask::kinks>(rows, c, dy, dx);
  }
}

void evaluate(long rows, int c, Grad dy, real* out) {
  Sink to;
  to.g = out, to.x.y = dy.g;
  put_masked<Mask::none>(rows, c, dy, to);
}

void fake_quantize(long rows, int c, Read x, real scale, real least, real most, real* y) {
  const V s = all(scale), lo = all(least), hi = all(most), half = all(real(0.5));
  for_channels<1>(c, [&]<int N, bool Tail>(int i, int lanes) SIX_LAMBDA_INLINE {
    for_values<Tail>(rows, c, x, i, lanes, [&](long at, V v) SIX_LAMBDA_INLINE {
      v = clamp(v / s, lo, hi);
      const V up = v + half, cut = __builtin_convertvector(__builtin_convertvector(up, VI), V);
      const V below = (V)((VI)(cut > up) & (VI)all(1));  // cut goes towards 0
      const V rounded = (cut - below) * s;
      store<Tail>(y + at, v == v ? rounded : v, lanes);  // NaN stays NaN. NOLINT(misc-redundant-expression)
    });
  });
}

void extremes(long rows, int c, Read x, real* ends) {
  for_channels<1>(c, [&]<int N, bool Tail>(int i, int lanes) SIX_LAMBDA_INLINE {
    V lo = all(ends[0]), hi = all(ends[1]);
    for_values<Tail>(rows, c, x, i, lanes, [&](long, V v) SIX_LAMBDA_INLINE { lo = v < lo ? v : lo, hi = v > hi ? v : hi; });
    for (int l = 0; l < lanes; ++l) ends[0] = lo[l] < ends[0] ? lo[l] : ends[0], ends[1] = hi[l] > ends[1] ? hi[l] : ends[1];
  });
}

void bytes_to_real(long n, const unsigned char* bytes, real* y) {
  for (long i = 0; i < n; ++i) y[i] = real(bytes[i]) / 255;
}

void stats(long rows, int c, const real* y, Stats stats) {
  const long cp = padded(c);
  __builtin_memset(stats, 0, 3 * cp * sizeof(double));
  for_channels<1>(c, [&]<int N, bool Tail>(int i, int lanes) SIX_LAMBDA_INLINE {
    const V pivot = load<Tail>(y + i, lanes);
    add_to(stats + i, pivot);
    for (long m = 0; m < rows; m += kRun) {
      V sum = {}, squares = {};
      for (long r = m; r < rows && r < m + kRun; ++r) {
        const V d = load<Tail>(y + r * c + i, lanes) - pivot;
        sum += d;
        squares += d * d;
      }
      add_to(stats + cp + i, sum), add_to(stats + 2 * cp + i, squares);
    }
  });
}

void axpy(long n, real a, const real* x, const real* z, real* y) {
  if (z)
    for (long i = 0; i < n; ++i) y[i] = a * x[i] + z[i];
  else
    for (long i = 0; i < n; ++i) y[i] = a * x[i];
}

void product(long n, const real* x, const real* z, real* y) {
  for (long i = 0; i < n; ++i) y[i] = x[i] * z[i];
}

double fma_peak(long rounds, real* out) {
  constexpr int kChains = 12;
  V r[kChains];
  for (int j = 0; j < kChains; ++j) r[j] = all(real(j));  // different chains, or the compiler keeps one
  const V a = all(real(0.999)), b = all(real(0.001));
  for (long i = 0; i < rounds; ++i) SIX_UNROLL for (int j = 0; j < kChains; ++j) r[j] = r[j] * a + b;
  SIX_UNROLL for (int j = 1; j < kChains; ++j) r[0] += r[j];
  st(out, r[0]);
  return 2.0 * double(rounds) * kChains * W;
}

}  // namespace SIX_ISA
}  // namespace six::kernels
