#pragma once
// The activations, one struct each, ReLU6 first. To add one, write its struct here and its name in PointwiseOps at the end: the
// tape op, the layer, the JSON kind, the README row and the tests follow. pointwise_op.h says what such a struct may contain.
#include "math.h"
#include "pointwise_op.h"
#include "type_list.h"

namespace six {
inline namespace SIX_ISA {

inline constexpr real kUlp1 = sizeof(real) == 4 ? real(0x1p-23) : real(0x1p-52);         // spacing of numbers from 1 to 2
inline constexpr real kDenormal = sizeof(real) == 4 ? real(0x1p-149) : real(0x1p-1074);  // the smallest
inline constexpr real kNaN = __builtin_nanf("");
inline constexpr real kBelow6 = 6 - 4 * kUlp1, kAbove6 = 6 + 4 * kUlp1, kBelow3 = 3 - 2 * kUlp1, kAbove3 = 3 + 2 * kUlp1;

// ReLU6(x) = min(max(x, 0), 6), the activation of MobileNet (Howard et al. 2017, arXiv:1704.04861).
// Derivative: 1 on (0, 6), 0 outside and at NaN; at the kinks 0 and 6 it is `at_kink`. The default, 0 at both, is the
// minimum-norm choice of PyTorch, TensorFlow and JAX; 1 at both is torch.clamp, 0.5 what tie-splitting min and max give.
// Kept bit by bit: NaN, -0 (not below 0, so it passes as -0), denormals, 6 for +inf; a closed gate gives +0 for any dy.
// Not min and max, which lose NaN or -0 by operand order, nor relu(x) - relu(x - 6), which is 8 at 1e8 and NaN at infinity.
struct Relu6 {
  static constexpr const char* name = "relu6";
  static constexpr const char* summary = "min(max(x, 0), 6)";
  AtKink at_kink;

  SIX_INLINE real f(real x) const { return select(x < 0, real(0), select(x > 6, real(6), x)); }
  SIX_INLINE real vjp(real x, real dy) const {
    const real at_end = select(x == 0, at_kink.lo, select(x == 6, at_kink.hi, real(0)));
    return slope_times(select((x > 0) & (x < 6), real(1), at_end), dy);
  }
  constexpr Kinks kinks() const { return {0, 6}; }
  static constexpr Probe probes[] = {
      // x, y, derivative; where it depends on at_kink: for 0, 0.5, 1, [0, 1]
      {-kInf, 0, 0},
      {-1, 0, 0},
      {-kDenormal, 0, 0},
      {real(-0.0), real(-0.0), 0, real(0.5), 1, 0},
      {0, 0, 0, real(0.5), 1, 0},
      {kDenormal, kDenormal, 1},
      {3, 3, 1},
      {kBelow6, kBelow6, 1},
      {6, 6, 0, real(0.5), 1, 1},
      {kAbove6, 6, 0},
      {7, 6, 0},
      {real(1e8), 6, 0},
      {kInf, 6, 0},
      {kNaN, kNaN, 0},
  };

  template <class Visit>
  static constexpr void fields(Visit& visit, auto& op) {
    visit("at_kink", op.at_kink, "derivative at 0 and 6: 0, 0.5 or 1, or a pair of them");
  }
  constexpr Problem problem() const { return check_at_kink(at_kink); }
  constexpr Clamp clamp() const { return clamp_between(0, 6, at_kink); }  // the same function, as deferred epilogues take it
};

// ReLU(x) = max(x, 0); +inf passes, and so does its gradient.
struct Relu {
  static constexpr const char* name = "relu";
  static constexpr const char* summary = "max(x, 0)";
  real at_kink = 0;

  constexpr Clamp clamp() const { return clamp_between(0, kInf, at_kink); }
  SIX_INLINE real f(real x) const { return clamp().f(x); }
  SIX_INLINE real vjp(real x, real dy) const { return clamp().vjp(x, dy); }
  constexpr Kinks kinks() const { return {0}; }
  static constexpr Probe probes[] = {
      {-kInf, 0, 0},
      {-1, 0, 0},
      {-kDenormal, 0, 0},
      {real(-0.0), real(-0.0), 0, real(0.5), 1, 0},
      {0, 0, 0, real(0.5), 1, 0},
      {kDenormal, kDenormal, 1},
      {3, 3, 1},
      {real(1e8), real(1e8), 1},
      {kInf, kInf, 1},
      {kNaN, kNaN, 0},
  };

  template <class Visit>
  static constexpr void fields(Visit& visit, auto& op) {
    visit("at_kink", op.at_kink, "derivative at 0: 0, 0.5 or 1");
  }
  constexpr Problem problem() const {
    return allowed_at_kink(at_kink) ? Problem{} : Problem{"at_kink must be 0, 0.5 or 1, got ", {at_kink}, 1};
  }
};

// clamp(x, lo, hi); an infinite bound does not exist: no kink there. With lo == hi a constant, of derivative 0.
// torch.clamp has the derivative 1 at both ends: `at_kink` 1.
struct ClampOp {
  static constexpr const char* name = "clamp";
  static constexpr const char* summary = "min(max(x, min), max)";
  real lo = -kInf, hi = kInf;
  AtKink at_kink;

  constexpr Clamp clamp() const { return clamp_between(lo, hi, at_kink); }
  SIX_INLINE real f(real x) const { return clamp().f(x); }
  SIX_INLINE real vjp(real x, real dy) const { return clamp().vjp(x, dy); }
  constexpr Kinks kinks() const { return kinks_of_clamp(clamp()); }
  static constexpr ClampOp sample() { return {-2, 3, {}}; }
  static constexpr Probe probes[] = {
      {-kInf, -2, 0},
      {-3, -2, 0},
      {-2, -2, 0, real(0.5), 1, 0},
      {-1, -1, 1},
      {real(-0.0), real(-0.0), 1},
      {kDenormal, kDenormal, 1},
      {kBelow3, kBelow3, 1},
      {3, 3, 0, real(0.5), 1, 1},
      {kAbove3, 3, 0},
      {real(1e8), 3, 0},
      {kInf, 3, 0},
      {kNaN, kNaN, 0},
  };

  template <class Visit>
  static constexpr void fields(Visit& visit, auto& op) {
    visit("min", op.lo, "lower bound; none if absent");
    visit("max", op.hi, "upper bound; none if absent");
    visit("at_kink", op.at_kink, "derivative at min and max: 0, 0.5 or 1, or a pair of them");
  }
  constexpr Problem problem() const {
    if (!(lo <= hi)) return {"min must not exceed max, and neither may be NaN, got ", {lo, hi}, 2};
    return check_at_kink(at_kink);
  }
};

// min(max(x, 0), n); n = 6 is ReLU6 bit for bit.
struct ReluN {
  static constexpr const char* name = "relu_n";
  static constexpr const char* summary = "min(max(x, 0), n)";
  real n = 6;
  AtKink at_kink;

  constexpr Clamp clamp() const { return clamp_between(0, n, at_kink); }
  SIX_INLINE real f(real x) const { return clamp().f(x); }
  SIX_INLINE real vjp(real x, real dy) const { return clamp().vjp(x, dy); }
  constexpr Kinks kinks() const { return {0, n}; }
  static constexpr const auto& probes = Relu6::probes;

  template <class Visit>
  static constexpr void fields(Visit& visit, auto& op) {
    visit("n", op.n, "upper bound, positive and finite");
    visit("at_kink", op.at_kink, "derivative at 0 and n: 0, 0.5 or 1, or a pair of them");
  }
  constexpr Problem problem() const {
    if (!(n > 0 && n < kInf)) return {"n must be positive and finite, got ", {n}, 1};
    return check_at_kink(at_kink);
  }
};

struct Hardtanh {
  static constexpr const char* name = "hardtanh";
  static constexpr const char* summary = "min(max(x, -1), 1)";
  AtKink at_kink;

  constexpr Clamp clamp() const { return clamp_between(-1, 1, at_kink); }
  SIX_INLINE real f(real x) const { return clamp().f(x); }
  SIX_INLINE real vjp(real x, real dy) const { return clamp().vjp(x, dy); }
  constexpr Kinks kinks() const { return {-1, 1}; }
  static constexpr Probe probes[] = {
      {-kInf, -1, 0},
      {-2, -1, 0},
      {-1, -1, 0, real(0.5), 1, 0},
      {-kDenormal, -kDenormal, 1},
      {real(-0.0), real(-0.0), 1},
      {real(0.5), real(0.5), 1},
      {1, 1, 0, real(0.5), 1, 1},
      {1 + kUlp1, 1, 0},
      {real(1e8), 1, 0},
      {kInf, 1, 0},
      {kNaN, kNaN, 0},
  };

  template <class Visit>
  static constexpr void fields(Visit& visit, auto& op) {
    visit("at_kink", op.at_kink, "derivative at -1 and 1: 0, 0.5 or 1, or a pair of them");
  }
  constexpr Problem problem() const { return check_at_kink(at_kink); }
};

// relu6(x + 3) / 6 (Howard et al. 2019, arXiv:1905.02244). x is compared with -3 and 3: the float below 3, plus 3, rounds to 6.
// `at_kink` is the derivative of that relu6 at its kinks, here as below.
struct HardSigmoid {
  static constexpr const char* name = "hard_sigmoid";
  static constexpr const char* summary = "relu6(x + 3) / 6";
  AtKink at_kink;

  SIX_INLINE real f(real x) const { return select(x <= -3, real(0), select(x >= 3, real(1), (x + 3) / 6)); }
  SIX_INLINE real vjp(real x, real dy) const {
    const real at_end = select(x == -3, at_kink.lo, select(x == 3, at_kink.hi, real(0)));
    const real relu6_slope = select((x > -3) & (x < 3), real(1), at_end);
    return slope_times(relu6_slope / 6, dy);
  }
  constexpr Kinks kinks() const { return {-3, 3}; }
  static constexpr Probe probes[] = {
      {-kInf, 0, 0},
      {-4, 0, 0},
      {-kAbove3, 0, 0},
      {-3, 0, 0, real(1) / 12, real(1) / 6, 0},
      {-kBelow3, 2 * kUlp1 / 6, real(1) / 6},
      {real(-0.0), real(0.5), real(1) / 6},
      {1, real(4) / 6, real(1) / 6},
      {kBelow3, 1, real(1) / 6},
      {3, 1, 0, real(1) / 12, real(1) / 6, real(1) / 6},
      {kAbove3, 1, 0},
      {real(1e8), 1, 0},
      {kInf, 1, 0},
      {kNaN, kNaN, 0},
  };

  template <class Visit>
  static constexpr void fields(Visit& visit, auto& op) {
    visit("at_kink", op.at_kink, "derivative of relu6 at -3 and 3: 0, 0.5 or 1, or a pair of them");
  }
  constexpr Problem problem() const { return check_at_kink(at_kink); }
};

// x * relu6(x + 3) / 6 (Howard et al. 2019, arXiv:1905.02244), written so that -inf gives 0, not NaN.
// Derivative (2 x + 3) / 6 on (-3, 3), by the product rule -k/2 at -3 and 1 + k/2 at 3 for at_kink k; PyTorch has k = 1.
struct HardSwish {
  static constexpr const char* name = "hard_swish";
  static constexpr const char* summary = "x * relu6(x + 3) / 6";
  AtKink at_kink;

  SIX_INLINE real f(real x) const {
    const real inner = x * (x + 3);
    return select(x <= -3, real(0), select(x >= 3, x, inner / 6));
  }
  SIX_INLINE real vjp(real x, real dy) const {
    const real above = select(x > 3, real(1), real(0));
    const real outside = select(x == -3, 0 - at_kink.lo / 2, select(x == 3, 1 + at_kink.hi / 2, above));
    return slope_times(select((x > -3) & (x < 3), (2 * x + 3) / 6, outside), dy);
  }
  constexpr Kinks kinks() const { return {-3, 3}; }
  static constexpr Probe probes[] = {
      {-kInf, 0, 0},
      {-4, 0, 0},
      {-3, 0, 0, real(-0.25), real(-0.5), 0},
      {real(-1.5), real(-0.375), 0},
      {real(-0.0), real(-0.0), real(0.5)},
      {0, 0, real(0.5)},
      {real(1.5), real(1.125), 1},
      {3, 3, 1, real(1.25), real(1.5), real(1.5)},
      {kAbove3, kAbove3, 1},
      {real(1e8), real(1e8), 1},
      {kInf, kInf, 1},
      {kNaN, kNaN, 0},
  };

  template <class Visit>
  static constexpr void fields(Visit& visit, auto& op) {
    visit("at_kink", op.at_kink, "derivative of relu6 at -3 and 3: 0, 0.5 or 1, or a pair of them");
  }
  constexpr Problem problem() const { return check_at_kink(at_kink); }
};

// The logistic function 1 / (1 + exp(-x)); derivative y (1 - y).
struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  static constexpr const char* summary = "1 / (1 + exp(-x))";
  static constexpr bool kSavesOutput = true;

  SIX_INLINE real f(real x) const { return math::sigmoid(x); }
  SIX_INLINE real vjp(real y, real dy) const { return dy * (y * (1 - y)); }
  static constexpr Probe probes[] = {
      {-kInf, 0, 0},      {real(-0.0), real(0.5), real(0.25)}, {0, real(0.5), real(0.25)}, {real(1e8), 1, 0}, {kInf, 1, 0},
      {kNaN, kNaN, kNaN},
  };
};

// Derivative 1 - y^2.
struct Tanh {
  static constexpr const char* name = "tanh";
  static constexpr const char* summary = "tanh(x)";
  static constexpr bool kSavesOutput = true;

  SIX_INLINE real f(real x) const { return math::tanh(x); }
  SIX_INLINE real vjp(real y, real dy) const { return dy * (1 - y * y); }
  static constexpr Probe probes[] = {
      {-kInf, -1, 0}, {real(-0.0), real(-0.0), 1}, {0, 0, 1}, {real(1e8), 1, 0}, {kInf, 1, 0}, {kNaN, kNaN, kNaN},
  };
};

// x sigmoid(x), also called swish (Elfwing et al. 2017, arXiv:1702.03118; Ramachandran et al. 2017, arXiv:1710.05941).
// Derivative s (1 + x (1 - s)) with s = sigmoid(x).
struct Silu {
  static constexpr const char* name = "silu";
  static constexpr const char* summary = "x * sigmoid(x)";
  static constexpr real kFar = 1000;  // sigmoid is 0 or 1 from here on; products with an infinite x would be NaN

  SIX_INLINE real f(real x) const { return select(x < -kFar, -kFar, x) * math::sigmoid(x); }
  SIX_INLINE real vjp(real x, real dy) const {
    const real near = select(x < -kFar, -kFar, select(x > kFar, kFar, x));
    const real s = math::sigmoid(x), t = near * (1 - s);
    return dy * (s * (1 + t));
  }
  static constexpr Probe probes[] = {
      {-kInf, real(-0.0), 0}, {real(-0.0), real(-0.0), real(0.5)}, {0, 0, real(0.5)}, {real(1e8), real(1e8), 1}, {kInf, kInf, 1},
      {kNaN, kNaN, kNaN},
  };
};

// x Phi(x), Phi the normal distribution function, (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016, arXiv:1606.08415).
// Derivative Phi(x) + x phi(x), phi the normal density.
struct Gelu {
  static constexpr const char* name = "gelu";
  static constexpr const char* summary = "x * Phi(x), Phi the normal distribution function";
  static constexpr real kFar = 100;  // Phi is 0 or 1 and phi 0 from here on; products with an infinite x would be NaN
  static constexpr real kSqrtHalf = real(0.707106781186547524400844362104849039);
  static constexpr real kPhi0 = real(0.398942280401432677939946059934381868);  // 1 / sqrt(2 pi)

  SIX_INLINE static real Phi(real x) {
    const real half = math::erf(x * kSqrtHalf) / 2;
    return half + real(0.5);
  }
  SIX_INLINE real f(real x) const { return select(x < -kFar, -kFar, x) * Phi(x); }
  SIX_INLINE real vjp(real x, real dy) const {
    const real near = select(x < -kFar, -kFar, select(x > kFar, kFar, x));
    const real density = kPhi0 * math::exp(-near * near / 2);
    const real slope = Phi(x) + near * density;
    return dy * slope;
  }
  static constexpr Probe probes[] = {
      {-kInf, real(-0.0), 0}, {real(-0.0), real(-0.0), real(0.5)}, {0, 0, real(0.5)}, {real(1e8), real(1e8), 1}, {kInf, kInf, 1},
      {kNaN, kNaN, kNaN},
  };
};

using PointwiseOps = TypeList<Relu6, Relu, ClampOp, ReluN, Hardtanh, HardSigmoid, HardSwish, Sigmoid, Tanh, Silu, Gelu>;

}  // namespace SIX_ISA
}  // namespace six
