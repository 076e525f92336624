#pragma once
// Depthwise convolution of any kernel, stride and padding: one image at a time through a zero-bordered copy of its values.
#include "fill.h"
#include "kernels.h"

namespace six::kernels {
inline namespace SIX_ISA {

// The same from channel c0 on.
SIX_INLINE Read group_of(Read x, int c0) {
  x.y += c0;
  if (x.scale) x.scale += c0, x.shift += c0;
  return x;
}
SIX_INLINE Grad group_of(Grad d, int c0) {
  d.g += c0;
  if (d.y) d.y += c0;
  if (d.c0) d.c0 += c0;
  if (d.c1) d.c1 += c0, d.c2 += c0;
  return d;
}

struct Border {
  long width, height, cp;
  explicit Border(const Conv& g) : cp(padded(g.c)) {
    const long need_w = long(g.ow - 1) * g.stride + g.kw, need_h = long(g.oh - 1) * g.stride + g.kh;
    width = g.pad_left + g.w > need_w ? g.pad_left + g.w : need_w;
    height = g.pad_top + g.h > need_h ? g.pad_top + g.h : need_h;
  }
  long size() const { return width * height * cp; }
  long at(const Conv& g, int oy, int ox, int ky, int kx) const {
    return ((long(oy) * g.stride + ky) * width + long(ox) * g.stride + kx) * cp;
  }
};

inline long any_scratch(const Conv& g) { return 2 * Border(g).size() + padded(g.c) + long(g.oh) * g.ow * padded(g.c); }

inline void any_load(const Conv& g, const Border& b, const Read& x, long n, real* image) {
  for (int h = 0; h < g.h; ++h)
    fill(image + ((h + g.pad_top) * b.width + g.pad_left) * b.cp, b.cp, at_row(x, (n * g.h + h) * g.w, g.c), g.c, g.w, g.c);
}

inline void any_forward(const Conv& g, const Read& x, const real* w, real* y, Stats stats, real* scratch) {
  const Border b(g);
  real *image = scratch, *pivot = scratch + b.size();
  clear(image, b.size());
  for (long n = 0; n < g.images; ++n) {
    any_load(g, b, x, n, image);
    for (int oy = 0; oy < g.oh; ++oy)
      for_channels<1>(g.c, [&]<int N, bool Tail>(int c, int lanes) SIX_LAMBDA_INLINE {
        for (int x0 = 0; x0 < g.ow; x0 += kRun) {
          V sum = {}, squares = {};
          for (int ox = x0; ox < g.ow && ox < x0 + kRun; ++ox) {
            V acc = {};
            for (int ky = 0; ky < g.kh; ++ky)
              for (int kx = 0; kx < g.kw; ++kx)
                acc += ld(image + b.at(g, oy, ox, ky, kx) + c) * ld(w + (ky * g.kw + kx) * b.cp + c);
            if (n + oy + ox == 0) st(pivot + c, acc), add_to(stats + c, acc);
            store<Tail>(y + ((n * g.oh + oy) * g.ow + ox) * g.c + c, acc, lanes);
            const V d = acc - ld(pivot + c);
            sum += d;
            squares += d * d;
          }
          add_to(stats + b.cp + c, sum), add_to(stats + 2 * b.cp + c, squares);
        }
      });
  }
}

inline void any_backward(const Conv& g, const Grad& dy, const Read& x, const real* w, const Sink& dx, real* dw, real* scratch) {
  const Border b(g);
  const long pixels = long(g.oh) * g.ow;
  real *image = scratch, *sums = scratch + b.size(), *tile = sums + b.size();
  clear(image, b.size());
  for (long n = 0; n < g.images; ++n) {
    any_load(g, b, x, n, image);
    fill_dy(tile, b.cp, at_row(dy, n * pixels, g.c), g.c, pixels, g.c);
    clear(sums, b.size());
    for_channels<1>(g.c, [&]<int N, bool Tail>(int c, int) SIX_LAMBDA_INLINE {
      for (int ky = 0; ky < g.kh; ++ky)
        for (int kx = 0; kx < g.kw; ++kx) {
          real* const weight_grad = dw + (ky * g.kw + kx) * b.cp + c;
          const V k = ld(w + (ky * g.kw + kx) * b.cp + c);
          V acc = {};
          for (int oy = 0; oy < g.oh; ++oy)
            for (int ox = 0; ox < g.ow; ++ox) {
              const long at = b.at(g, oy, ox, ky, kx) + c;
              const V d = ld(tile + (long(oy) * g.ow + ox) * b.cp + c);
              st(sums + at, ld(sums + at) + d * k);
              acc += ld(image + at) * d;
            }
          st(weight_grad, ld(weight_grad) + acc);
        }
    });
    if (!dx.g) continue;
    for (int h = 0; h < g.h; ++h)
      for (int i = 0; i < g.w; ++i) {
        Grad pixel;
        pixel.g = sums + ((h + g.pad_top) * b.width + i + g.pad_left) * b.cp;
        put(1, g.c, pixel, at_row(dx, (n * g.h + h) * g.w + i, g.c));
      }
  }
}

}  // namespace SIX_ISA
}  // namespace six::kernels
