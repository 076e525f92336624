#include "kernels.h"
#include "vec.h"

#define SIX_TEXT_(x) #x
#define SIX_TEXT(x) SIX_TEXT_(x)

namespace six::kernels {
inline namespace SIX_ISA {

extern const Table table;
const Table table = {
    .isa = SIX_TEXT(SIX_ISA),
    .lanes = W,
    .matmul_packed_size = matmul_packed_size,
    .pack = pack,
    .pack_transposed = pack_transposed,
    .matmul_scratch = matmul_scratch,
    .matmul_forward = matmul_forward,
    .matmul_backward = matmul_backward,
    .conv_packed_t_size = conv_packed_t_size,
    .conv_pack_transposed = conv_pack_transposed,
    .conv_scratch = conv_scratch,
    .conv_forward = conv_forward,
    .conv_backward = conv_backward,
    .depthwise_scratch = depthwise_scratch,
    .depthwise_forward = depthwise_forward,
    .depthwise_backward = depthwise_backward,
    .materialize = materialize,
    .evaluate = evaluate,
    .put = put,
    .fake_quantize = fake_quantize,
    .extremes = extremes,
    .bytes_to_real = bytes_to_real,
    .stats = stats,
    .infer_matmul = infer_matmul,
    .infer_conv = infer_conv,
    .infer_depthwise = infer_depthwise,
    .infer_mean = infer_mean,
    .infer_add = infer_add,
    .infer_bytes = infer_bytes,
    .fma_peak = fma_peak,
    .axpy = axpy,
    .product = product,
    .global_avg_forward = global_avg_forward,
    .global_avg_backward = global_avg_backward,
    .max_pool_forward = max_pool_forward,
    .max_pool_backward = max_pool_backward,
    .avg_pool_forward = avg_pool_forward,
    .avg_pool_backward = avg_pool_backward,
    .softmax = softmax,
    .pointwise_forward = pointwise_forward,
    .pointwise_vjp = pointwise_vjp,
};

}  // namespace SIX_ISA
}  // namespace six::kernels
