#include "closed_gates.h"

#include "../core/kernels/dispatch.h"
#include "../core/tape.h"

namespace six {

std::vector<ClosedGates> closed_gates(const Model& model, Bytes images, int threads) {
  Tape tape({.threads = threads, .training = false, .record = false});
  model(tape.input(images));
  std::vector<ClosedGates> gates;
  std::vector<real> x;
  for (const Node& n : tape.nodes()) {
    const View& v = n.view;
    if (!v.clamped) continue;
    x.resize(std::size_t(v.size()));
    kernels::table().materialize(v.shape.rows(), int(v.shape.channels()), v, x.data());
    long at_lo = 0, at_hi = 0;
    for (real value : x) at_lo += value == v.lo, at_hi += value == v.hi;
    gates.push_back({n.scope, v.lo, v.hi, double(at_lo) / double(v.size()), double(at_hi) / double(v.size())});
  }
  return gates;
}

}  // namespace six
