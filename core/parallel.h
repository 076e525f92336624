#pragma once
// The only file that names OpenMP. Work is cut into a fixed number of blocks, never by the thread count, so results have the
// same bits for any number of threads. Without OpenMP (or with SIX_STD_THREADS, which thread sanitizers understand) the
// same partition runs on std::thread.
#include <exception>

#include "real.h"
#if defined(_OPENMP) && !defined(SIX_STD_THREADS)
#include <omp.h>
#else
#include <thread>
#include <vector>
#endif

namespace six {

// Processors available to this process.
inline int hardware_threads() {
#if defined(_OPENMP) && !defined(SIX_STD_THREADS)
  return omp_get_num_procs();
#else
  return int(std::thread::hardware_concurrency() ? std::thread::hardware_concurrency() : 1);
#endif
}

// Calls f(i, thread) for i in [0, count), thread in [0, threads): thread t runs one contiguous range, in order, the same range
// for the same `count` and `threads`, so that it meets its own data again in its cache; last to first if `reversed`, so that it
// begins with what the sweep before left there. `f` must not throw.
template <class F>
void parallel_for(int threads, int count, F&& f, bool reversed = false) {
  const int team = threads < count ? threads : count;
  const auto range = [&](int t) {
    const int begin = int(long(count) * t / team), end = int(long(count) * (t + 1) / team);
    for (int i = begin; i < end; ++i) f(reversed ? end - 1 - (i - begin) : i, t);
  };
  if (team <= 1) {
    if (team == 1) range(0);
    return;
  }
#if defined(_OPENMP) && !defined(SIX_STD_THREADS)
  // The runtime may give fewer threads than asked for: every range is run all the same.
#pragma omp parallel num_threads(team)
  for (int t = omp_get_thread_num(); t < team; t += omp_get_num_threads()) range(t);
#else
  std::vector<std::thread> pool;
  for (int t = 1; t < team; ++t) pool.emplace_back(range, t);
  range(0);
  for (std::thread& t : pool) t.join();
#endif
}

// Block i of the fixed partition of `samples`: [begin, end), possibly empty.
struct Block {
  long begin, end;
  constexpr long size() const { return end - begin; }
};
constexpr Block block_of(long samples, int i) { return {samples * i / kMaxBlocks, samples * (i + 1) / kMaxBlocks}; }

}  // namespace six
