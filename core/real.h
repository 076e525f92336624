#pragma once
// The one configuration macro: the library is built once with SIX_REAL=float (target `sixgrad`) and once with
// SIX_REAL=double (target `sixgrad_f64`, where tight tolerances belong). The two are never linked into one program.
#ifndef SIX_REAL
#define SIX_REAL float
#endif

// NaN must stay NaN and -0 must stay -0 through every kernel.
#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "sixgrad must not be compiled with -ffast-math or -ffinite-math-only"
#endif

namespace six {
using real = SIX_REAL;
inline constexpr real kInf = __builtin_huge_valf();
inline constexpr int kMaxBlocks = 16;  // samples are cut into this many blocks, whatever the number of threads
}  // namespace six
