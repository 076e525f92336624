#pragma once

namespace six::test {

// How often `operator new` was called so far, on all threads, and how many of its results are not deleted yet.
long allocations();
long live_allocations();

// For the length of its life, the n-th call of `operator new` by this thread, counted from 0, throws std::bad_alloc; with `onwards`
// every later one too.
class FailingAllocation {
 public:
  explicit FailingAllocation(long n, bool onwards = false);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;
  static bool reached();  // it came to that call
};

}  // namespace six::test
