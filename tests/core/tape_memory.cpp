// A training step allocates once: from the second step on the same addresses, no new memory, the same numbers.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <thread>

#include "../../core/ops/ops.h"
#include "../../optim/sgd.h"
#include "../allocations.h"
#include "../harness.h"
#include "small_net.h"

using namespace six;
using namespace six::test;

namespace {

std::vector<const void*> addresses(const Tape& tape) {
  std::vector<const void*> list;
  for (const Node& n : tape.nodes())
    list.push_back(n.view.y), list.push_back(n.view.scale), list.push_back(n.grad.g), list.push_back(n.state);
  return list;
}

}  // namespace

TEST_CASE("from the second step on nothing is allocated and every address is the same") {
  for (bool defer : {true, false})
    for (int threads : {1, 2}) {
      SmallNet net(20);
      SGD sgd(net.set, {.lr = 1e-2, .momentum = 0.9});
      Tape tape({.threads = threads, .defer = defer, .check_finite = true});
      std::vector<const void*> before, now;
      std::size_t reserved = 0;
      for (int step = 0; step < 6; ++step) {
        const long calls = allocations();
        tape.reset();
        const Var loss = net(tape);
        tape.backward(loss);
        sgd.step();
        const long made = allocations() - calls;
        CHECK(std::isfinite(loss.item()));
        now = addresses(tape);
        if (step >= 1) {
          CHECK(made == 0);
          CHECK(tape.bytes_reserved() == reserved);
        }
        if (step >= 2) CHECK(now == before);
        before = now, reserved = tape.bytes_reserved();
      }
    }
}

TEST_CASE("a step gives the same bits on a tape that has been used for something else") {
  std::vector<real> grads[2];
  for (int used = 0; used < 2; ++used) {
    SmallNet net(20), other(33);
    Tape tape({.threads = 2});
    if (used) {
      const Var loss = other(tape);
      tape.backward(loss);
      tape.reset();
    }
    tape.set_step(3);
    tape.backward(net(tape));
    grads[used].assign(net.set.grads(), net.set.grads() + net.set.size());
  }
  CHECK(std::memcmp(grads[0].data(), grads[1].data(), grads[0].size() * sizeof(real)) == 0);
}

TEST_CASE("gradients of large inner values that were asked for survive the reuse of memory") {
  const Shape s{40, 9, 9, 6};  // well above 64 KiB
  const std::vector<double> source = drawn(s, 1).v;
  const std::vector<real> x(source.begin(), source.end()), gamma(6, 3), beta(6, 2), w(54, real(0.25));
  for (const bool defer : {true, false}) {
    Tape tape({.threads = 1, .defer = defer}), alone({.threads = 1, .defer = defer});
    const Var in = tape.input(x.data(), s, true), weights = tape.input(w.data(), {3, 3, 6}, true);
    Var y = in;
    for (int i = 0; i < 3; ++i) y = depthwise_conv2d(y, weights, {1, 1});
    const Var raw = tape.keep_grad(depthwise_conv2d(y, weights, {1, 1}));
    const std::vector<real> values = raw.values();
    const auto after = [&](Var v, Var& shaped) {  // of that, an inner gradient and one of its input
      const Var z = relu6(batch_norm(v, v.tape().input(gamma.data(), {6}), v.tape().input(beta.data(), {6})));
      shaped = v.tape().keep_grad(reshape(scale(z, 2), {40, 9 * 9 * 6}));
      v.tape().backward(sum(mul(shaped, shaped)));
    };
    Var shaped, again;
    const Var leaf = alone.input(values.data(), s, true);
    after(raw, shaped), after(leaf, again);
    double apart = 0, largest = 0;
    const std::vector<real> a = raw.grad(), b = leaf.grad(), c = shaped.grad(), d = again.grad();
    for (std::size_t i = 0; i < a.size(); ++i) {
      apart = worse(apart, worse(std::fabs(a[i] - b[i]), std::fabs(c[i] - d[i])));
      largest = worse(largest, std::fabs(a[i]));
    }
    CHECK(largest > 0.1);
    CHECK(apart <= (sizeof(real) == 8 ? 1e-12 : 1e-4));
  }
}

TEST_CASE("two tapes on two threads are independent") {
  const auto train = [](SmallNet& net, std::vector<real>& losses) {
    SGD sgd(net.set, {.lr = 1e-2});
    Tape tape({.threads = 2});
    for (int step = 0; step < 4; ++step) {
      tape.reset();
      const Var loss = net(tape);
      tape.backward(loss);
      sgd.step();
      losses.push_back(loss.item());
    }
  };
  SmallNet alone(20), first(20), second(20);
  std::vector<real> expected, a, b;
  train(alone, expected);
  std::thread one([&] { train(first, a); }), two([&] { train(second, b); });
  one.join(), two.join();
  CHECK(a == expected);
  CHECK(b == expected);
  CHECK(std::memcmp(first.set.values(), alone.set.values(), std::size_t(alone.set.size()) * sizeof(real)) == 0);
}

TEST_CASE("a whole step has the same bits for 1, 2 and 7 threads") {
  std::vector<std::vector<real>> all;
  for (int threads : {1, 2, 7}) {
    SmallNet net(45);
    Tape tape({.threads = threads});
    const Var loss = net(tape);
    tape.backward(loss);
    all.emplace_back(net.set.grads(), net.set.grads() + net.set.size());
    all.back().push_back(loss.item());
  }
  for (const std::vector<real>& other : all) CHECK(std::memcmp(other.data(), all[0].data(), other.size() * sizeof(real)) == 0);
}

TEST_CASE("a value written out for an op and released by backward is written out again") {
  std::vector<real> x(64 * 1024);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = real(i % 9);
  Tape tape({.threads = 1});
  const Var r = relu6(tape.input(x.data(), {64, 1024}, true));
  const Var before = sum(r);
  const real total = before.item();
  tape.backward(before);
  tape.context().make({64, 1024})[0] = 1e6;  // somebody uses the memory
  CHECK(sum(r).item() == total);
}
