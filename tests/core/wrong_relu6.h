#pragma once
// Ten wrong ReLU6s, each with one mistake made elsewhere. Whatever tests ReLU6 must reject every one of them.
// As formulas they are PointwiseOps; two mistakes are in a loop, not in a formula: `run_wrong` has those loops.
#include <algorithm>

#include "relu6_conformance.h"

namespace six::test {

// Right where a wrong one does not say otherwise. `rejected_by` is a fault that Relu6Faults must list; `in_loop` says that the
// formula alone is right.
struct RightRelu6 {
  static constexpr const char* name = "right";
  static constexpr const char* summary = "min(max(x, 0), 6)";
  static constexpr const auto& probes = Relu6::probes;
  static constexpr bool in_loop = false;
  AtKink at_kink;
  real f(real x) const { return Relu6{at_kink}.f(x); }
  real vjp(real x, real dy) const { return Relu6{at_kink}.vjp(x, dy); }
  constexpr Kinks kinks() const { return Relu6{at_kink}.kinks(); }
};

struct NoUpperClip : RightRelu6 {
  static constexpr const char* name = "no upper clip";
  static constexpr const char* rejected_by = "f(7) = 7";
  real f(real x) const { return x < 0 ? real(0) : x; }
};

struct NoLowerClip : RightRelu6 {
  static constexpr const char* name = "no lower clip";
  static constexpr const char* rejected_by = "f(-1) = -1";
  real f(real x) const { return x > 6 ? real(6) : x; }
};

struct DifferenceOfRelus : RightRelu6 {
  static constexpr const char* name = "relu(x) - relu(x - 6)";
  static constexpr const char* rejected_by = "f(inf) = nan";
  real f(real x) const { return Relu{}.f(x) - Relu{}.f(x - 6); }
};

struct OpenAtSix : RightRelu6 {
  static constexpr const char* name = "derivative 1 at 6";
  static constexpr const char* rejected_by = "df(6) * 2 = 2 at_kink 0 0 onto 9";
  real vjp(real x, real dy) const { return x > 0 && x <= 6 ? dy : real(0); }
};

struct HalfAtTies : RightRelu6 {
  static constexpr const char* name = "derivative 0.5 at ties";
  static constexpr const char* rejected_by = "df(0) * 2 = 1 at_kink 0 0 onto 9";
  real vjp(real x, real dy) const { return Relu6{real(0.5)}.vjp(x, dy); }
};

struct MaxFromTheLeft : RightRelu6 {
  static constexpr const char* name = "max(0, x), which turns NaN into 0";
  static constexpr const char* rejected_by = "f(nan) = 0";
  real f(real x) const { return std::min(std::max(real(0), x), real(6)); }
};

struct TailDiffers : RightRelu6 {
  static constexpr const char* name = "vector body and scalar tail disagree at NaN";
  static constexpr const char* rejected_by = "f(nan) = 0";
  static constexpr bool in_loop = true;
};

struct MaskTimesDy : RightRelu6 {
  static constexpr const char* name = "mask times dy";
  static constexpr const char* rejected_by = "df(7) * inf = nan at_kink 0 0 onto 9";
  real vjp(real x, real dy) const { return Relu6{at_kink}.vjp(x, 1) * dy; }
};

struct OverwritesDx : RightRelu6 {
  static constexpr const char* name = "overwrites dx instead of adding";
  static constexpr const char* rejected_by = "df(3) * 2 = -7 at_kink 0 0 onto 9";
  static constexpr bool in_loop = true;
};

struct ReadsOutput : RightRelu6 {
  static constexpr const char* name = "at_kink 1 taken from the output, which has overwritten x";
  static constexpr const char* rejected_by = "df(7) * 2 = 2 at_kink 1 1 onto 9";
  static constexpr bool kSavesOutput = true;
};

using WrongRelu6s = TypeList<NoUpperClip, NoLowerClip, DifferenceOfRelus, OpenAtSix, HalfAtTies, MaxFromTheLeft, TailDiffers,
                             MaskTimesDy, OverwritesDx, ReadsOutput>;

template <class O>
Relu6Run run_wrong() {
  Relu6Run run = run_formula<O>();
  if constexpr (__is_same(O, TailDiffers))
    run.forward = [](AtKink k, long n, const real* x, real* y) {
      const long tail = n - n % 8;
      for (long i = 0; i < tail; ++i) y[i] = Relu6{k}.f(x[i]);
      for (long i = tail; i < n; ++i) y[i] = MaxFromTheLeft{}.f(x[i]);
    };
  if constexpr (__is_same(O, OverwritesDx))
    run.backward = [](AtKink k, long n, const real* x, const real*, const real* dy, real* dx) {
      for (long i = 0; i < n; ++i) dx[i] = Relu6{k}.vjp(x[i], dy[i]);
    };
  return run;
}

}  // namespace six::test
