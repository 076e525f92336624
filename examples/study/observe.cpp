#include "observe.h"

#include <algorithm>
#include <array>
#include <limits>

#include "../../core/kernels/dispatch.h"
#include "../../core/quantization.h"
#include "activations.h"

namespace six::study {
namespace {

constexpr long kChunk = 1 << 13;  // numbers at a time, in the nearest cache

real largest_of(const real* x, long n) {
  std::array<real, 16> most;
  most.fill(-kInf);
  long i = 0;
  for (; i + 16 <= n; i += 16)
    for (std::size_t j = 0; j < 16; ++j) most[j] = x[i + long(j)] > most[j] ? x[i + long(j)] : most[j];
  for (; i < n; ++i) most[0] = x[i] > most[0] ? x[i] : most[0];
  return *std::max_element(most.begin(), most.end());
}

void count(const real* x, long n, real touch, Look look, Inputs& in) {
  int touching = 0, at_0 = 0, at_touch = 0;
  for (long i = 0; i < n; ++i) touching += x[i] >= touch, at_0 += x[i] == 0, at_touch += x[i] == touch;
  in.touching += touching, in.at_0 += at_0, in.at_touch += at_touch;
  if (look == Look::counts) return;
  for (long i = 0; i < n; ++i) {
    const float rounded = bf16(float(x[i]));
    in.bf16_at_0 += rounded == 0, in.bf16_at_touch += rounded == float(touch);
  }
}

Inputs look_at(const Node& n, const View& x, double touch, Look look) {
  Inputs in{n.scope};
  in.elements = x.size(), in.largest = -std::numeric_limits<double>::infinity();
  kernels::Read read = x;
  read.clamped = false, read.lo = -kInf, read.hi = kInf;
  const long rows = x.shape.rows(), channels = x.shape.channels(),
             step = std::max(1L, kChunk / channels);  // NOLINT: no tensor is without a channel
  std::vector<real> numbers(std::size_t(std::min(rows, step) * channels));
  for (long row = 0; row < rows; row += step) {
    const long some = std::min(step, rows - row), count_of = some * channels;
    kernels::table().materialize(some, int(channels), at(read, row * channels), numbers.data());
    in.largest = std::max(in.largest, double(largest_of(numbers.data(), count_of)));
    if (look != Look::largest) count(numbers.data(), count_of, real(touch), look, in);
  }
  return in;
}

}  // namespace

std::vector<Inputs> observe(const Tape& tape, double touch, Look look) {
  std::vector<Inputs> layers;
  for (const Node& n : tape.nodes()) {
    if (n.kind == &op_kind<PactOp>)
      layers.push_back(look_at(n, tape.nodes()[std::size_t(n.in[0])].view, touch, look));
    else if (n.view.clamped)
      layers.push_back(look_at(n, n.view, touch, look));
  }
  return layers;
}

Inputs total(const std::vector<Inputs>& layers) {
  Inputs sum;
  sum.largest = -std::numeric_limits<double>::infinity();
  for (const Inputs& i : layers) {
    sum.elements += i.elements, sum.touching += i.touching, sum.at_0 += i.at_0, sum.at_touch += i.at_touch;
    sum.bf16_at_0 += i.bf16_at_0, sum.bf16_at_touch += i.bf16_at_touch, sum.largest = std::max(sum.largest, i.largest);
  }
  return sum;
}

}  // namespace six::study
