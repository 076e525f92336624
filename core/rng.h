#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace six {

// One block of Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): counter and key in, 128 random
// bits out.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t(0xD2511F53) * c[0], p1 = std::uint64_t(0xCD9E8D57) * c[2];
    c = {std::uint32_t(p1 >> 32) ^ c[1] ^ k[0], std::uint32_t(p1), std::uint32_t(p0 >> 32) ^ c[3] ^ k[1], std::uint32_t(p0)};
    k[0] += 0x9E3779B9, k[1] += 0xBB67AE85;
  }
  return c;
}

// What a random number is for. Two purposes never share numbers; the values are part of the reproducibility promise: append only.
enum class Purpose : std::uint32_t { init = 1, shuffle = 2, dropout = 3, augment = 4, user = 1000 };

// Counter-based random numbers: a number is a function of (seed, purpose, stream, index), never of call order, so there is no
// state to save and threads can draw in any order. `stream` separates uses of one purpose: a parameter's number, an epoch, a step.
class Rng {
 public:
  constexpr Rng(std::uint64_t seed, Purpose purpose, std::uint64_t stream = 0)
      : seed_(seed), stream_(stream), purpose_(std::uint32_t(purpose)) {}

  // 64 random bits.
  constexpr std::uint64_t bits(std::uint64_t index) const {
    const auto r = philox(
        {std::uint32_t(index), std::uint32_t(index >> 32), std::uint32_t(stream_), purpose_ ^ std::uint32_t(stream_ >> 32) << 16},
        {std::uint32_t(seed_), std::uint32_t(seed_ >> 32)});
    return std::uint64_t(r[0]) << 32 | r[1];
  }
  // Uniform on [0, 1), a multiple of 2^-53; drawn in double so that float and double builds start equal.
  constexpr double uniform(std::uint64_t index) const { return double(bits(index) >> 11) * 0x1p-53; }
  constexpr double uniform(std::uint64_t index, double lo, double hi) const { return lo + (hi - lo) * uniform(index); }
  // Uniform integer in [0, n), n >= 1, by Lemire's multiplication (bias below n / 2^64).
  constexpr std::uint64_t below(std::uint64_t index, std::uint64_t n) const {
    return std::uint64_t((unsigned __int128)(bits(index)) * n >> 64);
  }
  // Standard normal (Box and Muller 1958).
  double normal(std::uint64_t index) const {
    const double u = 1 - uniform(2 * index), v = uniform(2 * index + 1);  // u in (0, 1]
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
  }

 private:
  std::uint64_t seed_, stream_;
  std::uint32_t purpose_;
};

}  // namespace six
