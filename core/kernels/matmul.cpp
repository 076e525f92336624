// Matrix products: pointwise convolutions (86 % of a MobileNet's arithmetic), linear layers, matmul.
#include "fill.h"
#include "kernels.h"
#include "product.h"

namespace six::kernels {
inline namespace SIX_ISA {

long matmul_packed_size(int k, int n) { return long(k) * panel_columns(n); }

void pack(const real* w, int k, int n, real* packed) {
  for_panels(n, [&]<int N, bool Tail>(int c, int lanes) {
    for (int p = 0; p < k; ++p, packed += N * W)
      for (int v = 0; v < N; ++v) st(packed + v * W, load<Tail>(w + long(p) * n + c + v * W, lanes));
  });
}

void pack_transposed(const real* w, int k, int n, real* packed) {
  for_panels(k, [&]<int N, bool Tail>(int c, int lanes) {
    const int columns = Tail ? lanes : N * W;
    for (int p = 0; p < n; ++p)
      for (int j = 0; j < N * W; ++j) *packed++ = j < columns ? w[long(c + j) * n + p] : 0;
  });
}

long matmul_scratch(Matmul g) { return kRun * (tile_stride(g.k) + tile_stride(g.n)) + padded(g.n); }

// For each run of rows: values into a tile, then all panels of columns; y is stored once, its sums come from the registers.
void matmul_forward(Matmul g, Read x, const real* packed, real* y, Stats stats, real* scratch) {
  const long ld_a = tile_stride(g.k), cp = padded(g.n);
  real *tile = scratch, *pivot = scratch + kRun * ld_a;
  __builtin_memset(stats, 0, 3 * cp * sizeof(double));
  for (long m = 0; m < g.rows; m += kRun) {
    const int rows = int(g.rows - m < kRun ? g.rows - m : kRun);
    fill(tile, ld_a, at_row(x, m, g.k), g.k, rows, g.k);
    for_panels(g.n, [&]<int N, bool Tail>(int n, int lanes) SIX_LAMBDA_INLINE {
      V sum[N] = {}, squares[N] = {}, piv[N];
      SIX_UNROLL for (int j = 0; j < N; ++j) piv[j] = ld(pivot + n + j * W);
      for_row_tiles<kTileHeight>(rows, [&]<int H>(int i) SIX_LAMBDA_INLINE {
        expect_stores(y + (m + i) * g.n + n, g.n, H, N * W);
        product<H, N>(1, g.k, tile + i * ld_a, 0, ld_a, 1, packed + long(n) * g.k, N * W, [&](V(&r)[H][N]) SIX_LAMBDA_INLINE {
          real* q = y + (m + i) * g.n + n;
          if (m + i == 0) {
            SIX_UNROLL for (int j = 0; j < N; ++j) piv[j] = r[0][j], st(pivot + n + j * W, piv[j]);
          }
          SIX_UNROLL for (int h = 0; h < H; ++h) SIX_UNROLL for (int j = 0; j < N; ++j) {
            store<Tail>(q + long(h) * g.n + j * W, r[h][j], lanes);
            const V d = r[h][j] - piv[j];
            sum[j] += d;
            squares[j] += d * d;
          }
        });
      });
      SIX_UNROLL for (int j = 0; j < N; ++j) {
        if (m == 0) add_to(stats + n + j * W, piv[j]);
        add_to(stats + cp + n + j * W, sum[j]), add_to(stats + 2 * cp + n + j * W, squares[j]);
      }
    });
  }
}

namespace {
// dx = dy * w^T for one run of rows, put into the sink from the registers; `values` holds the clamped inputs, for the gate.
SIX_INLINE void put_dx(Matmul g, const real* dy, long ld_dy, const real* values, long ld_a, const real* packed_t, Sink dx,
                       int rows) {
  const Gate gate(dx.x);
  const long cp = padded(g.k);
  for_panels(g.k, [&]<int N, bool Tail>(int k, int lanes) SIX_LAMBDA_INLINE {
    V sum[N] = {}, sum_y[N] = {}, center[N] = {};
    if (dx.center) {
      SIX_UNROLL for (int j = 0; j < N; ++j) center[j] = ld(dx.center + k + j * W);
    }
    for_row_tiles<kTileHeight>(rows, [&]<int H>(int i) SIX_LAMBDA_INLINE {
      expect_stores(dx.g + long(i) * g.k + k, g.k, H, N * W);
      product<H, N>(1, g.n, dy + i * ld_dy, 0, ld_dy, 1, packed_t + long(k) * g.n, N * W, [&](V(&r)[H][N]) SIX_LAMBDA_INLINE {
        SIX_UNROLL for (int h = 0; h < H; ++h) SIX_UNROLL for (int j = 0; j < N; ++j) {
          const long at = long(i + h) * g.k + k + j * W;
          const V q = gate(ld(values + (i + h) * ld_a + k + j * W), r[h][j]);
          store<Tail>(dx.g + at, dx.stores ? q : q + load<Tail>(dx.g + at, lanes), lanes);
          sum[j] += q;
          const V d = load<Tail>(dx.x.y + at, lanes) - center[j];
          sum_y[j] += q * d;
        }
      });
    });
    if (dx.sums) {
      SIX_UNROLL for (int j = 0; j < N; ++j) add_to(dx.sums + k + j * W, sum[j]), add_to(dx.sums + cp + k + j * W, sum_y[j]);
    }
  });
}

// dw[k][n] += x^T * dy for one run of rows.
SIX_INLINE void add_dw(Matmul g, const real* dy, long ld_dy, const real* values, long ld_a, real* dw, int rows) {
  const long np = padded(g.n);
  for_panels(g.n, [&]<int N, bool Tail>(int n, int) SIX_LAMBDA_INLINE {
    for_row_tiles<kWeightTileHeight>(g.k, [&]<int H>(int k) SIX_LAMBDA_INLINE {
      product<H, N>(1, rows, values + k, 0, 1, ld_a, dy + n, ld_dy, [&](V(&r)[H][N]) SIX_LAMBDA_INLINE {
        real* q = dw + k * np + n;
        SIX_UNROLL for (int h = 0; h < H; ++h) SIX_UNROLL for (int j = 0; j < N; ++j)
            st(q + h * np + j * W, ld(q + h * np + j * W) + r[h][j]);
      });
    });
  });
}
}  // namespace

// One sweep: both gradients of a run of rows while its tiles are in the cache.
void matmul_backward(Matmul g, Grad dy, Read x, const real* packed_t, Sink dx, real* dw, real* scratch) {
  const long ld_a = tile_stride(g.k), ld_dy = tile_stride(g.n);
  real *values = scratch, *tile = scratch + kRun * ld_a;
  if (dw) clear(dw, g.k * padded(g.n));
  for (long m = 0; m < g.rows; m += kRun) {
    const int rows = int(g.rows - m < kRun ? g.rows - m : kRun);
    fill_dy(tile, ld_dy, at_row(dy, m, g.n), g.n, rows, g.n);
    fill(values, ld_a, at_row(x, m, g.k), g.k, rows, g.k);
    if (dx.g) put_dx(g, tile, ld_dy, values, ld_a, packed_t, at_row(dx, m, g.k), rows);
    if (dw) add_dw(g, tile, ld_dy, values, ld_a, dw, rows);
  }
}

}  // namespace SIX_ISA
}  // namespace six::kernels
