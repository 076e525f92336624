#pragma once
// The statistics of paired differences: one number per seed. Pure functions; whatever is drawn is drawn from a seed.
#include <cstdint>
#include <span>
#include <vector>

namespace six::study {

using Values = std::span<const double>;

struct Interval {
  double lo, hi;
  bool contains(double v) const { return lo <= v && v <= hi; }
  bool within(double margin) const { return -margin < lo && hi < margin; }
};

double mean(Values d);
double sd(Values d);       // with n - 1; 0 for fewer than 2 values
bool identical(Values d);  // all values equal, up to 1e-9: there is no variance, and every interval is the point itself

// Student's t: the quantile at probability p, and the probability of a larger value, at n - 1 degrees of freedom.
double t_quantile(double p, double degrees);
double t_beyond(double t, double degrees);
// mean +- t * sd / sqrt(n), of that confidence level. n >= 2.
Interval t_interval(Values d, double level);

// Two one-sided t-tests of |mean| < margin (Schuirmann 1987): the larger p. Of identical values: 0 or 1. n >= 2.
double tost_p(Values d, double margin);

// The sign-flip test, two-sided: the share of all 2^n sign patterns with |mean| >= the observed one, within 1e-12; for n > 20 of
// 10^6 patterns drawn from the seed, the observed one among them.
double sign_flip_p(Values d, std::uint64_t seed = 1);

// Holm 1979: adjusted p of each hypothesis, in the order given.
std::vector<double> holm(const std::vector<double>& p);

// Bias-corrected and accelerated bootstrap interval of the mean (Efron 1987), percentiles interpolated linearly.
Interval bca_interval(Values d, double level, int draws = 10000, std::uint64_t seed = 1);

// Of images: classified rightly by the first and wrongly by the second net (b), and the other way round (c).
struct Mcnemar {
  long b = 0, c = 0;
  double p = 1;  // exact, two-sided: the binomial of min(b, c) in b + c at 1/2
};
Mcnemar mcnemar(std::span<const std::uint8_t> first, std::span<const std::uint8_t> second, std::span<const std::uint8_t> labels);

// The difference of accuracies, second - first in pp, over seeds drawn anew and images drawn anew, the same images for every seed
// of a draw: percentile interval. difference[s][i]: (second right) - (first right) of seed s at image i.
Interval two_way_bootstrap(const std::vector<std::vector<std::int8_t>>& difference, double level, int draws = 2000,
                           std::uint64_t seed = 1);

}  // namespace six::study
