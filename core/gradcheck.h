#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tape.h"

namespace six {

struct GradcheckOptions {
  double h = sizeof(real) == 8 ? 1e-5 : 0x1p-6;        // step; the derivative is taken from values at x +- h and x +- 2h
  double tolerance = sizeof(real) == 8 ? 1e-7 : 2e-3;  // of |analytic - numeric| / max(1, |analytic|, |numeric|)
  double lo = -4, hi = 10;                             // range of inputs that are drawn, wide enough for both kinks of ReLU6
  double max_skipped = 0.05;                           // share of the numbers that may lie near a kink
  std::uint64_t seed = 1;                              // of drawn inputs
  Tape::Options tape = {};
};

// An input of the function under test: the gradient of each of its numbers is checked. Without values they are drawn.
struct GradcheckInput {
  Shape shape;
  std::vector<real> values = {};
};

struct GradcheckResult {
  bool ok = false;
  double worst = 0, analytic = 0, numeric = 0;  // the largest error, and the two derivatives that differ by it,
  int input = 0;                                // those of number `index` of this input
  long index = 0;
  long numbers = 0, skipped = 0, wrong = 0;  // of the inputs: all, those within 2h of a kink, those above the tolerance
  std::string missed;                        // sides of kinks where no value lay, "relu6 above 6"
  std::string points;                        // of an activation: what is wrong at its probes and beside its kinks

  explicit operator bool() const { return ok; }
  std::string report() const;  // one line
};

// Compares the gradients of `f` on a tape with numeric ones, for a random linear functional of its output (not its sum, which is
// blind to what cancels). Kinks of ops recorded by `f` are known wherever an op has a `kinks()`: numbers that move a value across
// one are skipped and counted. Not ok: an error above the tolerance, too many numbers skipped, or a side of a kink where no value
// lay. Parameters that `f` reads are constants here. Throws if an input is empty or `f` throws.
//   six::GradcheckResult r = six::gradcheck([](const auto& x) { return my_op(x[0], x[1]); }, {{{2, 3}}, {{3}}});
GradcheckResult gradcheck(const std::function<Var(const std::vector<Var>&)>& f, std::vector<GradcheckInput> inputs,
                          const GradcheckOptions& options = {});

// One instance of an activation, its type forgotten.
struct Activation {
  std::function<real(real x)> f;
  std::function<real(real x, real dy)> vjp;
  Kinks kinks;

  template <class O>
  explicit Activation(const O& op)
      : f([op](real x) { return op.f(x); }),
        vjp([op](real x, real dy) { return op.vjp(saves_output<O>() ? op.f(x) : x, dy); }),
        kinks(kinks_of(op)) {}
};
// Add what is wrong to `result`: next to a kink, on both sides, the derivative is that of differences away from it; the probes
// hold, `a` being the instance that their column describes.
void check_beside_kinks(GradcheckResult& result, const Activation& a, const GradcheckOptions& options);
void check_probes(GradcheckResult& result, const Activation& a, std::span<const Probe> probes, int column);

// The same for an activation, after #include "ops/activation.h" (or <sixgrad.h>): `six::gradcheck(MyActivation{})`. Its probes and
// both sides of its kinks are checked, too.
template <HasFormula O>
GradcheckResult gradcheck(const O& op, const GradcheckOptions& options = {}) {
  GradcheckResult result;
  if constexpr (check_pointwise<O>()) {
    result = gradcheck([&op](const std::vector<Var>& x) { return pointwise(x[0], op); }, {{{17, 33}}}, options);
    check_beside_kinks(result, Activation(op), options);
    for (int column = 0; column < 4 && result.points.empty(); ++column)
      check_probes(result, Activation(probed<O>(column)), O::probes, column);
  }
  return result;
}

}  // namespace six
