#include "allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> calls{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  ++calls;
  bytes = (bytes + alignment - 1) / alignment * alignment;  // as aligned_alloc wants it
  if (void* p = std::aligned_alloc(alignment, bytes ? bytes : alignment)) return p;
  throw std::bad_alloc();
}

}  // namespace

long six::test::allocations() { return calls; }

// What replaces the standard functions; the array and nothrow forms call these.
void* operator new(std::size_t n) { return counted(n, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t n, std::align_val_t a) { return counted(n, std::size_t(a)); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
