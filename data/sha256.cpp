#include "sha256.h"

#include <array>
#include <bit>
#include <cstring>

namespace six {
namespace {

using Word = std::uint32_t;

// The first 32 fractional bits of the square roots of the first 8 primes and of the cube roots of the first 64 (FIPS 180-4, 4.2.2
// and 5.3.3), found by integer search: the largest x with x^power <= prime * 2^(32 * power).
constexpr Word root_fraction(unsigned prime, int power) {
  std::uint64_t root = 0;  // with 32 fractional bits; the integer part is below 2^4
  for (int bit = 36; bit >= 0; --bit) {
    const std::uint64_t x = root | std::uint64_t(1) << bit;
    // x^3 has up to 108 bits, prime * 2^96 up to 105.
    const auto wide = (unsigned __int128)(x);
    const auto value = power == 2 ? wide * wide : wide * wide * wide;
    if (value <= (unsigned __int128)(prime) << (32 * power)) root = x;
  }
  return Word(root);
}

struct Constants {
  Word start[8], round[64];
};
constexpr Constants make_constants() {
  Constants k{};
  int n = 0;
  for (unsigned candidate = 2; n < 64; ++candidate) {
    bool prime = true;
    for (unsigned d = 2; d * d <= candidate; ++d) prime = prime && candidate % d != 0;
    if (!prime) continue;
    if (n < 8) k.start[n] = root_fraction(candidate, 2);
    k.round[n++] = root_fraction(candidate, 3);
  }
  return k;
}
constexpr Constants kConstants = make_constants();

void compress(Word (&state)[8], const std::uint8_t* block) {
  Word w[64];
  for (int i = 0; i < 16; ++i)
    w[i] = Word(block[4 * i]) << 24 | Word(block[4 * i + 1]) << 16 | Word(block[4 * i + 2]) << 8 | block[4 * i + 3];
  for (int i = 16; i < 64; ++i) {
    const Word a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[i - 7] + (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
  }
  Word s[8];
  std::memcpy(s, state, sizeof s);
  for (int i = 0; i < 64; ++i) {
    const Word a = s[0], e = s[4];
    const Word t1 =
        s[7] + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + kConstants.round[i] + w[i];
    const Word t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    std::memmove(s + 1, s, 7 * sizeof(Word));
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; ++i) state[i] += s[i];
}

}  // namespace

std::string sha256(std::span<const std::uint8_t> bytes) {
  Word state[8];
  std::memcpy(state, kConstants.start, sizeof state);
  const std::size_t whole = bytes.size() / 64 * 64, rest = bytes.size() - whole;
  for (std::size_t i = 0; i < whole; i += 64) compress(state, bytes.data() + i);

  std::array<std::uint8_t, 128> tail{};  // the rest, a one bit, zeros, and the length in bits as a big-endian number
  if (rest) std::memcpy(tail.data(), bytes.data() + whole, rest);
  tail[rest] = 0x80;
  const std::size_t size = rest < 56 ? 64 : 128;
  for (std::size_t i = 0; i < 8; ++i) tail[size - 1 - i] = std::uint8_t(std::uint64_t(bytes.size()) * 8 >> (8 * i));
  for (std::size_t i = 0; i < size; i += 64) compress(state, tail.data() + i);

  std::string hex;
  for (const Word word : state) {
    for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[word >> shift & 15];
  }
  return hex;
}

}  // namespace six
