// Convolutions of any kernel, stride and padding, one image at a time: its values go into a zero-bordered copy in the cache, where
// a pixel's window is kh runs of kw * c neighbouring numbers, and the product reads them there. No im2col, no edge cases.
#include "fill.h"
#include "kernels.h"
#include "product.h"

namespace six::kernels {
inline namespace SIX_ISA {
namespace {

struct Bordered {  // the zero-bordered image
  long width, height, row;
  SIX_INLINE explicit Bordered(const Conv& g) {
    const long need_w = long(g.ow - 1) * g.stride + g.kw, need_h = long(g.oh - 1) * g.stride + g.kh;
    width = g.pad_left + g.w > need_w ? g.pad_left + g.w : need_w;
    height = g.pad_top + g.h > need_h ? g.pad_top + g.h : need_h;
    row = width * g.c;
  }
  SIX_INLINE long size() const { return padded(height * row + kPad); }
};

void load_image(const Conv& g, const Bordered& b, const Read& x, const unsigned char* bytes, long n, real* image) {
  for (int h = 0; h < g.h; ++h) {
    real* to = image + (h + g.pad_top) * b.row + g.pad_left * g.c;
    const long from = (n * g.h + h) * g.w * g.c;
    if (bytes)
      bytes_to_real(long(g.w) * g.c, bytes + from, to);
    else
      fill<true>(to, g.c, at_row(x, from, 1), g.c, g.w, g.c);
  }
}

// dw[i][n] += sum over the image's pixels of window[i] * dy[n].
SIX_INLINE void add_dw(const Conv& g, const Bordered& b, const real* image, const real* dy, long ld_dy, real* dw) {
  const int run = g.kw * g.c, rows = g.kh * run;
  const long np = padded(g.k);
  for_panels(g.k, [&]<int N, bool Tail>(int n, int) SIX_LAMBDA_INLINE {
    for_row_tiles<kTileHeight == 14 ? 9 : kTileHeight>(rows, [&]<int H>(int i) SIX_LAMBDA_INLINE {
      V r[H][N] = {};
      const real* window[H];
      SIX_UNROLL for (int h = 0; h < H; ++h) window[h] = image + (i + h) / run * b.row + (i + h) % run;
      for (int y = 0; y < g.oh; ++y)
        for (int x = 0; x < g.ow; ++x) {
          const real* d = dy + (long(y) * g.ow + x) * ld_dy + n;
          const long at = y * g.stride * b.row + long(x) * g.stride * g.c;
          SIX_UNROLL for (int h = 0; h < H; ++h) {
            const V s = all(window[h][at]);
            SIX_UNROLL for (int j = 0; j < N; ++j) r[h][j] += s * ld(d + j * W);
          }
        }
      real* q = dw + i * np + n;
      SIX_UNROLL for (int h = 0; h < H; ++h) SIX_UNROLL for (int j = 0; j < N; ++j)
          st(q + h * np + j * W, ld(q + h * np + j * W) + r[h][j]);
    });
  });
}

// image += dy * w^T: every pixel adds to its window, one tap after the other, so that the order in which a number of the image gets
// its terms is that of the taps for every width of a vector.
SIX_INLINE void add_dx(const Conv& g, const Bordered& b, const real* packed_t, const real* dy, long ld_dy, real* image) {
  for (int y = 0; y < g.oh; ++y)
    for (int tap = 0; tap < g.kh * g.kw; ++tap) {
      const real* w = packed_t + tap * matmul_packed_size(g.k, g.c);
      real* const first = image + (long(y) * g.stride + tap / g.kw) * b.row + long(tap % g.kw) * g.c;
      for_panels(g.c, [&]<int N, bool Tail>(int c, int lanes) SIX_LAMBDA_INLINE {
        for_row_tiles<kTileHeight>(g.ow, [&]<int H>(int i) SIX_LAMBDA_INLINE {
          product<H, N>(1, g.k, dy + (long(y) * g.ow + i) * ld_dy, 0, ld_dy, 1, w + long(c) * g.k, N * W,
                        [&](V(&r)[H][N]) SIX_LAMBDA_INLINE {
                          real* to = first + long(i) * g.stride * g.c + c;
                          SIX_UNROLL for (int h = 0; h < H; ++h) SIX_UNROLL for (int j = 0; j < N; ++j) {
                            real* p = to + long(h) * g.stride * g.c + j * W;
                            store<Tail>(p, load<Tail>(p, lanes) + r[h][j], lanes);
                          }
                        });
        });
      });
    }
}

}  // namespace

long conv_packed_t_size(Conv g) { return long(g.kh) * g.kw * matmul_packed_size(g.k, g.c); }

void conv_pack_transposed(const real* w, Conv g, real* packed) {
  for (int tap = 0; tap < g.kh * g.kw; ++tap)
    pack_transposed(w + long(tap) * g.c * g.k, g.c, g.k, packed + tap * matmul_packed_size(g.k, g.c));
}

long conv_scratch(Conv g) { return 2 * Bordered(g).size() + padded(g.k) + long(g.oh) * g.ow * tile_stride(g.k); }

void conv_forward(Conv g, Read x, const unsigned char* bytes, const real* packed, real* y, Stats stats, real* scratch) {
  const Bordered b(g);
  const long cp = padded(g.k), window = long(g.kh) * g.kw * g.c;
  real *image = scratch, *pivot = scratch + b.size();
  clear(image, b.size());
  __builtin_memset(stats, 0, 3 * cp * sizeof(double));
  for (long n = 0; n < g.images; ++n) {
    load_image(g, b, x, bytes, n, image);
    for (int h = 0; h < g.oh; ++h)
      for (int w = 0; w < g.ow; w += kRun) {
        const int rows = g.ow - w < kRun ? g.ow - w : kRun;
        const bool first = n + h + w == 0;
        const real* from = image + long(h) * g.stride * b.row + long(w) * g.stride * g.c;
        real* to = y + ((n * g.oh + h) * g.ow + w) * g.k;
        for_panels(g.k, [&]<int N, bool Tail>(int k, int lanes) SIX_LAMBDA_INLINE {
          V sum[N] = {}, squares[N] = {}, piv[N];
          SIX_UNROLL for (int j = 0; j < N; ++j) piv[j] = ld(pivot + k + j * W);
          for_row_tiles<kTileHeight>(rows, [&]<int H>(int i) SIX_LAMBDA_INLINE {
            product<H, N>(g.kh, g.kw * g.c, from + long(i) * g.stride * g.c, b.row, g.stride * g.c, 1, packed + k * window, N * W,
                          [&](V(&r)[H][N]) SIX_LAMBDA_INLINE {
                            if (first && i == 0) {
                              SIX_UNROLL for (int j = 0; j < N; ++j) piv[j] = r[0][j], st(pivot + k + j * W, piv[j]);
                            }
                            SIX_UNROLL for (int r0 = 0; r0 < H; ++r0) SIX_UNROLL for (int j = 0; j < N; ++j) {
                              store<Tail>(to + long(i + r0) * g.k + k + j * W, r[r0][j], lanes);
                              const V d = r[r0][j] - piv[j];
                              sum[j] += d;
                              squares[j] += d * d;
                            }
                          });
          });
          SIX_UNROLL for (int j = 0; j < N; ++j) {
            if (first) add_to(stats + k + j * W, piv[j]);
            add_to(stats + cp + k + j * W, sum[j]), add_to(stats + 2 * cp + k + j * W, squares[j]);
          }
        });
      }
  }
}

void conv_backward(Conv g, Grad dy, Read x, const unsigned char* bytes, const real* packed_t, Sink dx, real* dw, real* scratch) {
  const Bordered b(g);
  const long ld_dy = tile_stride(g.k), pixels = long(g.oh) * g.ow;
  real *image = scratch, *sums = scratch + b.size(), *tile = scratch + 2 * b.size();
  clear(image, b.size());
  if (dw) clear(dw, long(g.kh) * g.kw * g.c * padded(g.k));
  for (long n = 0; n < g.images; ++n) {
    fill_dy(tile, ld_dy, at_row(dy, n * pixels, g.k), g.k, pixels, g.k);
    if (dw) {
      load_image(g, b, x, bytes, n, image);
      add_dw(g, b, image, tile, ld_dy, dw);
    }
    if (!dx.g) continue;
    clear(sums, b.size());
    add_dx(g, b, packed_t, tile, ld_dy, sums);
    for (int h = 0; h < g.h; ++h) {
      Grad row;
      row.g = sums + (h + g.pad_top) * b.row + g.pad_left * g.c;
      put(g.w, g.c, row, at_row(dx, (n * g.h + h) * g.w, g.c));
    }
  }
}

}  // namespace SIX_ISA
}  // namespace six::kernels
