// The op harness is tested itself: ops with one fault each, and what it says of them.
#include "../harness.h"

#include <doctest/doctest.h>

using namespace six;
using namespace six::test;

namespace {

// y = x^2 / 4 with a fault.
enum class Fault {
  none,
  value,
  factor,       // the gradient is 1 + 1e-5 times the right one
  overwrites,   // what was there before
  leaks,        // writes one number behind its gradient
  recording,    // another value when recording
  threads,      // one part of the gradient a thread, added in another order
  wrong_block,  // leaves out the last block when several threads run
  remembers,    // something from the step before
  needs_dx,     // the other gradient is wrong when the first input wants none
};

struct Square {
  static constexpr const char* name = "square";
  Fault fault;
  int* steps;

  Tensor forward(const Context& c, Tensor x, Tensor offset) {
    real* y = c.make(x.shape);
    for (long i = 0; i < x.size(); ++i) y[i] = x[i] * x[i] / 4 + offset[0];
    if (fault == Fault::value) y[x.size() - 1] += real(1e-3);
    if (fault == Fault::recording && c.records) y[0] = std::nextafter(y[0], real(9));
    if (fault == Fault::remembers && ++*steps % 2 == 0) y[0] += 1;
    return {y, x.shape};
  }
  void backward(const Back& b, Tensor x, Tensor) {
    const real* dy = b.plain_dy();
    const Sink dx = b.into(0), doffset = b.into(1);
    real sum = 0;
    if (fault == Fault::threads)
      for (int t = 0; t < b.threads; ++t) {
        real part = 0;
        for (long i = t; i < x.size(); i += b.threads) part += dy[i] / 3;  // not exact
        sum += 3 * part;
      }
    else
      for (long i = 0; i < x.size(); ++i) sum += dy[i];
    if (fault == Fault::needs_dx && !dx) sum *= 2;
    b.put(1, doffset, &sum);
    if (!dx) return;
    const real factor = fault == Fault::factor ? real(sizeof(real) == 8 ? 1 + 1e-5 : 1.01) : 1;
    const long n = fault == Fault::wrong_block && b.threads > 1 ? x.size() - 7 : x.size();
    for (long i = 0; i < n; ++i) {
      const real g = dy[i] * x[i] / 2 * factor;
      dx.g[i] = fault == Fault::overwrites || dx.stores ? g : dx.g[i] + g;
    }
    if (fault == Fault::leaks) dx.g[x.size()] = 3;
  }
};

std::string faults(Fault f, bool large = false) {
  static int steps = 0;
  Case c{"square",
         {drawn(large ? Shape{200, 100} : Shape{5, 7}, 1), drawn({1}, 2)},
         [f](const std::vector<Var>& x) {
           return x[0].tape().apply(Square{f, &steps}, x[0], x[1]);
         },
         [](const std::vector<Array>& x) {
           Array y = x[0];
           for (double& v : y.v) v = v * v / 4 + x[1].v[0];
           return y;
         }};
  c.large = large;
  return text(faults_of(c));
}
bool says(const std::string& all, const char* what) { return all.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("the harness accepts a right op, small and large") {
  CHECK(faults(Fault::none) == "");
  CHECK(faults(Fault::none, true) == "");
}

TEST_CASE("the harness rejects each fault for what it is") {
  CHECK(says(faults(Fault::value), "square: value [34] is "));
  CHECK(says(faults(Fault::factor), "square: gradient of input 0 [0] is "));
  CHECK(says(faults(Fault::overwrites), "onto a gradient of 9: the gradient of input 0 differs by 9"));
  CHECK(says(faults(Fault::leaks), "writes beside its inputs or their gradients"));
  CHECK(says(faults(Fault::recording), "not recorded: the values differ"));
  CHECK(says(faults(Fault::threads, true), "7 threads: the gradient of input 1 differs by "));
  CHECK(says(faults(Fault::wrong_block, true), "2 threads: the gradient of input 0 differs by "));
  CHECK(says(faults(Fault::remembers), "the second step on the same tape differs"));
  CHECK(says(faults(Fault::needs_dx), "input 0 frozen: the gradient of input 1 differs by "));
}

TEST_CASE("the harness rejects a case that leaves out a side of a kink, and one that lies on kinks") {
  const auto clamped = [](double lo, double hi) {
    return text(faults_of({"relu6",
                           {drawn({60}, 3, lo, hi)},
                           [](const std::vector<Var>& x) { return relu6(x[0]); },
                           [](const std::vector<Array>& x) { return naive::clamp(x[0], 0, 6); }}));
  };
  CHECK(clamped(-4, 10) == "");
  CHECK(clamped(-2, 2) == "relu6: its inputs leave out a side of a kink\n");
  CHECK(clamped(1, 10) == "relu6: its inputs leave out a side of a kink\n");
  Array at_kinks = drawn({60}, 4, -4, 10);
  for (std::size_t i = 0; i < 60; i += 10) at_kinks.v[i] = i % 20 ? 0 : 6;
  const Case c{"relu6",
               {at_kinks},
               [](const std::vector<Var>& x) { return relu6(x[0]); },
               [](const std::vector<Array>& x) { return naive::clamp(x[0], 0, 6); }};
  CHECK(text(faults_of(c)) == "relu6: 6 of 60 numbers lie near a kink\n");
}

namespace {
// A relu6 whose values are right and whose gate for gradients closes at 3.
struct ClosesEarly {
  static constexpr const char* name = "relu6";
  View forward(const Context&, Affine x) {
    View v = x;
    v.clamped = true, v.lo = 0, v.hi = 6, v.top = 3, v.at_lo = v.at_hi = 0;
    return v;
  }
};
}  // namespace

TEST_CASE("the harness finds a wrong mask between deferred values") {
  const std::vector<Array> inputs = {drawn({9, 5}, 5, -4, 10), drawn({5, 3}, 6)};
  const auto right = [](const std::vector<Array>& x) { return naive::matmul(naive::clamp(x[0], 0, 6), x[1]); };
  CHECK(text(faults_of({"matmul", inputs, [](const std::vector<Var>& x) { return matmul(relu6(x[0]), x[1]); }, right})) == "");
  const Case wrong{"matmul", inputs, [](const std::vector<Var>& x) { return matmul(x[0].tape().apply(ClosesEarly{}, x[0]), x[1]); },
                   right};
  CHECK(says(text(faults_of(wrong)), "matmul: gradient of input 0 ["));
}
