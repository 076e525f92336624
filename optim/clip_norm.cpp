#include "clip_norm.h"

#include <cmath>

namespace six {
namespace {

// Eight sums side by side: one alone would wait for each addition, and the compiler may not reorder it.
double sum_of_squares(const real* g, long n) {
  constexpr int kLanes = 8;
  double lane[kLanes] = {};
  long i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) lane[j] += double(g[i + j]) * double(g[i + j]);
  }
  double sum = 0;
  for (; i < n; ++i) sum += double(g[i]) * double(g[i]);
  for (double x : lane) sum += x;
  return sum;
}

}  // namespace

double grad_norm(const ParamSet& params) {
  double sum = 0;
  for (const Param& p : params.params()) {
    if (p.trainable) sum += sum_of_squares(params.grads() + p.offset, p.shape.size());
  }
  return std::sqrt(sum);
}

double clip_factor(double norm, double max_norm) {
  const double factor = max_norm / (norm + 1e-6);
  return factor > 1 ? 1 : factor;
}

}  // namespace six
