// What a tape refuses, and what it says of numbers that are not finite.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "../../core/ops/ops.h"

using namespace six;

namespace {
const std::vector<real> kOnes(1 << 16, 1);
}

TEST_CASE("a second sweep over the same nodes is refused, until reset") {
  Tape tape;
  const Var x = tape.input(kOnes.data(), {3}, true), loss = sum(x);
  tape.backward(loss);
  CHECK_THROWS_WITH_AS(tape.backward(loss), "backward: this tape was swept already; reset it and record again", Error);
  CHECK(x.grad() == std::vector<real>{1, 1, 1});
  tape.reset();
  const Var again = tape.input(kOnes.data(), {3}, true);
  tape.backward(sum(again));
  CHECK(again.grad() == std::vector<real>{1, 1, 1});
}

TEST_CASE("a loss that is refused does not use the sweep up") {
  Tape tape;
  const Var x = tape.input(kOnes.data(), {3}, true), c = tape.input(kOnes.data(), {3});
  CHECK_THROWS_WITH_AS(tape.backward(x), "backward: the loss must be a single number, got shape [3]", Error);
  CHECK_THROWS_WITH_AS(tape.backward(sum(c)), "backward: the loss depends on no parameter or input that wants a gradient", Error);
  tape.backward(sum(x));
  CHECK(x.grad() == std::vector<real>{1, 1, 1});
}

TEST_CASE("a Var from before a reset, of another tape, or empty is refused by everything") {
  Tape tape, other;
  const Var old = tape.input(kOnes.data(), {3}, true);
  tape.reset();
  const Var x = tape.input(kOnes.data(), {3}, true), foreign = other.input(kOnes.data(), {3}, true), empty;
  const std::string before = "tape: this Var is from before the last reset, or of a tape that is gone; record the value again";
  CHECK_THROWS_WITH_AS(old.values(), before.c_str(), Error);
  CHECK_THROWS_WITH_AS(old.shape(), before.c_str(), Error);
  CHECK_THROWS_WITH_AS(old.grad(), before.c_str(), Error);
  CHECK_THROWS_WITH_AS(x + old, before.c_str(), Error);
  CHECK_THROWS_WITH_AS(relu6(old), before.c_str(), Error);
  CHECK_THROWS_WITH_AS(tape.backward(old), before.c_str(), Error);
  CHECK_THROWS_WITH_AS(x + foreign, "tape: this Var belongs to another tape", Error);
  CHECK_THROWS_WITH_AS(tape.backward(sum(foreign)), "tape: this Var belongs to another tape", Error);
  CHECK_THROWS_WITH_AS(empty.shape(), "tape: this Var is empty", Error);
  CHECK_THROWS_WITH_AS(relu6(empty), "tape: this Var is empty", Error);
  CHECK_THROWS_WITH_AS(x + empty, "tape: this Var is empty", Error);
}

TEST_CASE("a Var of a tape that is gone is none of the next tape's, also if that lies at the same address") {
  std::optional<Tape> tape(std::in_place);
  const Var gone = tape->input(kOnes.data(), {3}, true);
  tape.emplace();
  const Var x = tape->input(kOnes.data(), {3}, true);
  CHECK_THROWS_WITH_AS(x + gone, "tape: this Var is from before the last reset, or of a tape that is gone; record the value again",
                       Error);
}

TEST_CASE("a tape that does not record has no backward") {
  Tape tape({.record = false});
  const Var x = tape.input(kOnes.data(), {3}, true), loss = sum(scale(x, 2));
  CHECK(loss.item() == 6);
  CHECK_THROWS_WITH_AS(tape.backward(loss), "backward: this tape does not record (Tape::Options::record is false)", Error);
}

TEST_CASE("options, items and parameters out of range are refused") {
  CHECK_THROWS_WITH_AS(Tape({.threads = -1}), "tape: threads must be 0 (all processors) to 1024, got -1", Error);
  CHECK(Tape().options().threads == hardware_threads());
  ParamSet set;
  Tape tape;
  CHECK_THROWS_WITH_AS(tape.param(set, 0), "tape: parameter 0 of 0", Error);
  const Var x = tape.input(kOnes.data(), {3}, true);
  CHECK_THROWS_WITH_AS(x.item(), "item: the value has shape [3], expected a single number", Error);
  CHECK_THROWS_WITH_AS(scale(x, 2).grad(),
                       "grad: the gradient of scale [3] was not kept; call Tape::keep_grad before using the value", Error);
  CHECK_THROWS_WITH_AS(relu6(x).grad(), "grad: the gradient of relu6 [3] was not kept; call Tape::keep_grad before using the value",
                       Error);
}

TEST_CASE("an op that throws leaves a tape that works") {
  Tape tape;
  const Var x = tape.input(kOnes.data(), {2, 3}, true), z = relu6(bias(x, tape.input(kOnes.data(), {3})));
  CHECK_THROWS_AS(z + x.tape().input(kOnes.data(), {3, 2}), Error);
  tape.backward(sum(z));
  CHECK(x.grad() == std::vector<real>(6, 1));
}

TEST_CASE("values above 64 KiB are gone after the sweep, and say so; views of them too; small ones and leaves stay") {
  const long most = (64 << 10) / long(sizeof(real));
  for (const long n : {most, most + 1}) {
    Tape tape;
    const Var x = tape.input(kOnes.data(), {n, 1}, true), y = scale(x, 2), shaped = reshape(y, {1, n});
    const Var z = bias(y, tape.input(kOnes.data(), {1})), clamped = relu6(z), loss = sum(y), unused = reshape(y, {n});
    CHECK(unused.values()[1] == 2);
    tape.backward(loss);
    CHECK(loss.item() == real(2 * n));
    CHECK(x.values()[1] == 1);
    CHECK(relu6(x).values()[1] == 1);
    for (const Var& v : {y, shaped, z, clamped, unused}) {
      if (n == most) {
        CHECK(v.values()[std::size_t(n - 1)] == (v.id() == z.id() || v.id() == clamped.id() ? 3 : 2));
      } else {
        std::ostringstream text;
        text << "tape: the value of " << tape.node(v).op << ' ' << v.shape()
             << " is gone, backward has reused its memory; read values above 64 KiB before";
        CHECK_THROWS_WITH_AS(v.values(), text.str().c_str(), Error);
      }
    }
  }
}

TEST_CASE("an op recorded after the sweep cannot read what the sweep threw away") {
  const long n = (64 << 10) / long(sizeof(real)) + 1;
  Tape tape;
  const Var x = tape.input(kOnes.data(), {n}, true), y = scale(x, 2);
  tape.backward(sum(y));
  CHECK_THROWS_AS(scale(y, 2), Error);
  CHECK_THROWS_AS(relu6(y), Error);
  CHECK(scale(x, 2).values()[0] == 2);
}

TEST_CASE("check_finite names the op, its scope and its inputs, forward") {
  std::vector<real> w(8, 1), bad = {1, -2, std::numeric_limits<real>::infinity(), 0};
  Tape tape({.check_finite = true});
  const Var x = tape.input(kOnes.data(), {3, 4}), weights = tape.input(w.data(), {4, 2});
  tape.set_scope("layers[3] \"head\"");
  CHECK_NOTHROW(matmul(x, weights));
  w[5] = std::numeric_limits<real>::quiet_NaN();
  CHECK_THROWS_WITH_AS(
      matmul(x, weights),
      "layers[3] \"head\" (matmul): the output [3,2] is not finite; input input [3,4] in [1, 1]; input input [4,2] in [1, 1], "
      "1 of 8 not finite",
      Error);
  CHECK(std::string(tape.set_scope("")) == "layers[3] \"head\"");
  CHECK_THROWS_WITH_AS(
      bias(x, tape.input(bad.data(), {4})),
      "bias: the output [3,4] is not finite; input input [3,4] in [1, 1]; input input [4] in [-2, 1], 1 of 4 not finite", Error);
  Tape silent;
  CHECK_NOTHROW(matmul(silent.input(kOnes.data(), {3, 4}), silent.input(w.data(), {4, 2})));
}

TEST_CASE("check_finite names the op whose gradient is not finite, backward") {
  const real large = sizeof(real) == 4 ? real(1e30) : real(1e200);
  const std::vector<real> zeros(3, 0);
  for (bool defer : {true, false}) {
    Tape tape({.defer = defer, .check_finite = true});
    const Var x = tape.input(zeros.data(), {3}, true);
    tape.set_scope("layers[1]");
    const Var y = scale(x, large);
    tape.set_scope("layers[2]");
    const Var z = scale(y, large);
    tape.set_scope("");
    CHECK_THROWS_WITH_AS(tape.backward(sum(z)),
                         doctest::Contains("layers[1] (scale): the gradient of its input input [3] is not finite; gradient of the "
                                           "output scale [3] in ["),
                         Error);
  }
}

TEST_CASE("what a sweep that throws has left in the gradients of parameters is not added to") {
  const real large = std::numeric_limits<real>::max() / 4;
  ParamSet set;
  const int w = set.add("w", {1}, true);
  set.values()[0] = 0;
  Tape tape({.check_finite = true});
  const Var v = tape.param(set, w), steep = scale(scale(v, large), large);
  tape.keep_grad(steep);
  CHECK_THROWS_WITH_AS(tape.backward(sum(steep + v)), doctest::Contains("is not finite"), Error);
  CHECK(set.grads_used());
  tape.reset();
  tape.backward(sum(tape.param(set, w)));
  CHECK(set.grad(w)[0] == 1);
  tape.reset();
  tape.backward(sum(tape.param(set, w)));
  CHECK(set.grad(w)[0] == 2);
}

TEST_CASE("parameters that are gone are refused by the sweep and by whatever reads values; a reset helps") {
  const char* gone =
      "tape: the parameters of a model on this tape are gone, destroyed or replaced by an assignment; keep the model until the "
      "values are read, or reset the tape and record again";
  const auto set_of_one = [] {
    ParamSet set;
    set.add("w", {3}, true);
    return set;
  };
  std::optional<ParamSet> set(set_of_one());
  Tape tape;
  const Var w = tape.param(*set, 0), loss = sum(w);
  set.emplace(set_of_one());  // at the same address
  CHECK_THROWS_WITH_AS(tape.backward(loss), gone, Error);
  CHECK_THROWS_WITH_AS(w.values(), gone, Error);
  CHECK_THROWS_WITH_AS(w.grad(), gone, Error);
  CHECK_THROWS_WITH_AS(sum(w), gone, Error);
  CHECK_THROWS_WITH_AS(tape.keep_grad(w), gone, Error);
  CHECK(w.shape() == Shape{3});
  const Var fresh = tape.param(*set, 0);
  CHECK_THROWS_WITH_AS(fresh.values(), gone, Error);
  tape.reset();
  const Var again = tape.param(*set, 0);
  tape.backward(sum(again));
  CHECK(again.grad() == std::vector<real>{1, 1, 1});
  set.reset();
  CHECK_THROWS_WITH_AS(again.values(), gone, Error);
}
