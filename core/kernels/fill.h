#pragma once
// Reading deferred values and gradients into tiles that live in the first cache levels.
#include "vec.h"

namespace six::kernels {
inline namespace SIX_ISA {

// The same from row m of c channels on.
SIX_INLINE Read at_row(Read x, long m, long c) { return x.y += m * c, x; }
SIX_INLINE Grad at_row(Grad d, long m, long c) { return d.g += m * c, d.y = d.y ? d.y + m * c : nullptr, d; }
SIX_INLINE Sink at_row(Sink s, long m, long c) { return s.g += m * c, s.x.y += m * c, s; }

// tile[i][0..c) = the values of `rows` rows of c channels; tile rows are `stride` apart, source rows `step`. Exact: nothing behind
// the last channel is written (else up to a whole vector is).
// Constants stay in registers: the compiler may not hoist them itself, since stores could alias them.
template <bool Scaled, bool Exact, int N, bool Tail>
SIX_INLINE void fill_columns(real* tile, long stride, const Read& x, long step, long rows, int c0, int lanes) {
  V a[N], b[N];
  const V lo = all(x.lo), hi = all(x.hi);
  if constexpr (Scaled) {
    SIX_UNROLL for (int v = 0; v < N; ++v) a[v] = ld(x.scale + c0 + v * W), b[v] = ld(x.shift + c0 + v * W);
  }
  const real* y = x.y + c0;
  for (long i = 0; i < rows; ++i, y += step, tile += stride) SIX_UNROLL for (int v = 0; v < N; ++v) {
      V z = load<Tail>(y + v * W, lanes);
      if constexpr (Scaled) z = z * a[v] + b[v];
      store<Exact && Tail>(tile + c0 + v * W, clamp(z, lo, hi), lanes);
    }
}
template <bool Exact = false>
SIX_INLINE void fill(real* tile, long stride, const Read& x, long step, long rows, int c) {
  for_channels<4>(c, [&]<int N, bool Tail>(int i, int lanes) SIX_LAMBDA_INLINE {
    if (x.scale)
      fill_columns<true, Exact, N, Tail>(tile, stride, x, step, rows, i, lanes);
    else
      fill_columns<false, Exact, N, Tail>(tile, stride, x, step, rows, i, lanes);
  });
}

// How much of a Grad is deferred.
enum class Pull { plain, scaled, full };
SIX_INLINE Pull pull_of(const Grad& d) { return !d.c0 ? Pull::plain : !d.c1 ? Pull::scaled : Pull::full; }

// tile[i][0..c) = dy of `rows` rows.
template <Pull P, int N, bool Tail>
SIX_INLINE void fill_dy_columns(real* tile, long stride, const Grad& d, long step, long rows, int c, int lanes) {
  V c0[N], c1[N], c2[N];
  SIX_UNROLL for (int v = 0; v < N; ++v) {
    if constexpr (P != Pull::plain) c0[v] = ld(d.c0 + c + v * W);
    if constexpr (P == Pull::full) c1[v] = ld(d.c1 + c + v * W), c2[v] = ld(d.c2 + c + v * W);
  }
  const real *g = d.g + c, *y = P == Pull::full ? d.y + c : nullptr;
  for (long i = 0; i < rows; ++i, tile += stride) SIX_UNROLL for (int v = 0; v < N; ++v) {
      V q = load<Tail>(g + i * step + v * W, lanes);
      if constexpr (P == Pull::full) {
        V u = load<Tail>(y + i * step + v * W, lanes) * c1[v] + c2[v];
        u += q * c0[v];
        q = u;
      } else if constexpr (P == Pull::scaled) {
        q *= c0[v];
      }
      st(tile + c + v * W, q);
    }
}
SIX_INLINE void fill_dy(real* tile, long stride, const Grad& d, long step, long rows, int c) {
  for_channels<4>(c, [&]<int N, bool Tail>(int i, int lanes) SIX_LAMBDA_INLINE {
    switch (pull_of(d)) {
      case Pull::plain:
        return fill_dy_columns<Pull::plain, N, Tail>(tile, stride, d, step, rows, i, lanes);
      case Pull::scaled:
        return fill_dy_columns<Pull::scaled, N, Tail>(tile, stride, d, step, rows, i, lanes);
      case Pull::full:
        return fill_dy_columns<Pull::full, N, Tail>(tile, stride, d, step, rows, i, lanes);
    }
  });
}

// The row stride of a tile of c channels: whole vectors, and not a power of two, so that rows do not alias in the first cache.
constexpr long tile_stride(long c) { return padded(c) + kPad; }

}  // namespace SIX_ISA
}  // namespace six::kernels
