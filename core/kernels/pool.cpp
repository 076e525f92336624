// Pools: windows over images, and the mean over all pixels, which reads through a view.
#include "fill.h"
#include "kernels.h"

namespace six::kernels {
inline namespace SIX_ISA {
namespace {

struct Window {  // the part of an output pixel's window that lies inside the image
  int y0, y1, x0, x1;
  Window(const Pool& g, int oy, int ox) {
    const int top = oy * g.stride - g.pad_top, left = ox * g.stride - g.pad_left;
    y0 = top < 0 ? 0 : top, y1 = top + g.kh > g.h ? g.h : top + g.kh;
    x0 = left < 0 ? 0 : left, x1 = left + g.kw > g.w ? g.w : left + g.kw;
  }
};

// Calls f(window, first output number, first input number of the image) for every output pixel.
template <class F>
SIX_INLINE void for_windows(const Pool& g, F f) {
  for (long n = 0; n < g.images; ++n)
    for (int oy = 0; oy < g.oh; ++oy)
      for (int ox = 0; ox < g.ow; ++ox) f(Window(g, oy, ox), ((n * g.oh + oy) * g.ow + ox) * g.c, n * g.h * g.w * g.c);
}

}  // namespace

void global_avg_forward(long images, int pixels, int c, Read x, real* y) {
  const real share = real(1) / real(pixels);
  for_channels<1>(c, [&]<int N, bool Tail>(int i, int lanes) SIX_LAMBDA_INLINE {
    V a = {}, b = {};
    if (x.scale) a = ld(x.scale + i), b = ld(x.shift + i);
    const V lo = all(x.lo), hi = all(x.hi);
    for (long n = 0; n < images; ++n) {
      V sum = {};
      for (int p = 0; p < pixels; ++p) {
        V z = load<Tail>(x.y + (n * pixels + p) * c + i, lanes);
        if (x.scale) z = z * a + b;
        sum += clamp(z, lo, hi);
      }
      store<Tail>(y + n * c + i, sum * share, lanes);
    }
  });
}

void global_avg_backward(long images, int pixels, int c, const real* dy, Sink dx) {
  const real share = real(1) / real(pixels);
  const Gate gate(dx.x);
  for_channels<1>(c, [&]<int N, bool Tail>(int i, int lanes) SIX_LAMBDA_INLINE {
    V a = {}, b = {}, center = {};
    if (dx.x.scale) a = ld(dx.x.scale + i), b = ld(dx.x.shift + i);
    if (dx.center) center = ld(dx.center + i);
    for (long n = 0; n < images; ++n) {
      const V t = load<Tail>(dy + n * c + i, lanes) * share;
      for (int m = 0; m < pixels; m += kRun) {
        V sum = {}, sum_y = {};
        for (int p = m; p < pixels && p < m + kRun; ++p) {
          const long at = (n * pixels + p) * c + i;
          const V y = load<Tail>(dx.x.y + at, lanes);
          V z = y;
          if (dx.x.scale) z = y * a + b;
          const V q = gate(z, t);
          store<Tail>(dx.g + at, dx.stores ? q : q + load<Tail>(dx.g + at, lanes), lanes);
          sum += q;
          const V d = y - center;
          sum_y += q * d;
        }
        if (dx.sums) add_to(dx.sums + i, sum), add_to(dx.sums + padded(c) + i, sum_y);
      }
    }
  });
}

// The first of equal maxima wins; a NaN wins over everything, as in PyTorch.
void max_pool_forward(Pool g, const real* x, real* y, int* index) {
  for_windows(g, [&](const Window& v, long out, long image) {
    for (int c = 0; c < g.c; ++c) {
      int best = (v.y0 * g.w + v.x0) * g.c + c;
      for (int h = v.y0; h < v.y1; ++h)
        for (int w = v.x0; w < v.x1; ++w) {
          const int at = (h * g.w + w) * g.c + c;
          const real now = x[image + at], top = x[image + best];
          if (now > top || (now != now && top == top)) best = at;
        }
      y[out + c] = x[image + best], index[out + c] = best;
    }
  });
}

void max_pool_backward(Pool g, const real* dy, const int* index, real* dx) {
  clear(dx, g.images * g.h * g.w * g.c);
  for_windows(g, [&](const Window&, long out, long image) {
    for (int c = 0; c < g.c; ++c) dx[image + index[out + c]] += dy[out + c];
  });
}

// Zeros of the padding count, as in PyTorch (count_include_pad).
void avg_pool_forward(Pool g, const real* x, real* y) {
  const real share = real(1) / (real(g.kh) * real(g.kw));
  for_windows(g, [&](const Window& v, long out, long image) {
    for (int c = 0; c < g.c; ++c) y[out + c] = 0;
    for (int h = v.y0; h < v.y1; ++h)
      for (int w = v.x0; w < v.x1; ++w)
        for (int c = 0; c < g.c; ++c) y[out + c] += x[image + (long(h) * g.w + w) * g.c + c];
    for (int c = 0; c < g.c; ++c) y[out + c] *= share;
  });
}

void avg_pool_backward(Pool g, const real* dy, real* dx) {
  const real share = real(1) / (real(g.kh) * real(g.kw));
  clear(dx, g.images * g.h * g.w * g.c);
  for_windows(g, [&](const Window& v, long out, long image) {
    for (int h = v.y0; h < v.y1; ++h)
      for (int w = v.x0; w < v.x1; ++w)
        for (int c = 0; c < g.c; ++c) {
          const real t = dy[out + c] * share;
          dx[image + (long(h) * g.w + w) * g.c + c] += t;
        }
  });
}

}  // namespace SIX_ISA
}  // namespace six::kernels
