// How fast the machine is at the moment, whatever is being compared: arithmetic in registers, and reading memory.
#include <numeric>

#include "../core/error.h"
#include "../core/kernels/dispatch.h"
#include "../core/parallel.h"
#include "bench.h"

namespace bench {
namespace {

namespace k = six::kernels;

// FLOPs of one turn on this thread.
double multiply_add(long rounds) {
  six::real out[k::kPad];
  return k::table().fma_peak(rounds, out);
}

}  // namespace

double fma_peak() {
  double best = 0;
  for (int i = 0; i < 7; ++i) {
    const double start = now(), flops = multiply_add(3'000'000);
    best = std::max(best, flops / (now() - start) / 1e9);
  }
  return best;
}

Json probe(int threads) {
  static const std::vector<long> memory(std::size_t(64) << 17, 1);  // 64 MiB
  const long part = long(memory.size()) / threads;
  std::vector<double> flops(static_cast<std::size_t>(threads));
  std::vector<long> sums(static_cast<std::size_t>(threads));
  const Times arithmetic =
      time(1, 9, [&] { six::parallel_for(threads, threads, [&](int i, int) { flops[std::size_t(i)] = multiply_add(500'000); }); });
  const Times reading = time(1, 9, [&] {
    six::parallel_for(threads, threads, [&](int i, int) {
      const auto first = memory.begin() + part * i;
      sums[std::size_t(i)] += std::reduce(first, first + part);
    });
  });
  const double all = std::accumulate(flops.begin(), flops.end(), 0.0);
  const double bytes = double(part) * threads * double(sizeof(long));
  six::require(std::accumulate(sums.begin(), sums.end(), 0L) == 10 * part * threads, "probe: the sum of what was read is wrong");
  return {{"fma_gflops", all / arithmetic.median() / 1e9}, {"read_gb_s", bytes / reading.median() / 1e9}};
}

}  // namespace bench
