#pragma once
// Every kernel of one instruction set, as its table lists them (see table.h for what they do).
#include "isa.h"
#include "table.h"

namespace six::kernels {
inline namespace SIX_ISA {

long matmul_packed_size(int k, int n);
void pack(const real* w, int k, int n, real* packed);
void pack_transposed(const real* w, int k, int n, real* packed);
long matmul_scratch(Matmul g);
void matmul_forward(Matmul g, Read x, const real* packed, real* y, Stats stats, real* scratch);
void matmul_backward(Matmul g, Grad dy, Read x, const real* packed_t, Sink dx, real* dw, real* scratch);

long conv_packed_t_size(Conv g);
void conv_pack_transposed(const real* w, Conv g, real* packed);
long conv_scratch(Conv g);
void conv_forward(Conv g, Read x, const unsigned char* bytes, const real* packed, real* y, Stats stats, real* scratch);
void conv_backward(Conv g, Grad dy, Read x, const unsigned char* bytes, const real* packed_t, Sink dx, real* dw, real* scratch);

long depthwise_scratch(Conv g);
void depthwise_forward(Conv g, Read x, const real* w, real* y, Stats stats, real* scratch);
void depthwise_backward(Conv g, Grad dy, Read x, const real* w, Sink dx, real* dw, real* scratch);

void materialize(long rows, int c, Read x, real* y);
void evaluate(long rows, int c, Grad dy, real* out);
void put(long rows, int c, Grad dy, Sink dx);
void fake_quantize(long rows, int c, Read x, real scale, real least, real most, real* y);
void extremes(long rows, int c, Read x, real* ends);
void bytes_to_real(long n, const unsigned char* bytes, real* y);
void stats(long rows, int c, const real* y, Stats stats);
void infer_matmul(Matmul g, const real* x, const real* packed, Epilogue e, real* y, const int* place);
void infer_conv(Conv g, Strided x, const real* packed, Epilogue e, real* y, long y_row);
void infer_depthwise(Conv g, Strided x, const real* w, Epilogue e, real* y, long y_row);
void infer_mean(int h, int w, int c, Strided x, Epilogue e, real* y);
void infer_add(int h, long n, Strided a, Strided b, Epilogue e, real* y, long y_row);
void infer_bytes(int h, long n, const unsigned char* bytes, real* y, long y_row);

double fma_peak(long rounds, real* out);
void axpy(long n, real a, const real* x, const real* z, real* y);
void product(long n, const real* x, const real* z, real* y);

void global_avg_forward(long images, int pixels, int c, Read x, real* y);
void global_avg_backward(long images, int pixels, int c, const real* dy, Sink dx);
void max_pool_forward(Pool g, const real* x, real* y, int* index);
void max_pool_backward(Pool g, const real* dy, const int* index, real* dx);
void avg_pool_forward(Pool g, const real* x, real* y);
void avg_pool_backward(Pool g, const real* dy, real* dx);
void softmax(long rows, int c, const real* x, real* prob, double* log_sum);

void pointwise_forward(int index, const void* op, long n, const real* x, real* y);
void pointwise_vjp(int index, const void* op, long n, const real* v, const real* dy, real* dx);

}  // namespace SIX_ISA
}  // namespace six::kernels
