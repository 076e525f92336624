#pragma once
#include "../core/real.h"

namespace six::test {

inline constexpr bool kDouble = sizeof(real) == sizeof(double);
inline constexpr bool kFloat = !kDouble;

}  // namespace six::test
