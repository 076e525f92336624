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

// The range of every value of the graph (value 0 is the image: [0, 1]), observed on images; the same for any number of threads.
// A value of a fake-quantised model has the
// range it was trained with, one that keeps its input's codes has its input's range. Throws naming the layer if its numbers are not
// finite, if its range has no width, or if it has no integer kernel.
std::vector<Range> calibrate(const Graph& graph, Bytes images, const QuantOptions& options = {}, int threads = 0);

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

}  // namespace six
