#pragma once
// Vectors of W lanes, one lane a channel: no kernel adds across lanes, so results do not depend on W.
// Every accumulation is one product a statement, so that contraction to FMA leaves nothing to choose.
#include "isa.h"
#include "table.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace six::kernels {
inline namespace SIX_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kTileHeight = 14, kWeightTileHeight = 8;  // rows of a register tile of two vectors; 8 divides most channel counts
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kTileHeight = 6, kWeightTileHeight = 6;
#else
constexpr int kVectorBytes = 16;
constexpr int kTileHeight = 4, kWeightTileHeight = 4;
#endif
constexpr int W = kVectorBytes / int(sizeof(real));
static_assert(kPad % W == 0);

template <int Bytes>
struct IntOf;
template <>
struct IntOf<4> {
  using type = int;
};
template <>
struct IntOf<8> {
  using type = long;
};
using Int = IntOf<sizeof(real)>::type;
typedef real V __attribute__((vector_size(kVectorBytes), aligned(sizeof(real)), may_alias));
typedef Int VI __attribute__((vector_size(kVectorBytes), aligned(sizeof(real)), may_alias));

SIX_INLINE V ld(const real* p) { return *(const V*)p; }
SIX_INLINE void st(real* p, V v) { *(V*)p = v; }
SIX_INLINE V all(real x) { return x - V{}; }  // not x + 0, which -0 would change and so costs an addition
// Asks for the cache lines of an output, `rows` times n numbers `step` apart, before they are computed: stores that miss hold up
// those behind them.
SIX_INLINE void expect_stores(real* p, long step, long rows, long n) {
  constexpr long line = 64 / long(sizeof(real));
  for (long i = 0; i < rows; ++i, p += step)
    for (long j = 0; j < n; j += line) __builtin_prefetch(p + j, 1);
}
SIX_INLINE void clear(real* p, long n) { __builtin_memset(p, 0, n * sizeof(real)); }

// The first n lanes, 0 < n < W; the others read 0 and are not written.
SIX_INLINE V ld(const real* p, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(real) == 4)
    return (V)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
  else
    return (V)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p);
#else
  V v = {};
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}
SIX_INLINE void st(real* p, V v, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(real) == 4)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
  else
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v);
#else
  for (int i = 0; i < n; ++i) p[i] = v[i];
#endif
}
// Whole vectors, or the last n lanes of a row of channels.
template <bool Tail>
SIX_INLINE V load(const real* p, int n) {
  if constexpr (Tail) return ld(p, n);
  return ld(p);
}
template <bool Tail>
SIX_INLINE void store(real* p, V v, int n) {
  if constexpr (Tail)
    st(p, v, n);
  else
    st(p, v);
}

// clamp(v, lo, hi), comparisons this way round: NaN stays NaN and -0 stays -0 (max and min of x86 return their second operand
// then).
SIX_INLINE V clamp(V v, V lo, V hi) {
  v = lo > v ? lo : v;
  return hi < v ? hi : v;
}

// The gate of a strict clamp (see Read): the gradient passes where lo < v <= top, everywhere if there is no clamp. Selected, never
// multiplied: t may be infinite. v is z or the clamped value, the answer is the same.
struct Gate {
  V lo, top;
#if defined(__AVX512F__)  // GCC would build whole vectors from the masks
  __mmask16 open;
  SIX_INLINE explicit Gate(const Read& x) : lo(all(x.lo)), top(all(x.top)), open(__mmask16(x.clamped ? 0 : ~0)) {}
  SIX_INLINE V operator()(V v, V t) const {
    if constexpr (sizeof(real) == 4) {
      const __mmask16 above = _mm512_cmp_ps_mask((__m512)v, (__m512)lo, _CMP_GT_OQ);
      return (V)_mm512_maskz_mov_ps(_mm512_mask_cmp_ps_mask(above, (__m512)v, (__m512)top, _CMP_LE_OQ) | open, (__m512)t);
    } else {
      const __mmask8 above = _mm512_cmp_pd_mask((__m512d)v, (__m512d)lo, _CMP_GT_OQ);
      return (V)_mm512_maskz_mov_pd(_mm512_mask_cmp_pd_mask(above, (__m512d)v, (__m512d)top, _CMP_LE_OQ) | __mmask8(open),
                                    (__m512d)t);
    }
  }
#else
  VI open;
  SIX_INLINE explicit Gate(const Read& x) : lo(all(x.lo)), top(all(x.top)), open(VI{} - Int(!x.clamped)) {}
  SIX_INLINE V operator()(V v, V t) const { return (V)((((VI)(v > lo) & (VI)(v <= top)) | open) & (VI)t); }
#endif
};

// Sums over many rows are kept in two steps: a few dozen terms in a vector, then in double. Images have a constant background,
// so that long float sums round in the same direction again and again, and batch norm amplifies that.
SIX_INLINE void add_to(double* p, V v) {
  for (int i = 0; i < W; ++i) p[i] += double(v[i]);
}
constexpr int kRun = 56;  // rows in such a sum: 7x7x8, 14x4 and 28x2 rows

// Calls f<vectors, is the tail>(first channel, lanes of the last vector) over c channels: groups of `Most` vectors, single ones,
// the rest.
template <int Most, class F>
SIX_INLINE void for_channels(int c, F f) {
  int i = 0;
  for (; c - i >= Most * W; i += Most * W) f.template operator()<Most, false>(i, W);
  if constexpr (Most > 1)
    for (; c - i >= W; i += W) f.template operator()<1, false>(i, W);
  if (i < c) f.template operator()<1, true>(i, c - i);
}

}  // namespace SIX_ISA
}  // namespace six::kernels
