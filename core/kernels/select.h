#pragma once
#include "isa.h"

namespace six {
inline namespace SIX_ISA {

// c ? yes : no, as bit masks. GCC turns a `?:` between computed values into a branch unless -fno-trapping-math is given: then
// the loop is not vectorised, and a product may be contracted with a sum in one arm of a scalar tail but not in a vector body.
SIX_INLINE constexpr float select(bool c, float yes, float no) {
  const unsigned mask = 0u - unsigned(c);
  return __builtin_bit_cast(float, (__builtin_bit_cast(unsigned, yes) & mask) | (__builtin_bit_cast(unsigned, no) & ~mask));
}
SIX_INLINE constexpr double select(bool c, double yes, double no) {
  using Bits = unsigned long long;
  const Bits mask = Bits(0) - Bits(c);
  return __builtin_bit_cast(double, (__builtin_bit_cast(Bits, yes) & mask) | (__builtin_bit_cast(Bits, no) & ~mask));
}

}  // namespace SIX_ISA
}  // namespace six
