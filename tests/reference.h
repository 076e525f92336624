#pragma once
// The ops once more as naive loops in double, written from their formulas, independent of the kernels.
#include <utility>
#include <vector>

#include "../core/ops/conv.h"
#include "../core/ops/pool.h"

namespace six::test {

struct Array {
  Shape shape;
  std::vector<double> v;
  Array() = default;
  explicit Array(Shape s, double value = 0) : shape(s), v(std::size_t(s.size()), value) {}
  Array(Shape s, std::vector<double> values) : shape(s), v(std::move(values)) {}
  // Element [a, b, c, d] of a tensor of four dimensions.
  double& at(long a, long b, long c, long d) { return v[std::size_t(((a * shape[1] + b) * shape[2] + c) * shape[3] + d)]; }
  double at(long a, long b, long c, long d) const { return const_cast<Array*>(this)->at(a, b, c, d); }
};

// Which way the naive ops went at every kink and every choice since `reset`: two evaluations that took different ways have a kink
// between them, and their difference is no derivative.
struct Path {
  static inline std::vector<int> way;
  static inline bool all_sides = true;  // every clamp met numbers below, between and above its ends
  static void reset() { way.clear(), all_sides = true; }
};

namespace naive {

Array conv2d(const Array& x, const Array& w, const ConvOptions& o);            // x [n,h,w,c], w [kh,kw,c,k]
Array depthwise_conv2d(const Array& x, const Array& w, const ConvOptions& o);  // w [kh,kw,c]
Array matmul(const Array& x, const Array& w);                                  // x [...,k], w [k,n]
Array bias(const Array& x, const Array& b);
Array batch_norm(const Array& x, const Array& gamma, const Array& beta, double eps = 1e-5);  // statistics of the batch
Array batch_norm(const Array& x, const Array& gamma, const Array& beta, const std::vector<double>& mean,
                 const std::vector<double>& var, double eps = 1e-5);
Array clamp(const Array& x, double lo, double hi);  // notes the sides of both ends
Array max_pool2d(const Array& x, const PoolOptions& o);
Array avg_pool2d(const Array& x, const PoolOptions& o);
Array global_avg_pool(const Array& x);
Array cross_entropy(const Array& x, const std::vector<double>& targets);
Array mse_loss(const Array& x, const Array& target);
Array zip(const Array& x, const Array& z, double (*f)(double, double));  // elementwise

}  // namespace naive
}  // namespace six::test
