// Counts the allocations of the whole program.
#include <cstdlib>
#include <new>

#include "bench.h"

namespace {
long allocated = 0;
}
long bench::allocations() { return allocated; }

void* operator new(std::size_t n) {
  ++allocated;
  if (void* p = std::malloc(n ? n : 1)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
