#pragma once
#include <vector>

#include "../core/bytes.h"
#include "../layers/graph.h"
#include "../layers/quant_options.h"

namespace six {

// The range of a value's numbers.
struct Range {
  double lo = 0, hi = 0;
  bool operator==(const Range&) const = default;
};

// Counts of numbers in equal bins over a range.
struct Histogram {
  static constexpr int kBins = 2048;
  Range range;
  std::vector<long> counts = std::vector<long>(kBins);
  void add(double x);
  double edge(int i) const { return range.lo + (range.hi - range.lo) * i / kBins; }
};
// The smallest range of whole bins that holds `percent` of the numbers counted from either end.
Range percentile_range(const Histogram& h, double percent);
// The part k / 128 of the range with the least squared error of the bins' centres, the largest of equal ones.
Range mse_range(const Histogram& h, int bits, bool rectified);

// What the values of a graph were on some images, from which ranges follow for any options; the same for any number of threads.
class Observations {
 public:
  // Runs the images, twice for `histograms`, which the observers percentile and mse need; a fake-quantised graph needs no images.
  // The graph must outlive this.
  // Throws naming the layer that has no integer kernel.
  Observations(const Graph& graph, Bytes images, bool histograms, int threads = 0);
  // The range of every value (value 0 is the image: [0, 1]). A value of a fake-quantised model has the range it was trained with,
  // one that keeps its input's codes has its input's range. Throws naming the layer if its numbers are not finite or its range has
  // no width.
  std::vector<Range> ranges(const QuantOptions& options) const;

 private:
  void observe(Bytes images, int threads);
  void count(Bytes images, int threads);
  Range observed(std::size_t value, const QuantOptions& options) const;

  const Graph* graph_;
  long images_;
  std::vector<Range> whole_, average_;
  std::vector<Histogram> histograms_;
};
// The ranges of these options alone, observed on images.
std::vector<Range> calibrate(const Graph& graph, Bytes images, const QuantOptions& options = {}, int threads = 0);

}  // namespace six
