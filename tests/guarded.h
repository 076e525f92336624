#pragma once
// Memory that ends at a page nobody may touch and begins behind sentinels: what reads or writes past its end stops the program,
// what writes before its begin is counted.
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

namespace six::test {

template <class T>
class Guarded {
 public:
  // Filled with a pattern that is NaN as a real.
  explicit Guarded(long n) : size_(std::size_t(n)) {
    const std::size_t page = 4096, bytes = size_ * sizeof(T);
    front_ = (bytes + page - 1) / page * page + page - bytes;
    whole_ = front_ + bytes + page;
    void* p = mmap(nullptr, whole_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<unsigned char*>(p);
    std::memset(base_, kFill, front_ + bytes);
    mprotect(base_ + front_ + bytes, page, PROT_NONE);
  }
  explicit Guarded(const std::vector<T>& v) : Guarded(long(v.size())) { std::memcpy(data(), v.data(), v.size() * sizeof(T)); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { munmap(base_, whole_); }

  T* data() { return reinterpret_cast<T*>(base_ + front_); }
  std::size_t size() const { return size_; }
  std::vector<T> values() { return {data(), data() + size_}; }
  bool intact() const {
    for (std::size_t i = 0; i < front_; ++i)
      if (base_[i] != kFill) return false;
    return true;
  }

 private:
  static constexpr unsigned char kFill = 0xff;
  unsigned char* base_;
  std::size_t front_, whole_, size_;
};

}  // namespace six::test
