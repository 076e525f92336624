// Random numbers: the published vectors of Philox, distributions, and that a number depends on its index alone.
#include "../../core/rng.h"

#include <doctest/doctest.h>

#include <set>
#include <vector>

using namespace six;

namespace {
using Four = std::array<std::uint32_t, 4>;

struct Moments {
  double mean = 0, variance = 0, skew = 0;
};
template <class Draw>
Moments moments(long n, Draw draw) {
  Moments m;
  for (long i = 0; i < n; ++i) m.mean += draw(i) / double(n);
  for (long i = 0; i < n; ++i) {
    const double d = draw(i) - m.mean;
    m.variance += d * d / double(n), m.skew += d * d * d / double(n);
  }
  return m;
}
}  // namespace

// Random123's kat_vectors for philox4x32 with 10 rounds: counter, key, result.
TEST_CASE("philox: the known answers of Random123") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  static_assert(philox({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5);
}

TEST_CASE("uniform numbers: range, moments, bins") {
  const long n = 200000;
  const Rng rng(7, Purpose::user);
  const Moments m = moments(n, [&](long i) { return rng.uniform(std::uint64_t(i)); });
  CHECK(std::fabs(m.mean - 0.5) < 5 * std::sqrt(1 / 12.0 / n));
  CHECK(std::fabs(m.variance - 1 / 12.0) < 0.001);
  CHECK(std::fabs(m.skew) < 0.001);
  std::vector<long> bins(16);
  long odd = 0;
  for (long i = 0; i < n; ++i) {
    const double u = rng.uniform(std::uint64_t(i));
    odd += !(u >= 0 && u < 1) || u * 0x1p53 != std::floor(u * 0x1p53);
    ++bins[std::size_t(u * 16) % 16];
  }
  CHECK(odd == 0);
  for (long b : bins) CHECK(std::fabs(double(b) - n / 16.0) < 5 * std::sqrt(n / 16.0));
  const double v = rng.uniform(3, -2, 5);
  CHECK(v == -2 + 7 * rng.uniform(3));
}

TEST_CASE("normal numbers: moments, tails, no correlation of neighbours") {
  const long n = 200000;
  const Rng rng(11, Purpose::init, 4);
  const Moments m = moments(n, [&](long i) { return rng.normal(std::uint64_t(i)); });
  CHECK(std::fabs(m.mean) < 5 / std::sqrt(double(n)));
  CHECK(std::fabs(m.variance - 1) < 0.02);
  CHECK(std::fabs(m.skew) < 0.05);
  long beyond = 0;
  double together = 0;
  for (long i = 0; i < n; ++i) {
    beyond += std::fabs(rng.normal(std::uint64_t(i))) > 1.959964;
    together += rng.normal(std::uint64_t(i)) * rng.normal(std::uint64_t(i + 1)) / double(n);
  }
  CHECK(std::fabs(double(beyond) / double(n) - 0.05) < 0.003);
  CHECK(std::fabs(together) < 5 / std::sqrt(double(n)));
}

TEST_CASE("integers below n: every one, equally often") {
  const Rng rng(5, Purpose::shuffle);
  std::vector<long> count(10);
  for (std::uint64_t i = 0; i < 100000; ++i) ++count[rng.below(i, 10)];
  for (long c : count) CHECK(std::fabs(double(c) - 10000) < 5 * std::sqrt(9000.0));
  CHECK(rng.below(3, 1) == 0);
  CHECK(rng.below(9, ~0ull) == std::uint64_t((unsigned __int128)(rng.bits(9)) * ~0ull >> 64));
}

TEST_CASE("a number is a function of seed, purpose, stream and index, never of the order of calls") {
  const Rng rng(1, Purpose::init, 2), same(1, Purpose::init, 2);
  std::vector<std::uint64_t> forwards, backwards;
  for (std::uint64_t i = 0; i < 100; ++i) forwards.push_back(rng.bits(i));
  for (std::uint64_t i = 100; i-- > 0;) backwards.push_back(same.bits(i));
  CHECK(std::vector<std::uint64_t>(backwards.rbegin(), backwards.rend()) == forwards);

  std::set<std::uint64_t> all;  // neighbours in every direction are different
  long drawn = 0;
  for (std::uint64_t seed : {0ull, 1ull, 1ull << 32, ~0ull})
    for (Purpose p : {Purpose::init, Purpose::shuffle, Purpose::dropout, Purpose::augment, Purpose::user})
      for (std::uint64_t stream : {0ull, 1ull, 1ull << 16, 1ull << 32, 1ull << 47})
        for (std::uint64_t index : {0ull, 1ull, 1ull << 32, 1ull << 63}) all.insert(Rng(seed, p, stream).bits(index)), ++drawn;
  CHECK(long(all.size()) == drawn);
}

// Part of the promise that a seed means the same run in every version.
TEST_CASE("golden: the first numbers of a seed") {
  const Rng rng(42, Purpose::init, 3);
  CHECK(rng.bits(0) == 10404943957804155354u);
  CHECK(rng.bits(1ull << 32) == 15090793590126730061u);
  CHECK(Rng(42, Purpose::dropout, 1ull << 16).bits(5) == 1852167984596393489u);
  CHECK(rng.normal(0) == doctest::Approx(-1.2719178413000665).epsilon(1e-12));
}
