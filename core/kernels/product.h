#pragma once
// The one register-blocked product behind every dense layer, forward and backward.
#include "vec.h"

namespace six::kernels {
inline namespace SIX_ISA {

// r[i][:] = sum over q < Q, p < P of a[q * aq + i * ai + p * ap] * b[(q * P + p) * bp + :], in that order, handed to `epilogue` in
// registers: MR x NV vectors. A matrix product has Q = 1; a convolution has one q for each row of its kernel.
template <int MR, int NV, class Epilogue>
SIX_INLINE void product(long Q, long P, const real* a, long aq, long ai, long ap, const real* b, long bp, Epilogue epilogue) {
  V r[MR][NV] = {};
  for (long q = 0; q < Q; ++q, a += aq) {
    const real* ar = a;
#pragma GCC unroll 4
    for (long p = 0; p < P; ++p, ar += ap, b += bp) {
      V bv[NV];
      SIX_UNROLL for (int j = 0; j < NV; ++j) bv[j] = ld(b + j * W);
      SIX_UNROLL for (int i = 0; i < MR; ++i) {
        const V s = all(ar[i * ai]);
        SIX_UNROLL for (int j = 0; j < NV; ++j) r[i][j] += s * bv[j];
      }
    }
  }
  epilogue(r);
}

// Cuts n rows into register tiles of Most, then 7 (if Most is larger), 4, 2 and 1 rows: f<height>(first row). Rows are independent,
// so the heights do not change the bits. Two tiles of 4 are faster than one of 6 and a poor one of 2.
template <int Most, class F>
SIX_INLINE void for_row_tiles(int n, F f) {
  int i = 0, full = n / Most;
  if (Most == 6 && full && n % Most == 2) --full;
  for (; full > 0; --full, i += Most) f.template operator()<Most>(i);
  if constexpr (Most > 8)
    for (; n - i >= 7; i += 7) f.template operator()<7>(i);
  for (; n - i >= 4; i += 4) f.template operator()<4>(i);
  for (; n - i >= 2; i += 2) f.template operator()<2>(i);
  if (i < n) f.template operator()<1>(i);
}

// Panels of n columns: f<vectors, is the tail>(first column, lanes of the last vector).
template <class F>
SIX_INLINE void for_panels(int n, F f) {
  for_channels<2>(n, f);
}
constexpr long panel_columns(long n) { return (n + W - 1) / W * W; }

}  // namespace SIX_ISA
}  // namespace six::kernels
