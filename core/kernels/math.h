#pragma once
#include "isa.h"

namespace six {
inline namespace SIX_ISA {
namespace math {  // math::exp, so that nothing collides with <cmath> in host code

SIX_INLINE real exp(real x) { return real(__builtin_exp(x)); }
SIX_INLINE real log(real x) { return real(__builtin_log(x)); }
SIX_INLINE real tanh(real x) { return real(__builtin_tanh(x)); }
SIX_INLINE real erf(real x) { return real(__builtin_erf(x)); }
SIX_INLINE real sigmoid(real x) { return 1 / (1 + exp(-x)); }

}  // namespace math
}  // namespace SIX_ISA
}  // namespace six
