// Inference on one image. Values are final: the producer has applied bias and clamp, batch norm is folded into the weights, and an
// image that a window will be moved over lies inside a border of zeros. No statistics, no allocation, no threads.
#include "kernels.h"
#include "product.h"

namespace six::kernels {
inline namespace SIX_ISA {
namespace {

template <int H, int N, bool Tail>
SIX_INLINE void finish(V (&r)[H][N], const V (&bias)[N], V lo, V hi, int h, real* y, int lanes) {
  SIX_UNROLL for (int j = 0; j < N; ++j) store<Tail>(y + j * W, clamp(r[h][j] + bias[j], lo, hi), lanes);
}

// NP neighbouring output pixels of one vector of channels, 3x3 with stride S.
template <int S, int NP, bool Tail>
SIX_INLINE void pixels(const real* x, long row, long c, const V (&k)[9], V bias, V lo, V hi, real* y, int lanes) {
  V acc[NP];
  SIX_UNROLL for (int p = 0; p < NP; ++p) acc[p] = bias;
  SIX_UNROLL for (int i = 0; i < 3; ++i) {
    SIX_UNROLL for (int t = 0; t < (NP - 1) * S + 3; ++t) {
      const V v = load<Tail>(x + i * row + t * c, lanes);
      SIX_UNROLL for (int kx = 0; kx < 3; ++kx) if (t >= kx && (t - kx) % S == 0 && (t - kx) / S < NP) acc[(t - kx) / S] +=
          v * k[3 * i + kx];
    }
  }
  SIX_UNROLL for (int p = 0; p < NP; ++p) store<Tail>(y + p * c, clamp(acc[p], lo, hi), lanes);
}

template <int S>
void depthwise_3x3(const Conv& g, Strided x, const real* w, const Epilogue& e, real* y, long y_row) {
  const long cp = padded(g.c);
  for_channels<1>(g.c, [&]<int N, bool Tail>(int c, int lanes) SIX_LAMBDA_INLINE {
    V k[9];
    SIX_UNROLL for (int t = 0; t < 9; ++t) k[t] = ld(w + t * cp + c);
    const V bias = ld(e.bias + c), lo = all(e.lo), hi = all(e.hi);
    for (int h = 0; h < g.oh; ++h) {
      const real* from = x.y + long(h) * S * x.row + c;
      real* to = y + h * y_row + c;
      int i = 0;
      const auto go = [&]<int NP>() SIX_LAMBDA_INLINE {
        pixels<S, NP, Tail>(from + long(i) * S * g.c, x.row, g.c, k, bias, lo, hi, to + long(i) * g.c, lanes);
        i += NP;
      };
      while (i + 4 <= g.ow) go.template operator()<4>();
      while (i < g.ow) go.template operator()<1>();
    }
  });
}

}  // namespace

void infer_matmul(Matmul g, const real* x, const real* packed, Epilogue e, real* y, const int* place) {
  const V lo = all(e.lo), hi = all(e.hi);
  for_panels(g.n, [&]<int N, bool Tail>(int n, int lanes) SIX_LAMBDA_INLINE {
    V bias[N];
    SIX_UNROLL for (int j = 0; j < N; ++j) bias[j] = ld(e.bias + n + j * W);
    for_row_tiles<kTileHeight>(int(g.rows), [&]<int H>(int i) SIX_LAMBDA_INLINE {
      product<H, N>(1, g.k, x + long(i) * g.k, 0, g.k, 1, packed + long(n) * g.k, N * W, [&](V(&r)[H][N]) SIX_LAMBDA_INLINE {
        SIX_UNROLL for (int h = 0; h < H; ++h)
            finish<H, N, Tail>(r, bias, lo, hi, h, y + (place ? place[i + h] : long(i + h) * g.n) + n, lanes);
      });
    });
  });
}

void infer_conv(Conv g, Strided x, const real* packed, Epilogue e, real* y, long y_row) {
  const V lo = all(e.lo), hi = all(e.hi);
  const long window = long(g.kh) * g.kw * g.c, step = long(g.stride) * g.c;
  for_panels(g.k, [&]<int N, bool Tail>(int k, int lanes) SIX_LAMBDA_INLINE {
    V bias[N];
    SIX_UNROLL for (int j = 0; j < N; ++j) bias[j] = ld(e.bias + k + j * W);
    for (int oy = 0; oy < g.oh; ++oy)
      for_row_tiles<kTileHeight>(g.ow, [&]<int H>(int i) SIX_LAMBDA_INLINE {
        product<H, N>(g.kh, g.kw * g.c, x.y + long(oy) * g.stride * x.row + i * step, x.row, step, 1, packed + k * window, N * W,
                      [&](V(&r)[H][N]) SIX_LAMBDA_INLINE {
                        SIX_UNROLL for (int h = 0; h < H; ++h)
                            finish<H, N, Tail>(r, bias, lo, hi, h, y + oy * y_row + long(i + h) * g.k + k, lanes);
                      });
      });
  });
}

void infer_depthwise(Conv g, Strided x, const real* w, Epilogue e, real* y, long y_row) {
  if (g.kh == 3 && g.kw == 3 && g.stride == 1) return depthwise_3x3<1>(g, x, w, e, y, y_row);
  if (g.kh == 3 && g.kw == 3 && g.stride == 2) return depthwise_3x3<2>(g, x, w, e, y, y_row);
  const long cp = padded(g.c);
  const V lo = all(e.lo), hi = all(e.hi);
  for_channels<1>(g.c, [&]<int N, bool Tail>(int c, int lanes) SIX_LAMBDA_INLINE {
    for (int oy = 0; oy < g.oh; ++oy)
      for (int ox = 0; ox < g.ow; ++ox) {
        V acc = ld(e.bias + c);
        for (int ky = 0; ky < g.kh; ++ky)
          for (int kx = 0; kx < g.kw; ++kx)
            acc += load<Tail>(x.y + (long(oy) * g.stride + ky) * x.row + (long(ox) * g.stride + kx) * g.c + c, lanes) *
                   ld(w + (ky * g.kw + kx) * cp + c);
        store<Tail>(y + oy * y_row + long(ox) * g.c + c, clamp(acc, lo, hi), lanes);
      }
  });
}

void infer_mean(int h, int w, int c, Strided x, Epilogue e, real* y) {
  const real share = real(1) / real(h * w);
  for_channels<1>(c, [&]<int N, bool Tail>(int i, int lanes) SIX_LAMBDA_INLINE {
    V sum = {};
    for (int oy = 0; oy < h; ++oy)
      for (int ox = 0; ox < w; ++ox) sum += load<Tail>(x.y + oy * x.row + long(ox) * c + i, lanes);
    store<Tail>(y + i, clamp(sum * share, all(e.lo), all(e.hi)), lanes);
  });
}

void infer_add(int h, long n, Strided a, Strided b, Epilogue e, real* y, long y_row) {
  for (int oy = 0; oy < h; ++oy)
    for (long i = 0; i < n; ++i) {
      const real sum = a.y[oy * a.row + i] + b.y[oy * b.row + i];
      y[oy * y_row + i] = sum < e.lo ? e.lo : (sum > e.hi ? e.hi : sum);
    }
}

void infer_bytes(int h, long n, const unsigned char* bytes, real* y, long y_row) {
  for (int oy = 0; oy < h; ++oy) bytes_to_real(n, bytes + oy * n, y + oy * y_row);
}

}  // namespace SIX_ISA
}  // namespace six::kernels
