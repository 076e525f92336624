// Every formula of PointwiseOps as a loop over numbers, and rows of softmax.
#include "pointwise.h"

#include "kernels.h"

namespace six::kernels {
inline namespace SIX_ISA {
namespace {

template <class O>
void forward(const void* op, long n, const real* x, real* y) {
  const O o = *static_cast<const O*>(op);
  for (long i = 0; i < n; ++i) y[i] = o.f(x[i]);
}
template <class O>
void vjp(const void* op, long n, const real* v, const real* dy, real* dx) {
  const O o = *static_cast<const O*>(op);
  for (long i = 0; i < n; ++i) dx[i] = o.vjp(v[i], dy[i]);
}

template <class List>
struct Tables;
template <class... Ops>
struct Tables<TypeList<Ops...>> {
  static constexpr void (*kForward[])(const void*, long, const real*, real*) = {forward<Ops>...};
  static constexpr void (*kVjp[])(const void*, long, const real*, const real*, real*) = {vjp<Ops>...};
};

}  // namespace

void pointwise_forward(int index, const void* op, long n, const real* x, real* y) {
  Tables<PointwiseOps>::kForward[index](op, n, x, y);
}
void pointwise_vjp(int index, const void* op, long n, const real* v, const real* dy, real* dx) {
  Tables<PointwiseOps>::kVjp[index](op, n, v, dy, dx);
}

void softmax(long rows, int c, const real* x, real* prob, double* log_sum) {
  for (long r = 0; r < rows; ++r, x += c, prob += c) {
    real top = x[0], sum = 0;
    for (int i = 1; i < c; ++i) top = x[i] > top ? x[i] : top;
    for (int i = 0; i < c; ++i) prob[i] = math::exp(x[i] - top);
    for (int i = 0; i < c; ++i) sum += prob[i];
    for (int i = 0; i < c; ++i) prob[i] /= sum;
    log_sum[r] = double(top) + double(math::log(sum));
  }
}

}  // namespace SIX_ISA
}  // namespace six::kernels
