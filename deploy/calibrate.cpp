#include "calibrate.h"

#include <algorithm>
#include <cmath>

#include "../core/error.h"
#include "../core/parallel.h"
#include "graph_values.h"

namespace six {
namespace {

constexpr double kAverage = 0.01;  // weight of a new image in the moving average

bool fixed_by_clamp(const Stage& s, const QuantOptions& o) {
  return o.relu6_range == ClampRange::fixed6 && s.lo > -double(kInf) && s.hi < double(kInf);
}

class Calibration {
 public:
  Calibration(const Graph& g, Bytes images, const QuantOptions& o, int threads)
      : graph_(g), images_(images), options_(o), threads_(threads ? threads : hardware_threads()), count_(images.shape.samples()) {
    require(images.shape.size() == count_ * g.input.size() && count_ > 0, "calibration: images ", images.shape,
            ", expected some of ", g.input);
    for (const Stage& s : g.stages)
      if (std::holds_alternative<Stage::Pointwise>(s.op)) clamp_of(s);
  }

  std::vector<Range> ranges() {
    std::vector<Range> all(graph_.stages.size() + 1);
    all[0] = {0, 1};
    const bool known =
        std::all_of(graph_.stages.begin(), graph_.stages.end(), [](const Stage& s) { return s.keeps_codes() || s.range; });
    const std::vector<Range> seen = known ? all : observed();
    for (std::size_t v = 1; v < all.size(); ++v) {
      const Stage& s = graph_.stages[v - 1];
      if (s.keeps_codes())
        all[v] = all[std::size_t(s.in[0])];
      else if (s.range)
        all[v] = {(*s.range)[0], (*s.range)[1]};
      else if (fixed_by_clamp(s, options_))
        all[v] = {s.lo, s.hi};
      else
        all[v] = seen[v];
      require(std::isfinite(all[v].lo) && std::isfinite(all[v].hi), s.name, ": its output is not finite on the calibration images");
      require(std::min(all[v].lo, 0.) < std::max(all[v].hi, 0.), s.name, ": its output is 0 for all ", count_,
              " calibration images, a range of zero width; the layer is dead, or these are the wrong images");
    }
    return all;
  }

 private:
  template <class F>
  void for_images(F&& f) {  // f(image, values, thread)
    std::vector<GraphValues> values(std::size_t(std::min<long>(threads_, count_)), GraphValues(graph_));
    parallel_for(threads_, int(count_), [&](int i, int thread) {
      GraphValues& v = values[std::size_t(thread)];
      v.run({images_.data + i * graph_.input.size(), std::size_t(graph_.input.size())});
      f(i, v, thread);
    });
  }

  std::vector<Range> observed() {
    const std::size_t n = graph_.stages.size() + 1;
    std::vector<Range> each(n * std::size_t(count_));
    for_images([&](int i, const GraphValues& values, int) {
      for (std::size_t v = 0; v < n; ++v) {
        Range& r = each[std::size_t(i) * n + v];
        r = {double(kInf), -double(kInf)};
        bool finite = true;
        for (double x : values[int(v)]) r.lo = std::min(r.lo, x), r.hi = std::max(r.hi, x), finite &= std::isfinite(x);
        if (!finite) r.hi = double(kInf);
      }
    });
    std::vector<Range> whole(each.begin(), each.begin() + long(n)), average = whole;
    for (long i = 1; i < count_; ++i)
      for (std::size_t v = 0; v < n; ++v) {
        const Range& r = each[std::size_t(i) * n + v];
        whole[v] = {std::min(whole[v].lo, r.lo), std::max(whole[v].hi, r.hi)};
        average[v].lo += kAverage * (r.lo - average[v].lo), average[v].hi += kAverage * (r.hi - average[v].hi);
      }
    switch (options_.activations.observer) {
      case Observer::minmax:
        return whole;
      case Observer::ema:
        return average;
      case Observer::fixed:
        return fixed();
      default:
        return from_histograms(whole);
    }
  }

  std::vector<Range> fixed() const {
    const double end = options_.activations.fixed;
    std::vector<Range> all = {{0, 1}};
    for (const Stage& s : graph_.stages) all.push_back({std::max(s.lo, -end), std::min(s.hi, end)});
    return all;
  }

  std::vector<Range> from_histograms(const std::vector<Range>& whole) {
    std::vector<Histogram> empty;
    for (const Range& r : whole) empty.push_back({.range = r});
    std::vector<std::vector<Histogram>> parts(std::size_t(threads_), empty);
    for_images([&](int, const GraphValues& values, int thread) {
      for (std::size_t v = 0; v < whole.size(); ++v)
        for (double x : values[int(v)]) parts[std::size_t(thread)][v].add(x);
    });
    std::vector<Range> all(whole.size());
    for (std::size_t v = 0; v < all.size(); ++v) {
      Histogram& sum = parts[0][v];
      for (std::size_t t = 1; t < parts.size(); ++t)
        for (std::size_t b = 0; b < sum.counts.size(); ++b) sum.counts[b] += parts[t][v].counts[b];
      const bool rectified = v > 0 && graph_.stages[v - 1].lo == 0;
      all[v] = options_.activations.observer == Observer::mse ? mse_range(sum, options_.activations.bits, rectified)
                                                              : percentile_range(sum, options_.activations.percentile);
    }
    return all;
  }

  const Graph& graph_;
  Bytes images_;
  const QuantOptions& options_;
  int threads_;
  long count_;
};

}  // namespace

void Histogram::add(double x) {
  const double width = range.hi - range.lo;
  const double bin = width > 0 ? (x - range.lo) / width * kBins : 0;
  ++counts[std::size_t(bin >= kBins ? kBins - 1 : bin > 0 ? int(bin) : 0)];
}

Range percentile_range(const Histogram& h, double percent) {
  long all = 0;
  for (long n : h.counts) all += n;
  const long enough = long(std::ceil(percent / 100 * double(all)));
  int top = 0, bottom = Histogram::kBins - 1;
  for (long n = h.counts[0]; n < enough; n += h.counts[std::size_t(top)]) ++top;
  for (long n = h.counts[std::size_t(bottom)]; n < enough; n += h.counts[std::size_t(bottom)]) --bottom;
  return {h.edge(bottom), h.edge(top + 1)};
}

Range mse_range(const Histogram& h, int bits, bool rectified) {
  constexpr int kParts = 128;
  Range best;
  double least = double(kInf);
  for (int k = kParts; k >= 1; --k) {
    const Range r{h.range.lo * k / kParts, h.range.hi * k / kParts};
    const Quantization q = activation_quantization(r.lo, r.hi, bits, rectified);
    double error = 0;
    for (int i = 0; i < Histogram::kBins; ++i) {
      const double x = (h.edge(i) + h.edge(i + 1)) / 2;
      const double rest = x - q.real_of(activation_code(x / double(q.scale), q.zero, code_range(bits)));
      error += double(h.counts[std::size_t(i)]) * rest * rest;
    }
    if (error < least) least = error, best = r;
  }
  return best;
}

std::vector<Range> calibrate(const Graph& graph, Bytes images, const QuantOptions& options, int threads) {
  return Calibration(graph, images, options, threads).ranges();
}

}  // namespace six
