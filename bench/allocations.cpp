// Counts the allocations of the whole program.
#include <atomic>
#include <cstdlib>
#include <new>

#include "bench.h"

namespace {

std::atomic<long> allocated = 0;

void* counted(void* p) {
  allocated.fetch_add(1, std::memory_order_relaxed);
  return p ? p : throw std::bad_alloc();
}

}  // namespace

long bench::allocations() { return allocated; }

void* operator new(std::size_t n) { return counted(std::malloc(n ? n : 1)); }
void* operator new(std::size_t n, std::align_val_t align) {
  const std::size_t unit = std::size_t(align);
  return counted(std::aligned_alloc(unit, (n + unit - 1) / unit * unit));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
