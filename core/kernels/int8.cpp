// Integer inference on one image: products of four bytes at once where the CPU has VNNI, of two 16-bit numbers elsewhere. Both are
// exact, so every table gives the same bits.
#include "int8.h"

#include "product.h"
#include "requantize.h"

namespace six::kernels {
inline namespace SIX_ISA {
namespace {

constexpr int L = kVectorBytes / 4;  // channels
typedef int32_t V32 __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
typedef int64_t V64 __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
typedef uint32_t U32 __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
typedef uint64_t U64 __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));

SIX_INLINE V32 ld32(const void* p) { return *(const V32*)p; }
SIX_INLINE V32 all32(int32_t x) { return x - V32{}; }

// Elements of 16 bits: a group is a pair.
struct Pairs {
  typedef int16_t Element;
  static constexpr int kGroup = 2;
  static SIX_INLINE V32 dot(V32 acc, V32 x, V32 w) {
#if defined(__AVX512BW__)
    return acc + (V32)_mm512_madd_epi16((__m512i)x, (__m512i)w);
#elif defined(__AVX2__)
    return acc + (V32)_mm256_madd_epi16((__m256i)x, (__m256i)w);
#elif defined(__SSE2__)
    return acc +
           (V32)__builtin_ia32_pmaddwd128((__attribute__((vector_size(16))) short)x, (__attribute__((vector_size(16))) short)w);
#else
    return acc + ((x << 16) >> 16) * ((w << 16) >> 16) + (x >> 16) * (w >> 16);
#endif
  }
};

#if defined(__AVX512F__)
// Bytes: a group is four of them. The instruction is newer than the rest of this table; whoever calls has asked the CPU.
struct Quads {
  typedef uint8_t Element;
  static constexpr int kGroup = 4;
  static SIX_INLINE V32 dot(V32 acc, V32 x, V32 w) {
    asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
    return acc;
  }
};
#endif

SIX_INLINE int32_t group_at(const void* p) {
  int32_t g;
  __builtin_memcpy(&g, p, 4);
  return g;
}

#if defined(__AVX512F__)
SIX_INLINE V64 product(V32 a, V32 b) { return (V64)_mm512_maskz_mul_epi32(0xFF, (__m512i)a, (__m512i)b); }  // of the even lanes
#elif defined(__AVX2__)
SIX_INLINE V64 product(V32 a, V32 b) { return (V64)_mm256_mul_epi32((__m256i)a, (__m256i)b); }
#endif

// Elements as numbers of 32 bits.
template <class E>
SIX_INLINE V32 widen(const E* p, int n) {
#if defined(__AVX512F__)
  const __mmask16 lanes = (__mmask16)((1u << n) - 1);
  if constexpr (sizeof(E) == 1) return (V32)_mm512_maskz_cvtepu8_epi32(lanes, _mm_maskz_loadu_epi8(lanes, p));
  return (V32)_mm512_maskz_cvtepu16_epi32(lanes, _mm256_maskz_loadu_epi16(lanes, p));
#else
  V32 v = {};
  if (n == L)
    for (int i = 0; i < L; ++i) v[i] = p[i];
  else
    for (int i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}

template <class E>
SIX_INLINE void narrow(E* p, V32 v, int n) {
#if defined(__AVX512F__)
  const __mmask16 lanes = (__mmask16)((1u << n) - 1);
  if constexpr (sizeof(E) == 1)
    _mm512_mask_cvtepi32_storeu_epi8(p, lanes, (__m512i)v);
  else
    _mm512_mask_cvtepi32_storeu_epi16(p, lanes, (__m512i)v);
#else
  for (int i = 0; i < n; ++i) p[i] = E(v[i]);
#endif
}

// The constants of the vector of channels that begins at `at`.
struct Epilogue32 {
  V32 bias, m, d;
  V64 c_even, c_odd, s_even, s_odd;
  SIX_INLINE Epilogue32(const Requantize& r, int at)
      : bias(ld32(r.bias + at)),
        m(ld32(r.m + at)),
        d(ld32(r.d + at)),
        c_even(*(const V64*)(r.c + at)),
        c_odd(*(const V64*)(r.c + at + L / 2)),
        s_even(*(const V64*)(r.s + at)),
        s_odd(*(const V64*)(r.s + at + L / 2)) {}

  SIX_INLINE V32 requantized(V32 acc) const {
#if defined(__AVX2__)
    const V64 even = product(acc, m), odd = product((V32)((U64)acc >> 32), (V32)((U64)m >> 32));
    const U64 a = (U64)(even + c_even) >> (U64)s_even, b = (U64)(odd + c_odd) >> (U64)s_odd;
    return (V32)((U32)((a & (U64{} + 0xFFFFFFFFu)) | b << 32) - (U32)d);  // modulo 2^32: d may be 2^31
#else
    V32 out = {};
    for (int i = 0; i < L; ++i) {
      const int64_t c = i % 2 ? c_odd[i / 2] : c_even[i / 2], s = i % 2 ? s_odd[i / 2] : s_even[i / 2];
      out[i] = int32_t(uint32_t(uint64_t(int64_t(acc[i]) * m[i] + c) >> s) - uint32_t(d[i]));
    }
    return out;
#endif
  }
  template <class E>
  SIX_INLINE void finish(V32 acc, const Requantize& r, int channel, long pixel, E* y, int lanes) const {
    acc += bias;
    if (r.sums) {
      for (int i = 0; i < lanes; ++i) r.sums[pixel + channel + i] = acc[i];
      return;
    }
    V32 v = requantized(acc) + r.zero;
    v = v < r.lo ? all32(r.lo) : v;
    v = v > r.hi ? all32(r.hi) : v;
    narrow(y, v, lanes);
  }
};

// Panels of channels: f<vectors, is the tail>(first channel, lanes of the last vector).
template <int Most, class F>
SIX_INLINE void for_lanes(int n, F f) {
  int i = 0;
  for (; n - i >= Most * L; i += Most * L) f.template operator()<Most>(i, L);
  if constexpr (Most > 1)
    for (; n - i >= L; i += L) f.template operator()<1>(i, L);
  if (i < n) f.template operator()<1>(i, n - i);
}

#if defined(__AVX512F__)
constexpr int kPanels = 2;
#else
constexpr int kPanels = 1;
#endif

// Weights lie by vector of channels: [vectors][rows][groups][L][group].
template <class D>
void conv(Conv g, const void* from, long row, const void* packed, Requantize r, void* to, long y_row) {
  typedef typename D::Element E;
  const E* x = (const E*)from;
  E* y = (E*)to;
  const long groups = (long(g.kw) * g.c + D::kGroup - 1) / D::kGroup, step = long(g.stride) * g.c, panel = g.kh * groups * L * 4;
  for_lanes<kPanels>(g.k, [&]<int N>(int k, int lanes) SIX_LAMBDA_INLINE {
    const char* w = (const char*)packed + k / L * panel;
    for (int oy = 0; oy < g.oh; ++oy)
      for_row_tiles<7>(g.ow, [&]<int H>(int i) SIX_LAMBDA_INLINE {
        V32 acc[H][N] = {};
        const E* base = x + long(oy) * g.stride * row + i * step;
        const char* at = w;
        for (int q = 0; q < g.kh; ++q, base += row) {
          const E* p = base;
          for (long n = 0; n < groups; ++n, p += D::kGroup, at += L * 4) {
            V32 b[N];
            SIX_UNROLL for (int j = 0; j < N; ++j) b[j] = ld32(at + j * panel);
            SIX_UNROLL for (int h = 0; h < H; ++h) {
              const V32 s = all32(group_at(p + h * step));
              SIX_UNROLL for (int j = 0; j < N; ++j) acc[h][j] = D::dot(acc[h][j], s, b[j]);
            }
          }
        }
        SIX_UNROLL for (int j = 0; j < N; ++j) {
          const Epilogue32 e(r, k + j * L);
          SIX_UNROLL for (int h = 0; h < H; ++h) e.finish(acc[h][j], r, k + j * L, (long(oy) * g.ow + i + h) * g.k,
                                                          y + oy * y_row + long(i + h) * g.k + k + j * L, lanes);
        }
      });
  });
}

template <class D>
long packed_size(int k, int rows, int length) {
  return long(k + L - 1) / L * rows * ((length + D::kGroup - 1) / D::kGroup) * L * 4;
}

template <class D>
void pack(const int8_t* w, int k, int rows, int length, void* packed) {
  const int groups = (length + D::kGroup - 1) / D::kGroup;
  char* to = (char*)packed;
  for (int first = 0; first < k; first += L)
    for (int q = 0; q < rows; ++q)
      for (int n = 0; n < groups; ++n)
        for (int lane = 0; lane < L; ++lane, to += 4)
          for (int e = 0; e < D::kGroup; ++e) {
            const int channel = first + lane, at = n * D::kGroup + e;
            const int value = channel < k && at < length ? w[(long(channel) * rows + q) * length + at] : 0;
            if constexpr (D::kGroup == 4) {
              const int8_t v = int8_t(value);
              __builtin_memcpy(to + e, &v, 1);
            } else {
              const int16_t v = int16_t(value);
              __builtin_memcpy(to + 2 * e, &v, 2);
            }
          }
}

// A column of three elements as groups: one of four bytes, or a pair and another.
template <class D>
struct Column {
  static constexpr int kGroups = D::kGroup == 4 ? 1 : 2;
  V32 g[kGroups];
  SIX_INLINE Column() = default;
  SIX_INLINE Column(const typename D::Element* x, long row, int lanes) {
    const V32 a = widen(x, lanes), b = widen(x + row, lanes), c = widen(x + 2 * row, lanes);
    if constexpr (kGroups == 1)
      g[0] = a | b << 8 | c << 16;
    else
      g[0] = a | b << 16, g[1] = c;
  }
  static SIX_INLINE V32 dot(V32 acc, const Column& x, const Column& w) {
    SIX_UNROLL for (int i = 0; i < kGroups; ++i) acc = D::dot(acc, x.g[i], w.g[i]);
    return acc;
  }
};

template <class D, int S>
void depthwise_of(const Conv& g, const typename D::Element* x, long row, const void* packed, const Requantize& r,
                  typename D::Element* y, long y_row) {
  typedef Column<D> C;
  for_lanes<1>(g.c, [&]<int N>(int c, int lanes) SIX_LAMBDA_INLINE {
    C w[3];
    SIX_UNROLL for (int j = 0; j < 3; ++j) SIX_UNROLL for (int i = 0; i < C::kGroups; ++i) w[j].g[i] =
        ld32((const char*)packed + ((long(c / L) * 3 + j) * C::kGroups + i) * L * 4);
    const Epilogue32 e(r, c);
    for (int oy = 0; oy < g.oh; ++oy) {
      const auto go = [&]<int NP>(int i) SIX_LAMBDA_INLINE {
        const typename D::Element* from = x + long(oy) * S * row + long(i) * S * g.c + c;
        V32 acc[NP] = {};
        SIX_UNROLL for (int t = 0; t < (NP - 1) * S + 3; ++t) {
          const C v(from + t * g.c, row, lanes);
          SIX_UNROLL for (int j = 0; j < 3; ++j) if (t >= j && (t - j) % S == 0 && (t - j) / S < NP) acc[(t - j) / S] =
              C::dot(acc[(t - j) / S], v, w[j]);
        }
        SIX_UNROLL for (int p = 0; p < NP; ++p)
            e.finish(acc[p], r, c, (long(oy) * g.ow + i + p) * g.c, y + oy * y_row + long(i + p) * g.c + c, lanes);
      };
      int i = 0;
      for (; i + 7 <= g.ow; i += 7) go.template operator()<7>(i);
      for (; i + 2 <= g.ow; i += 2) go.template operator()<2>(i);
      if (i < g.ow) go.template operator()<1>(i);
    }
  });
}

template <class D>
void depthwise(Conv g, const void* x, long row, const void* packed, Requantize r, void* y, long y_row) {
  typedef typename D::Element E;
  if (g.stride == 1)
    depthwise_of<D, 1>(g, (const E*)x, row, packed, r, (E*)y, y_row);
  else
    depthwise_of<D, 2>(g, (const E*)x, row, packed, r, (E*)y, y_row);
}

template <class D>
long depthwise_packed_size(int c) {
  return long(c + L - 1) / L * 3 * Column<D>::kGroups * L * 4;
}

template <class D>
void depthwise_pack(const int8_t* w, int c, void* packed) {
  char* to = (char*)packed;
  for (int first = 0; first < c; first += L)
    for (int j = 0; j < 3; ++j)
      for (int group = 0; group < Column<D>::kGroups; ++group)
        for (int lane = 0; lane < L; ++lane)
          for (int e = 0; e < D::kGroup; ++e) {
            const int channel = first + lane, i = group * D::kGroup + e;
            const int value = channel < c && i < 3 ? w[(i * 3 + j) * c + channel] : 0;
            if constexpr (D::kGroup == 4) {
              *to++ = char(value);
            } else {
              const int16_t v = int16_t(value);
              __builtin_memcpy(to, &v, 2), to += 2;
            }
          }
}

template <class D>
void from_bytes(int h, long n, const unsigned char* bytes, void* y, long y_row) {
  typedef typename D::Element E;
  for (int i = 0; i < h; ++i)
    for (long j = 0; j < n; ++j) ((E*)y)[i * y_row + j] = E(bytes[i * n + j]);
}

template <class D>
constexpr Int8Table table_of(const char* name) {
  return {name,         L,       int(sizeof(typename D::Element)), D::kGroup,         packed_size<D>,
          pack<D>,      conv<D>, depthwise_packed_size<D>,         depthwise_pack<D>, depthwise<D>,
          from_bytes<D>};
}

}  // namespace

#define SIX_INT8_TEXT_(x) #x
#define SIX_INT8_TEXT(x) SIX_INT8_TEXT_(x)
extern const Int8Table int8_table;
const Int8Table int8_table = table_of<Pairs>(SIX_INT8_TEXT(SIX_ISA));
#if defined(__AVX512F__)
extern const Int8Table int8_vnni_table;
const Int8Table int8_vnni_table = table_of<Quads>("vnni");
#endif

}  // namespace SIX_ISA
}  // namespace six::kernels
