#include "../../examples/study/activations.h"

#include <doctest/doctest.h>

#include "../../core/gradcheck.h"
#include "../../core/ops/ops.h"

using namespace six;
using namespace six::study;

TEST_CASE("pact: values and gradients, that of the clip included") {
  Tape tape({.threads = 1});
  const std::vector<real> x = {-1, 0, 2, 3, 4, 7}, clip = {3};
  const Var in = tape.input(x.data(), {6}, true), a = tape.input(clip.data(), {1}, true);
  const Var y = tape.apply(PactOp{}, in, a);
  CHECK(y.values() == std::vector<real>{0, 0, 2, 3, 3, 3});
  tape.backward(sum(y));
  CHECK(in.grad() == std::vector<real>{0, 0, 1, 0, 0, 0});
  CHECK(a.grad() == std::vector<real>{3});
  // Numbers well away from 0 and from the clip.
  std::vector<real> drawn;
  for (int i = 0; i < 60; ++i) drawn.push_back(real(i % 3 == 0 ? -2 : i % 3 == 1 ? 1.5 : 5) + real(i) / 100);
  const GradcheckResult r = gradcheck([](const std::vector<Var>& v) { return v[0].tape().apply(PactOp{}, v[0], v[1]); },
                                      {{{5, 12}, drawn}, {{1}, {real(3.5)}}});
  CHECK_MESSAGE(r, r.report());
}

TEST_CASE("an observed activation counts what passes through it and changes nothing") {
  const std::vector<real> x = {-1, 0, 7, 2, 6, 3, 0.5, -2};  // rows of two channels
  const auto run = [&](auto activation) {
    Tape tape({.threads = 1});
    const Var in = tape.input(x.data(), {4, 2}, true), y = activation(in);
    tape.backward(sum(y * y));
    return std::pair(y.values(), in.grad());
  };
  Activity a{.clip = 6, .touch = 6};
  const auto observed = [&](Var v) { return v.tape().apply(ObserveOp{&a}, v); };
  CHECK(run(observed) == run([](Var v) { return relu6(v); }));
  CHECK(a.largest == 7);
  CHECK(a.count == 8);
  CHECK(a.zeros == 3);
  CHECK(a.touching == 2);
  CHECK(a.cut / a.gradient == doctest::Approx(24. / (24 + 2 * (2 + 3 + 0.5))));
  a.distribution = true;
  run(observed);
  long positive = 0;
  for (long n : a.bins) positive += n;
  CHECK(positive == 5);
  CHECK(a.bins.back() == 1);
}
