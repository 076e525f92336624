#include "stats.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

#include "../../core/error.h"
#include "../../core/rng.h"

namespace six::study {
namespace {

constexpr int kExact = 20;
constexpr long kDrawn = 1000000;
enum Stream : std::uint64_t { signs = 1, resample = 2, seeds = 3, images = 4 };

Rng draws_of(std::uint64_t seed, Stream stream) { return {seed, Purpose::user, stream}; }

// The value below which that share of sorted values lies, interpolated linearly.
double quantile(const std::vector<double>& sorted, double share) {
  const double at = std::clamp(share, 0.0, 1.0) * double(sorted.size() - 1);
  const std::size_t i = std::min(std::size_t(at), sorted.size() - 1), j = std::min(i + 1, sorted.size() - 1);
  return sorted[i] + (at - double(i)) * (sorted[j] - sorted[i]);
}

void need(Values d, std::size_t n, const char* what) {
  require(d.size() >= n, what, ": ", d.size(), " values, at least ", n, " are needed");
}

}  // namespace

double mean(Values d) {
  need(d, 1, "mean");
  return std::accumulate(d.begin(), d.end(), 0.0) / double(d.size());
}

double sd(Values d) {
  if (d.size() < 2) return 0;
  const double m = mean(d);
  double sum = 0;
  for (double v : d) sum += (v - m) * (v - m);
  return std::sqrt(sum / double(d.size() - 1));
}

bool identical(Values d) {
  return std::all_of(d.begin(), d.end(), [&](double v) { return std::fabs(v - d[0]) <= 1e-9; });
}

double t_quantile(double p, double degrees) { return quantile(boost::math::students_t(degrees), p); }
double t_beyond(double t, double degrees) { return cdf(complement(boost::math::students_t(degrees), t)); }

Interval t_interval(Values d, double level) {
  need(d, 2, "t interval");
  const double m = mean(d);
  if (identical(d)) return {m, m};
  const double half = t_quantile((1 + level) / 2, double(d.size() - 1)) * sd(d) / std::sqrt(double(d.size()));
  return {m - half, m + half};
}

double tost_p(Values d, double margin) {
  need(d, 2, "TOST");
  const double m = mean(d), error = sd(d) / std::sqrt(double(d.size())), degrees = double(d.size() - 1);
  if (identical(d)) return std::fabs(m) < margin ? 0 : 1;
  return std::max(t_beyond((m + margin) / error, degrees), t_beyond((margin - m) / error, degrees));
}

double sign_flip_p(Values d, std::uint64_t seed) {
  need(d, 1, "sign-flip test");
  const std::size_t n = d.size();
  const double bound = std::fabs(mean(d)) - 1e-12;
  const auto as_far = [&](auto flipped) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += flipped(i) ? -d[i] : d[i];
    return std::fabs(sum / double(n)) >= bound;
  };
  long far = 0;
  if (n <= kExact) {
    for (std::uint64_t signs_of = 0; signs_of < std::uint64_t(1) << n; ++signs_of)
      far += as_far([&](std::size_t i) { return signs_of >> i & 1; });
    return double(far) / double(std::uint64_t(1) << n);
  }
  const Rng rng = draws_of(seed, signs);
  const std::size_t words = (n + 63) / 64;
  for (long k = 0; k < kDrawn; ++k) {
    std::vector<std::uint64_t> bits(words);
    for (std::size_t w = 0; w < words; ++w) bits[w] = rng.bits(std::uint64_t(k) * words + w);
    far += as_far([&](std::size_t i) { return bits[i / 64] >> i % 64 & 1; });
  }
  return double(far + 1) / double(kDrawn + 1);
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double before = 0;
  for (std::size_t i = 0; i < order.size(); ++i)
    adjusted[order[i]] = before = std::max(before, std::min(1.0, double(p.size() - i) * p[order[i]]));
  return adjusted;
}

Interval bca_interval(Values d, double level, int draws, std::uint64_t seed) {
  need(d, 2, "BCa interval");
  const double m = mean(d);
  if (identical(d)) return {m, m};
  const std::size_t n = d.size();
  const Rng rng = draws_of(seed, resample);
  std::vector<double> means(static_cast<std::size_t>(draws));
  for (std::size_t b = 0; b < means.size(); ++b) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += d[rng.below(b * n + i, n)];
    means[b] = sum / double(n);
  }
  std::sort(means.begin(), means.end());
  // Bias: the share of draws below the mean, half of those that equal it. Acceleration: the skewness of the jackknife.
  const auto [first, last] = std::equal_range(means.begin(), means.end(), m, [](double a, double b) { return a < b - 1e-12; });
  const double below = double((first - means.begin()) + (last - means.begin())) / 2 / draws;
  const boost::math::normal normal;
  const double z0 = quantile(normal, std::clamp(below, 0.5 / draws, 1 - 0.5 / draws));
  double cubes = 0, squares = 0;
  for (double v : d) {
    const double away = (v - m) / double(n - 1);  // the jackknife's mean less that without v
    cubes += away * away * away, squares += away * away;
  }
  const double a = cubes / (6 * std::pow(squares, 1.5));
  const auto end = [&](double p) {
    const double z = z0 + quantile(normal, p);
    return quantile(means, cdf(normal, z0 + z / (1 - a * z)));
  };
  return {end((1 - level) / 2), end((1 + level) / 2)};
}

Mcnemar mcnemar(std::span<const std::uint8_t> first, std::span<const std::uint8_t> second, std::span<const std::uint8_t> labels) {
  require(first.size() == labels.size() && second.size() == labels.size(), "McNemar: ", first.size(), " and ", second.size(),
          " predictions of ", labels.size(), " images");
  Mcnemar m;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool one = first[i] == labels[i], two = second[i] == labels[i];
    m.b += one && !two, m.c += two && !one;
  }
  if (m.b + m.c > 0) m.p = std::min(1.0, 2 * cdf(boost::math::binomial(double(m.b + m.c), 0.5), double(std::min(m.b, m.c))));
  return m;
}

Interval two_way_bootstrap(const std::vector<std::vector<std::int8_t>>& difference, double level, int draws, std::uint64_t seed) {
  require(!difference.empty() && !difference[0].empty(), "bootstrap: no predictions");
  const std::size_t n = difference.size(), size = difference[0].size();
  const Rng some_seeds = draws_of(seed, seeds), some_images = draws_of(seed, images);
  std::vector<double> effects(static_cast<std::size_t>(draws));
  std::vector<int> sums(size);
  for (std::size_t b = 0; b < effects.size(); ++b) {
    std::fill(sums.begin(), sums.end(), 0);
    for (std::size_t s = 0; s < n; ++s) {
      const auto& drawn = difference[some_seeds.below(b * n + s, n)];
      require(drawn.size() == size, "bootstrap: ", drawn.size(), " images, the first seed has ", size);
      for (std::size_t i = 0; i < size; ++i) sums[i] += drawn[i];
    }
    long sum = 0;
    for (std::size_t i = 0; i < size; ++i) sum += sums[some_images.below(b * size + i, size)];
    effects[b] = 100.0 * double(sum) / double(n) / double(size);
  }
  std::sort(effects.begin(), effects.end());
  return {quantile(effects, (1 - level) / 2), quantile(effects, (1 + level) / 2)};
}

}  // namespace six::study
