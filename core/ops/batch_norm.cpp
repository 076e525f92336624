#include "batch_norm.h"

#include <algorithm>
#include <cmath>

namespace six {
using namespace ops;
namespace {

struct Moments {
  double mean, m2;  // m2: sum of squared distances from the mean
};

// Combines the blocks' sums of one channel (Chan, Golub and LeVeque 1979): each about its own pivot, so that nothing cancels.
Moments combine(const double* stats, const View& x, long c, long padded) {
  const long samples = x.shape.samples(), per = x.shape.rows() / samples;
  double count = 0, mean = 0, m2 = 0;
  for (int i = 0; i < kMaxBlocks; ++i) {
    const double n = double(block_of(samples, i).size() * per);
    if (n == 0) continue;
    const double *s = stats + i * 3 * padded + c, sum = s[padded], squares = s[2 * padded];
    const double block_mean = s[0] + sum / n, block_m2 = std::max(0.0, squares - sum * sum / n), delta = block_mean - mean;
    count += n;
    mean += delta * n / count;
    m2 += block_m2 + delta * delta * n * (count - n) / count;
  }
  return {mean, m2};
}

const double* batch_stats(const Context& c, const Tensor& x) {
  if (x.stats) return x.stats;
  const long channels = x.shape.channels(), per = x.size() / x.shape.samples(), padded = kernels::padded(channels);
  double* stats = c.memory.fresh<double>(kMaxBlocks * 3 * padded);
  c.blocks(x.shape.samples(), x.size(), [&](int i, Block b, int) {
    c.kernel.stats(b.size() * per / channels, int(channels), x.y + b.begin * per, stats + i * 3 * padded);
  });
  return stats;
}

}  // namespace

Affine BatchNorm::forward(const Context& c, Tensor x, Tensor gamma, Tensor beta) {
  const long n = x.shape.channels(), rows = x.shape.rows(), padded = kernels::padded(n);
  require(gamma.shape == Shape{n} && beta.shape == Shape{n}, name, ": x has ", n, " channels, gamma ", gamma.size(), ", beta ",
          beta.size(), " (x ", x.shape, ", gamma ", gamma.shape, ", beta ", beta.shape, ")");
  batch_statistics = c.training || !running_mean;
  require(!batch_statistics || rows > 1, name, ": batch statistics need at least 2 numbers a channel, got ", rows, " (x ", x.shape,
          ")");
  real *scale = c.memory.zeros<real>(padded), *shift = c.memory.zeros<real>(padded);
  real *center = c.memory.zeros<real>(padded), *inverse = c.memory.zeros<real>(padded);
  const double* stats = batch_statistics ? batch_stats(c, x) : nullptr;
  for (long i = 0; i < n; ++i) {
    double mu, var;
    if (batch_statistics) {
      const Moments m = combine(stats, x, i, padded);
      mu = m.mean, var = m.m2 / double(rows);
      if (running_mean && c.records) {
        running_mean[i] = real(running_mean[i] + options.momentum * (mu - running_mean[i]));
        running_var[i] = real(running_var[i] + options.momentum * (m.m2 / double(rows - 1) - running_var[i]));
      }
    } else {
      mu = running_mean[i], var = running_var[i];
    }
    const double r = 1 / std::sqrt(var + options.eps);
    center[i] = real(mu), inverse[i] = real(r);
    scale[i] = real(gamma[i] * r), shift[i] = real(beta[i] - gamma[i] * r * mu);
  }
  mean = center, rstd = inverse;
  Affine z = x;
  z.scale = scale, z.shift = shift, z.center = center, z.stats = nullptr;
  return z;
}

// dx = gamma * rstd * (g - sum(g) / m - xhat * sum(g * xhat) / m), written as c0 * g + c1 * x + c2; with running statistics c0
// alone.
void BatchNorm::backward(const Back& b, Tensor x, Tensor gamma, Tensor) {
  const long n = x.shape.channels(), padded = kernels::padded(n);
  const double m = double(x.shape.rows());
  real *c0 = b.memory.zeros<real>(padded), *c1 = b.memory.zeros<real>(padded), *c2 = b.memory.zeros<real>(padded);
  real *dgamma = b.memory.fresh<real>(n), *dbeta = b.memory.fresh<real>(n);
  for (long i = 0; i < n; ++i) {
    double sum_g = 0, sum_gy = 0;
    for (int block = 0; block < kMaxBlocks; ++block) {
      const double* s = b.dy().sums + block * 2 * padded + i;
      sum_g += s[0], sum_gy += s[padded];
    }
    const double r = rstd[i], sum_gxhat = r * sum_gy, k0 = gamma[i] * r, k1 = -k0 * r * sum_gxhat / m;
    dgamma[i] = real(sum_gxhat), dbeta[i] = real(sum_g);
    c0[i] = real(k0), c1[i] = real(k1), c2[i] = real(-k0 * sum_g / m - k1 * mean[i]);
  }
  if (b.wants(1)) b.put(1, dgamma);
  if (b.wants(2)) b.put(2, dbeta);
  Grad d;
  d.g = b.dy().g, d.c0 = c0;
  if (batch_statistics) d.y = x.y, d.c1 = c1, d.c2 = c2;
  b.give(0, d);
}

Var batch_norm(Var x, Var gamma, Var beta, real* running_mean, real* running_var, BatchNormOptions options) {
  require(options.eps > 0, "batch_norm: eps is ", options.eps, ", must be positive");
  require(options.momentum >= 0 && options.momentum <= 1, "batch_norm: momentum is ", options.momentum,
          ", must be between 0 and 1");
  BatchNorm op;
  op.options = options, op.running_mean = running_mean, op.running_var = running_var;
  return x.tape().apply(op, x, gamma, beta);
}

}  // namespace six
