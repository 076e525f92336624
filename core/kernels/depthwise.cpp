// Depthwise convolutions. 3x3 with padding 1 and stride 1 or 2 runs as a sweep: three rows of a group of channels live in a ring in
// the first cache, zero-bordered, so that no pixel is an edge case; several pixels share their loads. Everything else runs in
// depthwise_any.h.
#include "depthwise_any.h"

namespace six::kernels {
inline namespace SIX_ISA {
namespace {

constexpr int kPixels = 7;  // output pixels that share their loads; 28, 14 and 7 are its multiples

bool is_fast(const Conv& g) {
  return g.kh == 3 && g.kw == 3 && g.pad_top == 1 && g.pad_left == 1 && g.stride <= 2 && g.oh == (g.h - 1) / g.stride + 1 &&
         g.ow == (g.w - 1) / g.stride + 1;
}

// Three rows of R channels, `width` pixels and a zero border on both sides, filled from row 0 on as the sweep asks for them.
template <int R>
struct Ring {
  real *rows, *zero;
  long size;
  int height, filled = 0;
  Ring(real* scratch, int width, int n) : rows(scratch), zero(scratch + 3 * (width + 2) * R), size((width + 2) * R), height(n) {
    for (int i = 0; i < 3; ++i) clear(rows + i * size, R), clear(rows + (i + 1) * size - R, R);
    clear(zero, size);
  }
  template <class Fill>
  SIX_INLINE void fill_to(int row, Fill fill) {  // fill(target, row): the row's pixels
    for (; filled <= row && filled < height; ++filled) fill(rows + filled % 3 * size + R, filled);
  }
  SIX_INLINE const real* operator[](int row) const { return row < 0 || row >= height ? zero : rows + row % 3 * size; }
};
constexpr long ring_size(int width, int channels) { return 4L * (width + 2) * channels; }

struct Sums {
  V sum, other;
};

// NP neighbouring output pixels of one vector of channels.
template <int R, int S, int NP, bool Tail>
SIX_INLINE void pixels(const real* const* r, const real* w, long cp, real* y, long c, int lanes, bool first, V& pivot, Sums& s) {
  V acc[NP] = {};
  SIX_UNROLL for (int i = 0; i < 3; ++i) {
    const V k0 = ld(w + 3 * i * cp), k1 = ld(w + (3 * i + 1) * cp), k2 = ld(w + (3 * i + 2) * cp);
    SIX_UNROLL for (int t = 0; t < (NP - 1) * S + 3; ++t) {
      const V v = ld(r[i] + t * R);
      if (t % S == 0 && t / S < NP) acc[t / S] += v * k0;
      if (t >= 1 && (t - 1) % S == 0 && (t - 1) / S < NP) acc[(t - 1) / S] += v * k1;
      if (t >= 2 && (t - 2) % S == 0 && (t - 2) / S < NP) acc[(t - 2) / S] += v * k2;
    }
  }
  if (first) pivot = acc[0];
  SIX_UNROLL for (int p = 0; p < NP; ++p) {
    store<Tail>(y + p * c, acc[p], lanes);
    const V d = acc[p] - pivot;
    s.sum += d;
    s.other += d * d;
  }
}

// One group of up to R channels of image n. `pivots` [padded(c)]: what image 0 began with.
template <int R, int S>
void forward_group(const Conv& g, long n, const Read& x, const real* w, real* y, Stats stats, real* pivots, real* scratch, int c0,
                   int channels) {
  const long cp = padded(g.c);
  Ring<R> ring(scratch, g.w, g.h);
  V sum[R / W] = {}, squares[R / W] = {}, pivot[R / W];
  for (int v = 0; v < R / W; ++v) pivot[v] = ld(pivots + c0 + v * W);
  for (int h = 0; h < g.oh; ++h) {
    ring.fill_to(h * S + 1,
                 [&](real* to, int row) { fill(to, R, at_row(group_of(x, c0), (n * g.h + row) * g.w, g.c), g.c, g.w, channels); });
    real* to = y + (n * g.oh + h) * g.ow * g.c + c0;
    expect_stores(to + long(g.ow) * g.c, g.c, g.ow, channels);
    for_channels<1>(channels, [&]<int N, bool Tail>(int c, int lanes) SIX_LAMBDA_INLINE {
      Sums s{};
      int i = 0;
      const auto go = [&]<int NP>() SIX_LAMBDA_INLINE {
        const long at = long(i) * S * R + c;
        const real* r[3] = {ring[h * S - 1] + at, ring[h * S] + at, ring[h * S + 1] + at};
        pixels<R, S, NP, Tail>(r, w + c0 + c, cp, to + i * g.c + c, g.c, lanes, n + h + i == 0, pivot[c / W], s);
        i += NP;
      };
      while (i + kPixels <= g.ow) go.template operator()<kPixels>();
      while (i < g.ow) go.template operator()<1>();
      sum[c / W] += s.sum, squares[c / W] += s.other;
    });
  }
  for (int v = 0; v * W < channels; ++v) {
    if (n == 0) add_to(stats + c0 + v * W, pivot[v]), st(pivots + c0 + v * W, pivot[v]);
    add_to(stats + cp + c0 + v * W, sum[v]), add_to(stats + 2 * cp + c0 + v * W, squares[v]);
  }
}

// Puts gradients of single pixels, and keeps their sums.
template <bool Tail>
struct Putter {
  const Gate& gate;
  V center;
  bool stores;
  int lanes;
  Sums s{};
  SIX_INLINE void operator()(real* to, V value, V raw, V t) {
    const V q = gate(value, t);
    store<Tail>(to, stores ? q : q + load<Tail>(to, lanes), lanes);
    s.sum += q;
    const V d = raw - center;
    s.other += q * d;
  }
};

// Stride 1: the nine dy around an input pixel serve both its gradient (times w) and w's (times its value).
template <int R, int NP, bool Tail>
SIX_INLINE void back_pixels(const real* const* r, const real* w, long cp, const real* value, const real* x, real* dx, long c,
                            real* dw, Putter<Tail>& put) {
  V acc[NP] = {};
  SIX_UNROLL for (int i = 0; i < 3; ++i) {  // r[i] is dy's row h + 1 - i
    const V k0 = ld(w + 3 * i * cp), k1 = ld(w + (3 * i + 1) * cp), k2 = ld(w + (3 * i + 2) * cp);
    V d0 = ld(dw + 3 * i * R), d1 = ld(dw + (3 * i + 1) * R), d2 = ld(dw + (3 * i + 2) * R);
    SIX_UNROLL for (int t = 0; t < NP + 2; ++t) {
      const V v = ld(r[i] + t * R);
      if (t < NP) acc[t] += v * k2, d2 += v * ld(value + t * R);
      if (t >= 1 && t - 1 < NP) acc[t - 1] += v * k1, d1 += v * ld(value + (t - 1) * R);
      if (t >= 2) acc[t - 2] += v * k0, d0 += v * ld(value + (t - 2) * R);
    }
    st(dw + 3 * i * R, d0), st(dw + (3 * i + 1) * R, d1), st(dw + (3 * i + 2) * R, d2);
  }
  SIX_UNROLL for (int p = 0; p < NP; ++p) put(dx + p * c, ld(value + p * R), load<Tail>(x + p * c, put.lanes), acc[p]);
}
template <int R, bool Tail>
SIX_INLINE void back_row(const Conv& g, const Ring<R>& dy, int h, const real* w, const real* value, const real* x, real* dx,
                         real* dw, int c, Putter<Tail>& put) {
  int i = 0;
  const auto go = [&]<int NP>() SIX_LAMBDA_INLINE {
    const real* r[3] = {dy[h + 1] + i * R + c, dy[h] + i * R + c, dy[h - 1] + i * R + c};
    back_pixels<R, NP, Tail>(r, w, padded(g.c), value + i * R, x + long(i) * g.c, dx + long(i) * g.c, g.c, dw, put);
    i += NP;
  };
  while (i + kPixels <= g.w) go.template operator()<kPixels>();
  while (i < g.w) go.template operator()<1>();
}

// Stride 2: an even row of x meets one row of dy (ky = 1), an odd one two (ky = 2 and 0); the same in columns. No product with a
// zero.
template <int R, bool Odd, bool Tail>
SIX_INLINE void back_row_2(const Conv& g, const Ring<R>& dy, int h, const real* w, const Read& read, const real* x, real* dx,
                           real* dw, int c, Putter<Tail>& put) {
  constexpr int kRows = Odd ? 2 : 1;
  const int ky[2] = {Odd ? 2 : 1, 0};
  const long cp = padded(g.c);
  const real* r[2] = {dy[h / 2] + R + c, dy[h / 2 + 1] + R + c};
  const V scale = read.scale ? ld(read.scale + c) : all(1), shift = read.scale ? ld(read.shift + c) : V{}, lo = all(read.lo),
          hi = all(read.hi);
  V d[kRows][3], left[kRows];
  SIX_UNROLL for (int q = 0; q < kRows; ++q) {
    SIX_UNROLL for (int kx = 0; kx < 3; ++kx) d[q][kx] = ld(dw + (3 * ky[q] + kx) * R);
    left[q] = ld(r[q]);
  }
  for (int i = 0; i < g.ow; ++i, x += 2 * g.c, dx += 2 * g.c) {
    const bool pair = 2 * i + 1 < g.w;  // an odd width ends with half a pair
    const V x0 = load<Tail>(x, put.lanes), x1 = pair ? load<Tail>(x + g.c, put.lanes) : V{};
    const V even = clamp(x0 * scale + shift, lo, hi), odd = pair ? clamp(x1 * scale + shift, lo, hi) : V{};
    V t_even = {}, t_odd = {};
    SIX_UNROLL for (int q = 0; q < kRows; ++q) {
      const V right = ld(r[q] + (i + 1) * R);
      const real* k = w + 3 * ky[q] * cp;
      t_even += left[q] * ld(k + cp);
      t_odd += right * ld(k);
      t_odd += left[q] * ld(k + 2 * cp);
      d[q][1] += even * left[q];
      d[q][0] += odd * right;
      d[q][2] += odd * left[q];
      left[q] = right;
    }
    put(dx, even, x0, t_even);
    if (pair) put(dx + g.c, odd, x1, t_odd);
  }
  SIX_UNROLL for (int q = 0; q < kRows; ++q) SIX_UNROLL for (int kx = 0; kx < 3; ++kx) st(dw + (3 * ky[q] + kx) * R, d[q][kx]);
}

// One sweep over one group of channels of image n: both gradients.
template <int R, int S>
void backward_group(const Conv& g, long n, const Grad& dy, const Read& x, const real* w, const Sink& dx, real* dw, real* scratch,
                    int c0, int channels) {
  const long cp = padded(g.c);
  Ring<R> ring(scratch, g.ow, g.oh);
  real *values = scratch + ring_size(g.ow, R), *dw_image = values + g.w * R;
  const Gate gate(dx.x);
  const Read read = group_of(x, c0);
  V sum[R / W] = {}, other[R / W] = {};
  clear(dw_image, 9 * R);
  for (int h = 0; h < g.h; ++h) {
    ring.fill_to(S == 1 ? h + 1 : h / 2 + 1, [&](real* to, int row) {
      fill_dy(to, R, at_row(group_of(dy, c0), (n * g.oh + row) * g.ow, g.c), g.c, g.ow, channels);
    });
    const long first = (n * g.h + h) * g.w * g.c + c0;
    if constexpr (S == 1) fill(values, R, at_row(read, (n * g.h + h) * g.w, g.c), g.c, g.w, channels);
    for_channels<1>(channels, [&]<int N, bool Tail>(int c, int lanes) SIX_LAMBDA_INLINE {
      Putter<Tail> put{gate, dx.center ? ld(dx.center + c0 + c) : V{}, dx.stores, lanes};
      const real *k = w + c0 + c, *from = x.y + first + c;
      real *to = dx.g + first + c, *sums = dw_image + c;
      if constexpr (S == 1)
        back_row<R, Tail>(g, ring, h, k, values + c, from, to, sums, c, put);
      else if (h % 2)
        back_row_2<R, true, Tail>(g, ring, h, k, read, from, to, sums, c, put);
      else
        back_row_2<R, false, Tail>(g, ring, h, k, read, from, to, sums, c, put);
      sum[c / W] += put.s.sum, other[c / W] += put.s.other;
    });
  }
  for (int c = 0; c < channels; c += W) {
    if (dx.sums) add_to(dx.sums + c0 + c, sum[c / W]), add_to(dx.sums + cp + c0 + c, other[c / W]);
    for (int k = 0; k < 9; ++k) st(dw + k * cp + c0 + c, ld(dw + k * cp + c0 + c) + ld(dw_image + k * R + c));
  }
}

// Calls f<R>(first channel, channels) for groups of 64, 32 and 16 channels.
template <class F>
SIX_INLINE void for_groups(int c, F f) {
  int i = 0;
  for (; c - i >= 64; i += 64) f.template operator()<64>(i, 64);
  for (; c - i >= 32; i += 32) f.template operator()<32>(i, 32);
  for (; i < c; i += 16) f.template operator()<16>(i, c - i < 16 ? c - i : 16);
}

}  // namespace

long depthwise_scratch(Conv g) {
  const long width = (g.w > g.ow ? g.w : g.ow) + 2, sweep = padded(g.c) + (5 * width + 9) * 64, any = any_scratch(g);
  return is_fast(g) && sweep > any ? sweep : any;  // a fast one is not fast where x wants no gradient
}

void depthwise_forward(Conv g, Read x, const real* w, real* y, Stats stats, real* scratch) {
  __builtin_memset(stats, 0, 3 * padded(g.c) * sizeof(double));
  if (!is_fast(g)) return any_forward(g, x, w, y, stats, scratch);
  real *pivots = scratch, *ring = scratch + padded(g.c);
  clear(pivots, padded(g.c));
  for (long n = 0; n < g.images; ++n)
    for_groups(g.c, [&]<int R>(int c, int channels) {
      g.stride == 1 ? forward_group<R, 1>(g, n, x, w, y, stats, pivots, ring, c, channels)
                    : forward_group<R, 2>(g, n, x, w, y, stats, pivots, ring, c, channels);
    });
}

void depthwise_backward(Conv g, Grad dy, Read x, const real* w, Sink dx, real* dw, real* scratch) {
  clear(dw, long(g.kh) * g.kw * padded(g.c));
  if (!is_fast(g) || !dx.g) return any_backward(g, dy, x, w, dx, dw, scratch);
  for (long n = 0; n < g.images; ++n)
    for_groups(g.c, [&]<int R>(int c, int channels) {
      g.stride == 1 ? backward_group<R, 1>(g, n, dy, x, w, dx, dw, scratch, c, channels)
                    : backward_group<R, 2>(g, n, dy, x, w, dx, dw, scratch, c, channels);
    });
}

}  // namespace SIX_ISA
}  // namespace six::kernels
