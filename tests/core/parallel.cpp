// The partition of work, and the arena.
#include "../../core/parallel.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "../../core/arena.h"

using namespace six;

TEST_CASE("every index is run once, by the same thread in the same order each time, whatever the number of threads") {
  for (int threads : {1, 2, 3, 7, 20})
    for (int count : {0, 1, 2, 5, 16, 33})
      for (bool reversed : {false, true}) {
        CAPTURE(threads);
        CAPTURE(count);
        std::vector<int> owner(std::size_t(count), -1);
        for (int repeat = 0; repeat < 2; ++repeat) {
          std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
          std::vector<std::vector<int>> order(static_cast<std::size_t>(threads));
          std::vector<int> by(std::size_t(count), -1);
          parallel_for(
              threads, count,
              [&](int i, int t) {
                ++runs[std::size_t(i)];
                by[std::size_t(i)] = t;
                order[std::size_t(t)].push_back(i);  // a thread's index is its own
              },
              reversed);
          int seen = 0;
          for (const std::atomic<int>& r : runs) CHECK(r == 1);
          for (int t = 0; t < threads; ++t)
            for (std::size_t k = 0; k < order[std::size_t(t)].size(); ++k, ++seen)
              if (k) CHECK(order[std::size_t(t)][k] == order[std::size_t(t)][k - 1] + (reversed ? -1 : 1));
          CHECK(seen == count);
          for (int i = 1; i < count; ++i) CHECK(by[std::size_t(i)] >= by[std::size_t(i - 1)]);
          if (repeat) CHECK(by == owner);
          owner = by;
        }
      }
}

TEST_CASE("a loop inside a loop, and loops on two threads at once, run every index once") {
  std::atomic<long> sum = 0;
  parallel_for(2, 4, [&](int i, int) { parallel_for(3, 5, [&](int j, int) { sum += i * 5 + j; }); });
  CHECK(sum == 190);
  std::atomic<long> a = 0, b = 0;
  std::thread other([&] { parallel_for(2, 100, [&](int i, int) { a += i; }); });
  parallel_for(2, 100, [&](int i, int) { b += i; });
  other.join();
  CHECK(a == 4950);
  CHECK(b == 4950);
  CHECK(hardware_threads() >= 1);
}

#ifdef SIX_STD_THREADS
TEST_CASE("threads are kept from loop to loop, also when loops of other sizes come between") {
  std::vector<std::thread::id> first(7);
  for (int repeat = 0; repeat < 100; ++repeat) {
    std::vector<std::thread::id> ids(7);
    parallel_for(7, 7, [&](int i, int t) { ids[std::size_t(i)] = t == i ? std::this_thread::get_id() : std::thread::id(); });
    if (repeat == 0) first = ids;
    CHECK(ids == first);
    CHECK(ids[0] == std::this_thread::get_id());
    for (int i = 1; i < 7; ++i) CHECK(ids[std::size_t(i)] != ids[std::size_t(i - 1)]);
    std::atomic<int> runs = 0;
    parallel_for(2 + repeat % 3, 16, [&](int, int) { ++runs; });
    CHECK(runs == 16);
  }
}
#endif

TEST_CASE("blocks cut any number of samples into sixteen, in order, none larger than another by two") {
  for (long samples : {0L, 1L, 15L, 16L, 17L, 100L, 128L, 1000003L}) {
    long next = 0, least = samples, most = 0;
    for (int i = 0; i < kMaxBlocks; ++i) {
      const Block b = block_of(samples, i);
      CHECK(b.begin == next);
      next = b.end, least = std::min(least, b.size()), most = std::max(most, b.size());
    }
    CHECK(next == samples);
    CHECK(most - least <= 1);
  }
  static_assert(block_of(128, 3).begin == 24 && block_of(128, 3).size() == 8);
}

namespace {
bool aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 64 == 0; }
}  // namespace

TEST_CASE("an arena: aligned, disjoint, the same addresses after a reset, no new memory") {
  Arena arena;
  CHECK(arena.bytes_reserved() == 0);
  std::vector<const void*> first;
  std::size_t reserved = 0;
  for (int round = 0; round < 3; ++round) {
    arena.reset();
    std::vector<const void*> now;
    std::vector<std::pair<unsigned char*, long>> taken;
    for (long n : {1L, 63L, 64L, 65L, 1000L, 300000L, 5L, 3000000L, 7L, 20000000L, 9L}) {
      unsigned char* p = arena.fresh<unsigned char>(n);
      CHECK(aligned(p));
      std::memset(p, int(taken.size()), std::size_t(n));
      now.push_back(p), taken.emplace_back(p, n);
    }
    for (std::size_t i = 0; i < taken.size(); ++i) CHECK((taken[i].first[0] == i && taken[i].first[taken[i].second - 1] == i));
    if (round) {
      CHECK(now == first);
      CHECK(arena.bytes_reserved() == reserved);
    }
    first = now, reserved = arena.bytes_reserved();
  }
  CHECK(aligned(arena.fresh<double>(0)));
}

TEST_CASE("an arena's zeros are zero, its fresh memory is NaN where it is poisoned") {
  Arena arena;
  for (int round = 0; round < 2; ++round) {
    const double* z = arena.zeros<double>(1000);
    for (int i = 0; i < 1000; ++i) CHECK(z[i] == 0);
    double* f = arena.fresh<double>(1000);
#ifdef SIX_POISON
    for (int i = 0; i < 1000; ++i) CHECK(std::isnan(f[i]));
#endif
    std::fill_n(f, 1000, 3.0);
    arena.reset();
  }
}

TEST_CASE("memory given back is used again for the same size, not for another, and not after a reset") {
  Arena arena;
  real *a = arena.fresh<real>(1000), *b = arena.fresh<real>(5000);
  arena.give_back(a, 1000 * sizeof(real)), arena.give_back(b, 5000 * sizeof(real));
  real* c = arena.reused<real>(900);  // the parts of a and of this would lie with other cores
  CHECK(c != a);
  CHECK(c != b);
  CHECK(arena.reused<real>(1000) == a);
  CHECK(arena.reused<real>(6000) != b);
  CHECK(arena.reused<real>(5000) == b);
  arena.give_back(b, 5000 * sizeof(real));
  arena.reset();
  CHECK(arena.reused<real>(1000) == a);  // from the front again
}

TEST_CASE("a lane keeps its place while no op needs a longer one, and overlaps no other") {
  Lanes lanes;
  lanes.reserve(1000);
  real* const third = lanes.lane(3);
  lanes.reserve(10), lanes.reserve(1000);
  CHECK(lanes.lane(3) == third);
  for (long n : {1000L, 100000L}) {
    lanes.reserve(n);
    for (int i = 0; i < kMaxBlocks; ++i) {
      std::fill_n(lanes.lane(i), n, real(i));
      CHECK(std::uintptr_t(lanes.lane(i)) % 64 == 0);
    }
    for (int i = 0; i < kMaxBlocks; ++i) CHECK(std::count(lanes.lane(i), lanes.lane(i) + n, real(i)) == n);
    CHECK(lanes.bytes_reserved() >= std::size_t(n) * kMaxBlocks * sizeof(real));
  }
}

#ifdef SIX_POISON
TEST_CASE("lanes are NaN from end to end whenever they are reserved anew, where memory is poisoned") {
  Lanes lanes;
  const auto first_number = [&](long length) {  // its place, over all lanes; -1 where there is none
    for (long i = 0; i < kMaxBlocks * length; ++i)
      if (!std::isnan(lanes.lane(int(i / length))[i % length])) return i;
    return -1L;
  };
  for (long n : {100L, 1000L, 7L, 1L, 1000L, 20000L, 3L}) {
    lanes.reserve(n);
    CHECK(first_number(lanes.lane(1) - lanes.lane(0)) == -1);
    for (int i = 0; i < kMaxBlocks; ++i) std::fill_n(lanes.lane(i), n, real(i));
  }
}
#endif

TEST_CASE("scratch is taken back at its end, also what grew into new chunks") {
  Arena arena;
  real* before = arena.fresh<real>(10);
  const real *inside, *large;
  {
    const Arena::Scratch undo(arena);
    inside = arena.fresh<real>(1000);
    large = arena.fresh<real>(1000000);
    CHECK(large != before);
  }
  const std::size_t reserved = arena.bytes_reserved();
  CHECK(arena.fresh<real>(1000) == inside);
  CHECK(arena.fresh<real>(1000000) == large);
  CHECK(arena.bytes_reserved() == reserved);
}
