#include "reference.h"

#include <cmath>

namespace six::test::naive {

namespace {
long extent(long n, long before, long after, long kernel, long stride) { return (n + before + after - kernel) / stride + 1; }

// Calls f(n, oy, ox, ky, kx, y, x) for every tap of a window that lies inside the image.
template <class F>
void for_taps(const Shape& in, const Shape& out, long kh, long kw, long stride, const Padding& p, F f) {
  for (long n = 0; n < out[0]; ++n)
    for (long oy = 0; oy < out[1]; ++oy)
      for (long ox = 0; ox < out[2]; ++ox)
        for (long ky = 0; ky < kh; ++ky)
          for (long kx = 0; kx < kw; ++kx) {
            const long y = oy * stride + ky - p.top, x = ox * stride + kx - p.left;
            if (y >= 0 && y < in[1] && x >= 0 && x < in[2]) f(n, oy, ox, ky, kx, y, x);
          }
}
}  // namespace

Array conv2d(const Array& x, const Array& w, const ConvOptions& o) {
  const long kh = w.shape[0], kw = w.shape[1], channels = w.shape[2], k = w.shape[3];
  const Padding& p = o.padding;
  Array y({x.shape[0], extent(x.shape[1], p.top, p.bottom, kh, o.stride), extent(x.shape[2], p.left, p.right, kw, o.stride), k});
  for_taps(x.shape, y.shape, kh, kw, o.stride, p, [&](long n, long oy, long ox, long ky, long kx, long iy, long ix) {
    const double *from = &x.v[std::size_t(((n * x.shape[1] + iy) * x.shape[2] + ix) * channels)],
                 *weight = &w.v[std::size_t((ky * kw + kx) * channels * k)];
    double* to = &y.v[std::size_t(((n * y.shape[1] + oy) * y.shape[2] + ox) * k)];
    for (long c = 0; c < channels; ++c)
      for (long j = 0; j < k; ++j) to[j] += from[c] * weight[c * k + j];
  });
  return y;
}

Array depthwise_conv2d(const Array& x, const Array& w, const ConvOptions& o) {
  const long kh = w.shape[0], kw = w.shape[1], channels = w.shape[2];
  const Padding& p = o.padding;
  Array y(
      {x.shape[0], extent(x.shape[1], p.top, p.bottom, kh, o.stride), extent(x.shape[2], p.left, p.right, kw, o.stride), channels});
  for_taps(x.shape, y.shape, kh, kw, o.stride, p, [&](long n, long oy, long ox, long ky, long kx, long iy, long ix) {
    const double *from = &x.v[std::size_t(((n * x.shape[1] + iy) * x.shape[2] + ix) * channels)],
                 *weight = &w.v[std::size_t((ky * kw + kx) * channels)];
    double* to = &y.v[std::size_t(((n * y.shape[1] + oy) * y.shape[2] + ox) * channels)];
    for (long c = 0; c < channels; ++c) to[c] += from[c] * weight[c];
  });
  return y;
}

Array matmul(const Array& x, const Array& w) {
  const long k = w.shape[0], columns = w.shape[1], rows = x.shape.size() / k;
  Array y(x.shape.with(-1, columns));
  for (long r = 0; r < rows; ++r)
    for (long j = 0; j < k; ++j)
      for (long c = 0; c < columns; ++c)
        y.v[std::size_t(r * columns + c)] += x.v[std::size_t(r * k + j)] * w.v[std::size_t(j * columns + c)];
  return y;
}

Array bias(const Array& x, const Array& b) {
  Array y = x;
  for (std::size_t i = 0; i < y.v.size(); ++i) y.v[i] += b.v[i % b.v.size()];
  return y;
}

Array batch_norm(const Array& x, const Array& gamma, const Array& beta, double eps) {
  const std::size_t channels = gamma.v.size(), rows = x.v.size() / channels;
  std::vector<double> mean(channels), var(channels);
  for (std::size_t i = 0; i < x.v.size(); ++i) mean[i % channels] += x.v[i] / double(rows);
  for (std::size_t i = 0; i < x.v.size(); ++i)
    var[i % channels] += (x.v[i] - mean[i % channels]) * (x.v[i] - mean[i % channels]) / double(rows);
  return batch_norm(x, gamma, beta, mean, var, eps);
}

Array batch_norm(const Array& x, const Array& gamma, const Array& beta, const std::vector<double>& mean,
                 const std::vector<double>& var, double eps) {
  const std::size_t channels = gamma.v.size();
  Array y = x;
  for (std::size_t i = 0; i < x.v.size(); ++i) {
    const std::size_t c = i % channels;
    y.v[i] = gamma.v[c] * (x.v[i] - mean[c]) / std::sqrt(var[c] + eps) + beta.v[c];
  }
  return y;
}

Array clamp(const Array& x, double lo, double hi) {
  Array y = x;
  bool below = std::isinf(lo), between = false, above = std::isinf(hi);
  for (double& v : y.v) {
    const int side = v < lo ? 0 : v > hi ? 2 : 1;
    (side == 0 ? below : side == 2 ? above : between) = true;
    Path::way.push_back(side);
    v = side == 0 ? lo : side == 2 ? hi : v;
  }
  Path::all_sides = Path::all_sides && below && between && above;
  return y;
}

namespace {
Shape pooled(const Shape& x, const PoolOptions& o) {
  const int stride = o.stride ? o.stride : o.kernel;
  const Padding& p = o.padding;
  return {x[0], extent(x[1], p.top, p.bottom, o.kernel, stride), extent(x[2], p.left, p.right, o.kernel, stride), x[3]};
}
}  // namespace

Array max_pool2d(const Array& x, const PoolOptions& o) {
  Array y(pooled(x.shape, o), -HUGE_VAL);
  std::vector<int> taken(y.v.size());
  for_taps(x.shape, y.shape, o.kernel, o.kernel, o.stride ? o.stride : o.kernel, o.padding,
           [&](long n, long oy, long ox, long ky, long kx, long iy, long ix) {
             for (long c = 0; c < x.shape[3]; ++c)
               if (double& best = y.at(n, oy, ox, c); x.at(n, iy, ix, c) > best)
                 best = x.at(n, iy, ix, c), taken[std::size_t(&best - y.v.data())] = int(ky * o.kernel + kx);
           });
  Path::way.insert(Path::way.end(), taken.begin(), taken.end());
  return y;
}

Array avg_pool2d(const Array& x, const PoolOptions& o) {
  Array y(pooled(x.shape, o));
  for_taps(x.shape, y.shape, o.kernel, o.kernel, o.stride ? o.stride : o.kernel, o.padding,
           [&](long n, long oy, long ox, long, long, long iy, long ix) {
             for (long c = 0; c < x.shape[3]; ++c) y.at(n, oy, ox, c) += x.at(n, iy, ix, c) / (double(o.kernel) * o.kernel);
           });
  return y;
}

Array global_avg_pool(const Array& x) {
  Array y({x.shape[0], x.shape[3]});
  for (long n = 0; n < x.shape[0]; ++n)
    for (long p = 0; p < x.shape[1] * x.shape[2]; ++p)
      for (long c = 0; c < x.shape[3]; ++c)
        y.v[std::size_t(n * x.shape[3] + c)] +=
            x.v[std::size_t((n * x.shape[1] * x.shape[2] + p) * x.shape[3] + c)] / double(x.shape[1] * x.shape[2]);
  return y;
}

Array cross_entropy(const Array& x, const std::vector<double>& targets) {
  const long n = x.shape[0], classes = x.shape[1];
  double loss = 0;
  for (long r = 0; r < n; ++r) {
    double sum = 0;
    for (long c = 0; c < classes; ++c) sum += std::exp(x.v[std::size_t(r * classes + c)]);
    for (long c = 0; c < classes; ++c)
      loss -= targets[std::size_t(r * classes + c)] * (x.v[std::size_t(r * classes + c)] - std::log(sum)) / double(n);
  }
  return Array({}, std::vector<double>{loss});
}

Array mse_loss(const Array& x, const Array& target) {
  double sum = 0;
  for (std::size_t i = 0; i < x.v.size(); ++i) sum += (x.v[i] - target.v[i]) * (x.v[i] - target.v[i]) / double(x.v.size());
  return Array({}, std::vector<double>{sum});
}

Array zip(const Array& x, const Array& z, double (*f)(double, double)) {
  Array y = x;
  for (std::size_t i = 0; i < y.v.size(); ++i) y.v[i] = f(x.v[i], z.v[i]);
  return y;
}

}  // namespace six::test::naive
