#pragma once
#include <cstddef>
#include <utility>
#include <vector>

#include "real.h"

namespace six {

// Memory of one step, handed out front to back and taken back all at once: from the second step on the same requests get the same
// addresses and the system allocator is not called. Built with SIX_POISON, fresh memory is full of NaN.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  // n numbers, uninitialised, 64-byte aligned and padded to 64 bytes.
  template <class T>
  T* fresh(long n) {
    return static_cast<T*>(allocate(std::size_t(n) * sizeof(T)));
  }
  template <class T>
  T* zeros(long n) {
    return static_cast<T*>(zero(allocate(std::size_t(n) * sizeof(T)), std::size_t(n) * sizeof(T)));
  }
  // As `fresh`, but prefers memory of just this size that was given back: warm in the cache, and each part of it in the cache of
  // the core that will compute the same part of the new tensor.
  template <class T>
  T* reused(long n) {
    return static_cast<T*>(recycle(std::size_t(n) * sizeof(T)));
  }
  void give_back(const void* p, std::size_t bytes);
  void reset();
  std::size_t bytes_reserved() const;

  // Everything allocated during its life is taken back at its end.
  class Scratch {
   public:
    explicit Scratch(Arena& arena) : arena_(arena), chunk_(arena.chunk_), used_(arena.used_) {}
    ~Scratch() { arena_.chunk_ = chunk_, arena_.used_ = used_; }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

   private:
    Arena& arena_;
    std::size_t chunk_, used_;
  };

 private:
  struct Chunk {
    char* data;
    std::size_t bytes;
  };
  void* allocate(std::size_t bytes);
  void* recycle(std::size_t bytes);
  static void* zero(void* p, std::size_t bytes);

  std::vector<Chunk> chunks_;
  std::vector<std::pair<void*, std::size_t>> returned_;
  std::size_t chunk_ = 0, used_ = 0;  // the chunk in use, bytes used in it
};

// Working memory of the fixed blocks, a lane each. Block i has the same place in every op: its cache lines stay with the core that
// computes the block, where memory shared out anew for each op would wander between the cores' caches.
class Lanes {
 public:
  Lanes() = default;
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;
  ~Lanes();

  // At least n numbers a lane, uninitialised; what the lanes held is lost.
  void reserve(long n);
  real* lane(int block) const { return data_ + block * stride_; }
  std::size_t bytes_reserved() const { return data_ ? bytes_ : 0; }

 private:
  real* data_ = nullptr;
  long stride_ = 0, used_ = 0;  // numbers from lane to lane, and those of a lane that are in use
  std::size_t bytes_ = 0;
};

}  // namespace six
