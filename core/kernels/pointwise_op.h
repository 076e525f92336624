#pragma once
// What a pointwise op is. Required of a struct O (see PointwiseOp below and the examples in pointwise.h):
//   name, summary      "gelu" and one line for the README's table
//   f(x)               the function; NaN in gives NaN out
//   vjp(v, dy)         dy times the derivative, where v is the input x, or the output if kSavesOutput; a closed gate gives +0
//                      whatever dy is, by a select
//   probes             points {x, y, derivative} of the default instance, or of sample()
// Optional:
//   kSavesOutput       true: vjp takes the output
//   kinks()            where the derivative jumps
//   fields(visit, op)  the settings: calls visit("json_key", op.member, "one line") for each
//   problem()          what is wrong with the settings
//   sample()           an instance worth testing, if the default one is not
//   clamp()            the op is this clamp, and can be deferred
// The functions below supply the defaults, so that an op states only what differs.
#include "clamp.h"

namespace six {
inline namespace SIX_ISA {

// A point an op must pass: f(x) is y bit by bit, and the derivative there is slope[i] under at_kink = kProbeAtKink[i].
struct Probe {
  real x, y, slope[4];
  constexpr Probe(real px, real py, real any) : x(px), y(py), slope{any, any, any, any} {}
  constexpr Probe(real px, real py, real none, real half, real one, real half_open)
      : x(px), y(py), slope{none, half, one, half_open} {}
};
inline constexpr AtKink kProbeAtKink[4] = {0, real(0.5), 1, {0, 1}};

// Where a derivative jumps, from left to right: `Kinks{0, 6}`.
struct Kinks {
  int count = 0;
  real at[4] = {};
  template <class... X>
  constexpr Kinks(X... x) : count(sizeof...(x)), at{real(x)...} {  // NOLINT: `return {0, 6};` is meant to work
    static_assert(sizeof...(x) <= 4, "a pointwise op has at most four kinks");
  }
  constexpr const real* begin() const { return at; }
  constexpr const real* end() const { return at + count; }
};

constexpr Kinks kinks_of_clamp(const Clamp& c) {
  Kinks kinks;
  if (c.lo == c.hi) return kinks;
  if (c.lo > -kInf) kinks.at[kinks.count++] = c.lo;
  if (c.hi < kInf) kinks.at[kinks.count++] = c.hi;
  return kinks;
}

// Why an op's settings are unusable, or nothing. Kernels cannot throw: the host does, with the op's name in front.
struct Problem {
  const char* what = nullptr;  // "at_kink must be 0, 0.5 or 1, or a pair of them, got "
  real got[2] = {};
  int count = 0;  // of numbers in `got`; two are written as a pair
  constexpr explicit operator bool() const { return what != nullptr; }

  template <class Stream>
  friend Stream& operator<<(Stream& out, const Problem& p) {
    out << p.what;
    if (p.count == 1) out << p.got[0];
    if (p.count == 2) out << '[' << p.got[0] << ", " << p.got[1] << ']';
    return out;
  }
};

constexpr bool allowed_at_kink(real k) { return k == 0 || k == real(0.5) || k == 1; }
constexpr Problem check_at_kink(AtKink k) {
  if (allowed_at_kink(k.lo) && allowed_at_kink(k.hi)) return {};
  return {"at_kink must be 0, 0.5 or 1, or a pair of them, got ", {k.lo, k.hi}, k.lo == k.hi ? 1 : 2};
}

template <class O>
concept PointwiseOp = requires(const O& op, real v) {
  *O::name;
  *O::summary;
  op.f(v) + op.vjp(v, v);
  O::probes[0].slope[0];
};

// A type that means to be a pointwise op.
template <class O>
concept HasFormula = requires(const O& op, real v) {
  op.f(v);
};

// Whether it is one; if not, the compiler says in a sentence what is missing.
template <class O>
constexpr bool check_pointwise() {
  static_assert(HasFormula<O>, "a pointwise op needs its function: six::real f(six::real x) const");
  static_assert(
      requires(const O& op, real v) { op.vjp(v, v); },
      "a pointwise op needs its derivative times dy: six::real vjp(six::real x, six::real dy) const");
  static_assert(
      requires { *O::name; }, "a pointwise op needs a name: static constexpr const char* name");
  static_assert(
      requires { *O::summary; }, "a pointwise op needs one line about it: static constexpr const char* summary");
  static_assert(
      requires { O::probes[0].slope[0]; },
      "a pointwise op needs points it must pass, {x, y, derivative}: static constexpr six::Probe probes[]");
  return PointwiseOp<O>;
}

template <class O>
concept IsClamp = PointwiseOp<O> && requires(const O& op) {
  op.clamp().clamps();
};

template <class O>
constexpr bool saves_output() {
  if constexpr (requires { O::kSavesOutput; }) return O::kSavesOutput;
  return false;
}

template <class O>
constexpr Kinks kinks_of(const O& op) {
  if constexpr (requires { op.kinks(); }) return op.kinks();
  return {};
}

template <class O>
constexpr Problem problem_of(const O& op) {
  if constexpr (requires { op.problem(); }) return op.problem();
  return {};
}

template <class O>
constexpr O sample_of() {
  if constexpr (requires { O::sample(); }) return O::sample();
  return O{};
}

// Lists the settings of `op`, which may be const: `visit(key, member, doc)`, the member a real or an AtKink.
template <class Visit, class O>
constexpr void fields_of(Visit&& visit, O& op) {
  if constexpr (requires { O::fields(visit, op); }) O::fields(visit, op);
}

// The instance that column i of the probes describes.
template <class O>
constexpr O probed(int i) {
  O op = sample_of<O>();
  if constexpr (requires { op.at_kink.hi; })
    op.at_kink = kProbeAtKink[i];
  else if constexpr (requires { op.at_kink; })
    op.at_kink = kProbeAtKink[i].lo;
  return op;
}

}  // namespace SIX_ISA
}  // namespace six
