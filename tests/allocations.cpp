#include "allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> calls{0}, live{0};

struct Fault {
  long left = -1;  // calls that still succeed; -1: all
  bool onwards = false, reached = false;
};
thread_local constinit Fault fault;

void* counted(std::size_t bytes, std::size_t alignment) {
  ++calls;
  if (fault.left == 0) {
    fault.reached = true;
    if (!fault.onwards) fault.left = -1;
    throw std::bad_alloc();
  }
  if (fault.left > 0) --fault.left;
  bytes = (bytes + alignment - 1) / alignment * alignment;  // as aligned_alloc wants it
  void* p = std::aligned_alloc(alignment, bytes ? bytes : alignment);
  if (!p) throw std::bad_alloc();
  ++live;
  return p;
}

void returned(void* p) {
  if (p) --live;
  std::free(p);
}

}  // namespace

namespace six::test {

long allocations() { return calls; }
long live_allocations() { return live; }

FailingAllocation::FailingAllocation(long n, bool onwards) { fault = {n, onwards, false}; }
FailingAllocation::~FailingAllocation() { fault.left = -1; }
bool FailingAllocation::reached() { return fault.reached; }

}  // namespace six::test

// What replaces the standard functions; the array forms call these, and so would the other nothrow ones, but not under
// AddressSanitizer, which has its own.
void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  try {
    return counted(n, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new(std::size_t n) { return counted(n, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t n, std::align_val_t a) { return counted(n, std::size_t(a)); }
void operator delete(void* p) noexcept { returned(p); }
void operator delete(void* p, std::size_t) noexcept { returned(p); }
void operator delete(void* p, std::align_val_t) noexcept { returned(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { returned(p); }
