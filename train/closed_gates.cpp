#include "closed_gates.h"

#include <algorithm>

#include "../core/kernels/dispatch.h"
#include "../core/tape.h"

namespace six {
namespace {
constexpr long kAtOnce = 16;  // images at a time: every value stays in memory until the counting
}

std::vector<ClosedGates> closed_gates(const Model& model, Bytes images, int threads) {
  Tape tape({.threads = threads, .training = false, .record = false});
  std::vector<ClosedGates> gates;
  std::vector<real> x;
  const long count = images.shape.samples(), each = images.shape.size() / std::max(count, 1L);
  for (long first = 0; first < count; first += kAtOnce) {
    const long n = std::min(kAtOnce, count - first);
    tape.reset();
    model(tape.input(Bytes{images.data + first * each, images.shape.with(0, n)}));
    std::size_t gate = 0;
    for (const Node& node : tape.nodes()) {
      const View& v = node.view;
      if (!v.clamped) continue;
      if (first == 0) gates.push_back({node.scope, v.lo, v.hi});
      x.resize(std::size_t(v.size()));
      kernels::table().materialize(v.shape.rows(), int(v.shape.channels()), v, x.data());
      const long values = v.size() / n * count;
      const double share = 1 / double(values);
      gates[gate].at_lo += double(std::count(x.begin(), x.end(), v.lo)) * share;
      gates[gate++].at_hi += double(std::count(x.begin(), x.end(), v.hi)) * share;
    }
  }
  return gates;
}

}  // namespace six
