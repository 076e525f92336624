#pragma once
// What every op must pass: a Case is an op with its inputs and its naive version; `faults_of` lists what it got wrong.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "../core/ops/ops.h"
#include "precision.h"
#include "reference.h"

namespace six::test {

struct Case {
  std::string name;
  std::vector<Array> inputs;
  std::function<Var(const std::vector<Var>&)> op;
  std::function<Array(const std::vector<Array>&)> naive;
  bool training = true;
  bool large = false;  // enough work to run on several threads; only a sample of its derivatives is compared
};

// Numbers on [lo, hi] that float and double hold alike; a function of the seed.
Array drawn(Shape shape, unsigned seed, double lo = -2, double hi = 2);

// Runs the case and lists its faults, empty if there are none:
// the values are the naive ones; the gradient of a random linear functional of the output is that of central differences of the
// naive version, for every number of every input; gradients are added to what was there; nothing beside the inputs and their
// gradients is written; a second step on the same tape, one that writes every result out and one that does not record give the
// same; so do (if large) 2 and 7 threads; so do the other gradients when one input wants none.
std::vector<std::string> faults_of(const Case& c);

// The larger one, where NaN is the largest of all: std::max would lose it.
inline double worse(double a, double b) { return a != a || b != b ? double(kInf) : a < b ? b : a; }

// The list on one line each, to be compared with "".
std::string text(const std::vector<std::string>& faults);

inline void check(const Case& c) { CHECK(text(faults_of(c)) == ""); }

// How the first input reaches an op: deferred in one of these ways, or as plain memory.
enum class Dress { none, bias, relu6, bias_relu6, norm, norm_relu6, norm_relu, norm_clamp, relu6_at_kink };
const char* name_of(Dress d);

// The same case with its first input read through a deferred value, and its output followed by batch norm if `norm_after`: then the
// op reads a deferred gradient, too. The first and the last dimension of these are channels.
Case dressed(const Case& c, Dress before, bool norm_after);

// `c` itself and in every dress.
std::vector<Case> all_dressed(const Case& c);

}  // namespace six::test
