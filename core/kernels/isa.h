#pragma once
// Kernel headers are compiled once per instruction set, each time into a namespace of its own (SIX_ISA: baseline, v3, v4), so
// that the linker can never keep the AVX-512 copy of a function for a machine without it. Host code sees `six::host`.
#include "../real.h"

#ifndef SIX_ISA
#define SIX_ISA host
#endif

#define SIX_INLINE inline __attribute__((always_inline))
#define SIX_LAMBDA_INLINE __attribute__((always_inline))
#if defined(__clang__)
#define SIX_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SIX_UNROLL _Pragma("GCC unroll 32")
#endif
