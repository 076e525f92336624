#pragma once
// The only file that names OpenMP. Work is cut into a fixed number of blocks, never by the thread count, so results have the
// same bits for any number of threads. Without OpenMP (or with SIX_STD_THREADS, which thread sanitizers understand) the
// same partition runs on std::thread.
#include <exception>

#include "real.h"
#if defined(_OPENMP) && !defined(SIX_STD_THREADS)
#include <omp.h>
#else
#include <condition_variable>
#include <mutex>
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

#if !defined(_OPENMP) || defined(SIX_STD_THREADS)
// Threads that wait from loop to loop. Each thread that runs loops has a team of its own, so that loops on two threads at once do
// not meet. A loop inside another runs on its thread alone, as in OpenMP.
class Team {
 public:
  ~Team() {
    post(nullptr, nullptr, 0);
    for (std::thread& t : threads_) t.join();
  }
  static Team& of_this_thread() {
    thread_local Team team;
    return team;
  }

  // Calls work(t) for t in [0, size), each on its own thread, 0 on this one.
  template <class Work>
  void run(int size, const Work& work) {
    if (inside_) {
      for (int t = 0; t < size; ++t) work(t);
      return;
    }
    while (int(threads_.size()) < size - 1)
      threads_.emplace_back([this, t = int(threads_.size()) + 1, r = round_] { serve(t, r); });
    post([](const void* w, int t) { (*static_cast<const Work*>(w))(t); }, &work, size);
    inside_ = true;
    work(0);
    inside_ = false;
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return busy_ == 0; });
  }

 private:
  using Call = void (*)(const void* work, int thread);

  void post(Call call, const void* work, int size) {  // no call: the end
    {
      const std::lock_guard lock(mutex_);
      call_ = call, work_ = work, size_ = size, busy_ = size - 1, ++round_;
    }
    wake_.notify_all();
  }
  void serve(int thread, unsigned round) {
    of_this_thread().inside_ = true;
    for (std::unique_lock lock(mutex_);;) {
      wake_.wait(lock, [&] { return round_ != round; });
      round = round_;
      if (!call_) return;
      if (thread >= size_) continue;
      const Call call = call_;
      const void* work = work_;
      lock.unlock();
      call(work, thread);
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Call call_ = nullptr;
  const void* work_ = nullptr;
  int size_ = 0, busy_ = 0;
  bool inside_ = false;
  unsigned round_ = 0;
};
#endif

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
  Team::of_this_thread().run(team, range);
#endif
}

// Block i of the fixed partition of `samples`: [begin, end), possibly empty.
struct Block {
  long begin, end;
  constexpr long size() const { return end - begin; }
};
constexpr Block block_of(long samples, int i) { return {samples * i / kMaxBlocks, samples * (i + 1) / kMaxBlocks}; }

}  // namespace six
