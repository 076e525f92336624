#pragma once
// What host code and kernels say to each other: plain structs of pointers and numbers, and one table of functions per
// instruction set. A kernel runs on the rows of one block of samples, on one thread; the host cuts the work.
//
// Rows are pixels or samples, channels are innermost. Per-channel arrays and the arrays of sums are padded to kPad numbers,
// so that a kernel may read and write whole vectors there; tensors are not padded.
#include "../real.h"

namespace six::kernels {

inline constexpr int kPad = 16;
constexpr long padded(long channels) { return (channels + kPad - 1) / kPad * kPad; }

// How to read a value: x[i] = clamp(z, lo, hi), z = scale[c] * y[i] + shift[c], c the channel of i; z = y[i] without scale.
// The gate of the gradient is open where lo < z <= top: strictly inside if top is the number below hi, and relu's if both are
// infinite.
struct Read {
  const real* y = nullptr;
  const real *scale = nullptr, *shift = nullptr;
  real lo = -kInf, hi = kInf, top = kInf;
  real at_lo = 1, at_hi = 1;  // the derivative exactly at lo and hi; only `put` looks at them
  bool clamped = false;
};

// How to read a gradient: dy[i] = c0[c] * g[i] + (c1[c] * y[i] + c2[c]); without c1, c0[c] * g[i]; without c0, g[i].
struct Grad {
  real* g = nullptr;
  const real *y = nullptr, *c0 = nullptr, *c1 = nullptr, *c2 = nullptr;
};

// How to write a gradient: through the view by which the value was read, so that each consumer applies its own mask.
// `sums` [2][padded(c)]: sum of g and of g * (y - center), about the mean so that they do not cancel.
struct Sink {
  real* g = nullptr;  // null: not wanted
  Read x;
  const real* center = nullptr;
  double* sums = nullptr;
  bool stores = true;  // the first consumer stores, later ones add
};

// Sums of one block of rows, [3][padded(c)]: a pivot (the block's first row), the sum of d = y - pivot and of d * d.
using Stats = double*;

// y[rows, n] = x[rows, k] * w[k, n].
struct Matmul {
  long rows;
  int k, n;
};

// x [images, h, w, c] -> y [images, oh, ow, k]; a depthwise convolution has k = c.
struct Conv {
  long images;
  int h, w, c, oh, ow, k, kh, kw, stride, pad_top, pad_left;
};

// For inference: final values whose image rows are `row` numbers apart (inside a border of zeros), and what a producer applies to
// each sum: clamp(sum + bias[c], lo, hi), bias [padded(c)].
struct Strided {
  const real* y;
  long row;
};
struct Epilogue {
  const real* bias = nullptr;
  real lo = -kInf, hi = kInf;
};

struct Pool {
  long images;
  int h, w, c, oh, ow, kh, kw, stride, pad_top, pad_left;
};

struct Table {
  const char* isa;
  int lanes;

  // Weights in the order in which a product reads them: `packed` [panels][k][lanes of a panel], matmul_packed_size(k, n) numbers.
  long (*matmul_packed_size)(int k, int n);
  void (*pack)(const real* w, int k, int n, real* packed);             // w [k, n]
  void (*pack_transposed)(const real* w, int k, int n, real* packed);  // w [k, n], packed as [n, k]

  // Pointwise convolution, linear, matmul. Scratch: matmul_scratch(g) numbers.
  long (*matmul_scratch)(Matmul g);
  void (*matmul_forward)(Matmul g, Read x, const real* packed, real* y, Stats stats, real* scratch);
  // dx = dy * w^T put into `dx`; dw [k, padded(n)] gets x^T * dy (stored). packed_t null: no dx. dw null: no dw.
  void (*matmul_backward)(Matmul g, Grad dy, Read x, const real* packed_t, Sink dx, real* dw, real* scratch);

  // Convolution of any kernel, stride and padding; x or, for the first layer, bytes. dw [kh * kw * c, padded(k)].
  long (*conv_packed_t_size)(Conv g);
  void (*conv_pack_transposed)(const real* w, Conv g, real* packed);
  long (*conv_scratch)(Conv g);
  void (*conv_forward)(Conv g, Read x, const unsigned char* bytes, const real* packed, real* y, Stats stats, real* scratch);
  void (*conv_backward)(Conv g, Grad dy, Read x, const unsigned char* bytes, const real* packed_t, Sink dx, real* dw,
                        real* scratch);

  // Depthwise convolution, w [kh * kw, padded(c)]; dw the same.
  long (*depthwise_scratch)(Conv g);
  void (*depthwise_forward)(Conv g, Read x, const real* w, real* y, Stats stats, real* scratch);
  void (*depthwise_backward)(Conv g, Grad dy, Read x, const real* w, Sink dx, real* dw, real* scratch);

  // The identity: write a value out; read a gradient and put it. `put` knows every derivative at a kink.
  void (*materialize)(long rows, int c, Read x, real* y);
  void (*evaluate)(long rows, int c, Grad dy, real* out);
  void (*put)(long rows, int c, Grad dy, Sink dx);
  // y = scale * floor(clamp(x / scale, least, most) + 1/2), least and most below 2^30; NaN stays NaN. `extremes`: the smallest and
  // the largest value, on top of what `ends` [2] holds.
  void (*fake_quantize)(long rows, int c, Read x, real scale, real least, real most, real* y);
  void (*extremes)(long rows, int c, Read x, real* ends);
  void (*bytes_to_real)(long n, const unsigned char* bytes, real* y);
  void (*stats)(long rows, int c, const real* y, Stats stats);

  // Inference, one image; x starts at the first window (its border included), weights are folded and packed. `place` says where
  // each row of a product goes (null: behind each other).
  void (*infer_matmul)(Matmul g, const real* x, const real* packed, Epilogue e, real* y, const int* place);
  void (*infer_conv)(Conv g, Strided x, const real* packed, Epilogue e, real* y, long y_row);
  void (*infer_depthwise)(Conv g, Strided x, const real* w, Epilogue e, real* y, long y_row);
  void (*infer_mean)(int h, int w, int c, Strided x, Epilogue e, real* y);
  void (*infer_add)(int h, long n, Strided a, Strided b, Epilogue e, real* y, long y_row);  // n numbers a row
  void (*infer_bytes)(int h, long n, const unsigned char* bytes, real* y, long y_row);

  // Independent multiply-adds in registers: returns their number of FLOPs; one vector goes to `out`. What a machine can do at most.
  double (*fma_peak)(long rounds, real* out);

  // Elementwise, n numbers. axpy: y = a * x + z, or a * x without z. product: y = x * z.
  void (*axpy)(long n, real a, const real* x, const real* z, real* y);
  void (*product)(long n, const real* x, const real* z, real* y);

  // Pools over images; the mean over h and w reads through a view.
  void (*global_avg_forward)(long images, int pixels, int c, Read x, real* y);
  void (*global_avg_backward)(long images, int pixels, int c, const real* dy, Sink dx);
  void (*max_pool_forward)(Pool g, const real* x, real* y, int* index);
  void (*max_pool_backward)(Pool g, const real* dy, const int* index, real* dx);
  void (*avg_pool_forward)(Pool g, const real* x, real* y);
  void (*avg_pool_backward)(Pool g, const real* dy, real* dx);

  // Rows of log-softmax: prob[rows, c] = softmax(x), log_sum[rows] = log(sum exp(x)).
  void (*softmax)(long rows, int c, const real* x, real* prob, double* log_sum);

  // Pointwise ops by their index in PointwiseOps; `op` points to the formula struct. vjp stores dx = vjp(v, dy).
  void (*pointwise_forward)(int index, const void* op, long n, const real* x, real* y);
  void (*pointwise_vjp)(int index, const void* op, long n, const real* v, const real* dy, real* dx);
};

}  // namespace six::kernels
