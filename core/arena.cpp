#include "arena.h"

#include <algorithm>
#include <cstring>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace six {
namespace {
constexpr std::size_t kLine = 64, kHugePage = std::size_t(2) << 20, kSmallChunk = std::size_t(256) << 10,
                      kLargeChunk = std::size_t(8) << 20;

std::align_val_t alignment_of(std::size_t bytes) { return std::align_val_t(bytes < kHugePage ? 4096 : kHugePage); }

// Large chunks ask for huge pages: tens of megabytes of 4 KiB pages exceed the TLB, and first touch costs one fault a page.
char* chunk_memory(std::size_t bytes) {
  void* p = ::operator new(bytes, alignment_of(bytes));
#ifdef __linux__
  if (bytes >= kHugePage) madvise(p, bytes, MADV_HUGEPAGE);
#endif
  return static_cast<char*>(p);
}
void free_chunk(void* p, std::size_t bytes) { ::operator delete(p, alignment_of(bytes)); }
}  // namespace

Arena::~Arena() {
  for (const Chunk& c : chunks_) free_chunk(c.data, c.bytes);
}

void* Arena::allocate(std::size_t bytes) {
  bytes = std::max((bytes + kLine - 1) / kLine, std::size_t(1)) * kLine;
  while (chunk_ < chunks_.size() && used_ + bytes > chunks_[chunk_].bytes) ++chunk_, used_ = 0;
  if (chunk_ == chunks_.size()) {
    // The first chunks are small, for small nets; later ones large, and never so large that much of one lies idle.
    const std::size_t least = chunks_.size() < 4 ? kSmallChunk : kLargeChunk,
                      unit = bytes > kHugePage / 2 || least > kHugePage ? kHugePage : 4096;
    const std::size_t size = std::max(least, (bytes + unit - 1) / unit * unit);
    chunks_.reserve(chunks_.size() + 1);
    chunks_.push_back({chunk_memory(size), size});
    used_ = 0;
  }
  void* p = chunks_[chunk_].data + used_;
  used_ += bytes;
#ifdef SIX_POISON
  std::memset(p, 0xff, bytes);
#endif
  return p;
}

void* Arena::zero(void* p, std::size_t bytes) { return std::memset(p, 0, bytes); }

void Arena::give_back(const void* p, std::size_t bytes) { returned_.emplace_back(const_cast<void*>(p), bytes); }

void* Arena::recycle(std::size_t bytes) {
  for (std::size_t i = returned_.size(); i-- > 0;)
    if (returned_[i].second == bytes) {
      void* p = returned_[i].first;
      returned_.erase(returned_.begin() + std::ptrdiff_t(i));
#ifdef SIX_POISON
      std::memset(p, 0xff, bytes);
#endif
      return p;
    }
  return allocate(bytes);
}

void Arena::reset() { chunk_ = used_ = 0, returned_.clear(); }

std::size_t Arena::bytes_reserved() const {
  std::size_t sum = 0;
  for (const Chunk& c : chunks_) sum += c.bytes;
  return sum;
}

Lanes::~Lanes() { free_chunk(data_, bytes_); }

void Lanes::reserve(long n) {
  // Lanes lie an odd number of cache lines apart: the same place of all of them would otherwise share a cache set.
  constexpr long line = kLine / sizeof(real);
  if (n > stride_) {
    free_chunk(std::exchange(data_, nullptr), bytes_), stride_ = 0;
    const long stride = ((n + line - 1) / line | 1) * line;
    bytes_ = (std::size_t(stride) * kMaxBlocks * sizeof(real) + kHugePage - 1) / kHugePage * kHugePage;
    data_ = reinterpret_cast<real*>(chunk_memory(bytes_));
    used_ = stride_ = stride;
  }
#ifdef SIX_POISON
  // What the op before did not use is NaN still.
  for (int block = 0; block < kMaxBlocks; ++block) std::memset(lane(block), 0xff, std::size_t(std::max(n, used_)) * sizeof(real));
#endif
  used_ = n;
}

}  // namespace six
