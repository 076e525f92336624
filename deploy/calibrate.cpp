#include "calibrate.h"

#include <algorithm>
#include <charconv>
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

// ceil(percent / 100 * n) of the decimal number that `percent` was written as: 99.9 % of 2,999,000 are 2,996,001, of the nearest
// double one more.
long share_of(double percent, long n) {
  require(percent >= 50 && percent <= 100, "percentile is ", percent, ", must be between 50 and 100");
  char text[32];
  const char* end = std::to_chars(text, text + sizeof text, percent, std::chars_format::fixed).ptr;
  __extension__ __int128 digits = 0, unit = 100;
  for (const char* c = text; c != end; ++c)
    if (*c != '.') digits = digits * 10 + (*c - '0');
  for (const char* c = std::find(static_cast<const char*>(text), end, '.'); c + 1 < end; ++c) unit *= 10;
  return long((digits * n + unit - 1) / unit);
}

template <class F>
void for_images(const Graph& graph, Bytes images, int threads, F&& f) {  // f(image, values, thread)
  std::vector<GraphValues> values(std::size_t(threads), GraphValues{graph});
  parallel_for(threads, int(images.shape.samples()), [&](int i, int thread) {
    GraphValues& v = values[std::size_t(thread)];
    v.run({images.data + i * graph.input.size(), std::size_t(graph.input.size())});
    f(i, v, thread);
  });
}

}  // namespace

void Histogram::add(double x) {
  const double width = range.hi - range.lo;
  const double bin = width > 0 ? (x - range.lo) / width * kBins : 0;
  ++counts[std::size_t(bin >= kBins ? kBins - 1 : bin > 0 ? int(bin) : 0)];
}

Range percentile_range(const Histogram& h, double percent) {
  long all = 0;
  for (long n : h.counts) all += n;
  const long enough = share_of(percent, all);
  int top = 0, bottom = Histogram::kBins - 1;
  for (long n = h.counts[0]; n < enough && top + 1 < Histogram::kBins; n += h.counts[std::size_t(top)]) ++top;
  for (long n = h.counts[std::size_t(bottom)]; n < enough && bottom > 0; n += h.counts[std::size_t(bottom)]) --bottom;
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

Observations::Observations(const Graph& g, Bytes images, bool histograms, int threads)
    : graph_(&g), images_(images.shape.samples()) {
  for (const Stage& s : g.stages)
    if (std::holds_alternative<Stage::Pointwise>(s.op)) clamp_of(s);
  if (std::all_of(g.stages.begin(), g.stages.end(), [](const Stage& s) { return s.keeps_codes() || s.range; })) return;
  require(images.shape.size() == images_ * g.input.size() && images_ > 0, "calibration: images ", images.shape,
          ", expected some of ", g.input);
  threads = int(std::min<long>(threads ? threads : hardware_threads(), images_));
  observe(images, threads);
  if (histograms) count(images, threads);
}

void Observations::observe(Bytes images, int threads) {
  const std::size_t n = graph_->stages.size() + 1;
  std::vector<Range> each(n * std::size_t(images_));
  for_images(*graph_, images, threads, [&](int i, const GraphValues& values, int) {
    for (std::size_t v = 0; v < n; ++v) {
      Range& r = each[std::size_t(i) * n + v];
      r = {double(kInf), -double(kInf)};
      bool finite = true;
      for (double x : values[int(v)]) r.lo = std::min(r.lo, x), r.hi = std::max(r.hi, x), finite &= std::isfinite(x);
      if (!finite) r.hi = double(kInf);
    }
  });
  whole_.assign(each.begin(), each.begin() + long(n)), average_ = whole_;
  for (long i = 1; i < images_; ++i)
    for (std::size_t v = 0; v < n; ++v) {
      const Range& r = each[std::size_t(i) * n + v];
      whole_[v] = {std::min(whole_[v].lo, r.lo), std::max(whole_[v].hi, r.hi)};
      average_[v].lo += kAverage * (r.lo - average_[v].lo), average_[v].hi += kAverage * (r.hi - average_[v].hi);
    }
}

void Observations::count(Bytes images, int threads) {
  std::vector<Histogram> empty;
  for (const Range& r : whole_) empty.push_back({.range = r});
  std::vector<std::vector<Histogram>> parts(std::size_t(threads), empty);
  for_images(*graph_, images, threads, [&](int, const GraphValues& values, int thread) {
    for (std::size_t v = 0; v < whole_.size(); ++v)
      for (double x : values[int(v)]) parts[std::size_t(thread)][v].add(x);
  });
  histograms_ = std::move(parts[0]);
  for (std::size_t t = 1; t < parts.size(); ++t)
    for (std::size_t v = 0; v < whole_.size(); ++v)
      for (std::size_t b = 0; b < Histogram::kBins; ++b) histograms_[v].counts[b] += parts[t][v].counts[b];
}

Range Observations::observed(std::size_t v, const QuantOptions& o) const {
  const Stage& s = graph_->stages[v - 1];
  const QuantActivations& a = o.activations;
  switch (a.observer) {
    case Observer::minmax:
      return whole_[v];
    case Observer::ema:
      return average_[v];
    case Observer::fixed:
      return {std::max(s.lo, -a.fixed), std::min(s.hi, a.fixed)};
    default:
      require(!histograms_.empty(), "calibration: this observer needs histograms");
      return a.observer == Observer::mse ? mse_range(histograms_[v], a.bits, s.lo == 0)
                                         : percentile_range(histograms_[v], a.percentile);
  }
}

std::vector<Range> Observations::ranges(const QuantOptions& options) const {
  std::vector<Range> all{{0, 1}};
  for (std::size_t v = 1; v <= graph_->stages.size(); ++v) {
    const Stage& s = graph_->stages[v - 1];
    if (s.keeps_codes())
      all.push_back(all[std::size_t(s.in[0])]);
    else if (s.range)
      all.push_back({(*s.range)[0], (*s.range)[1]});
    else if (fixed_by_clamp(s, options))
      all.push_back({s.lo, s.hi});
    else
      all.push_back(observed(v, options));
    Range& r = all.back();
    // As a fake-quantised model stores them; volatile, for gcc 12 takes a pair of conversions there and back for none.
    const volatile float lo = float(r.lo), hi = float(r.hi);
    r = {double(lo), double(hi)};
    require(!s.range || !(std::isnan(r.lo) || std::isnan(r.hi)), s.name,
            ": its range was never observed; make the model of a trained one with --from");
    require(std::isfinite(r.lo) && std::isfinite(r.hi), s.name, ": its output is not finite on the calibration images");
    require(std::min(r.lo, 0.) < std::max(r.hi, 0.), s.name, ": its output is 0 for all ", images_,
            " calibration images, a range of zero width; the layer is dead, or these are the wrong images");
  }
  return all;
}

std::vector<Range> calibrate(const Graph& graph, Bytes images, const QuantOptions& options, int threads) {
  const Observer o = options.activations.observer;
  return Observations(graph, images, o == Observer::percentile || o == Observer::mse, threads).ranges(options);
}

}  // namespace six
