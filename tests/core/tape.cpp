// Graphs of every form: values read twice, by different views, not at all; several sweeps; leaves of every kind.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "../../core/gradcheck.h"
#include "../../core/ops/ops.h"
#include "../harness.h"

using namespace six;
using namespace six::test;

namespace {

using Function = std::function<Var(const std::vector<Var>&)>;

struct Result {
  std::vector<real> y;
  std::vector<std::vector<real>> grads;
};
Result run(const Function& f, const std::vector<Shape>& shapes, bool defer) {
  std::vector<std::vector<real>> values;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const std::vector<double> v = drawn(shapes[i], unsigned(i), -4, 10).v;
    values.emplace_back(v.begin(), v.end());
  }
  Tape tape({.threads = 1, .defer = defer});
  std::vector<Var> x;
  for (std::size_t i = 0; i < shapes.size(); ++i) x.push_back(tape.input(values[i].data(), shapes[i], true));
  const Var y = f(x);
  Result r{y.values(), {}};
  std::vector<real> w;
  for (double v : drawn(y.shape(), 77, -1, 1).v) w.push_back(real(v));
  tape.backward(sum(mul(y, tape.input(w.data(), y.shape()))));
  for (const Var& v : x) r.grads.push_back(v.grad());
  return r;
}

// The gradient is right, deferred or not; the values have the same bits, the gradients nearly.
void check_graph(const Function& f, const std::vector<Shape>& shapes) {
  std::vector<GradcheckInput> inputs;
  for (const Shape& s : shapes) inputs.push_back({s});
  for (bool defer : {true, false}) {
    if (sizeof(real) == 4) break;  // numeric gradients through several batch norms need the double build
    const GradcheckResult r = gradcheck(f, inputs, {.tape = {.defer = defer}});
    CAPTURE(r.report());
    CHECK(r.ok);
  }
  const Result deferred = run(f, shapes, true), plain = run(f, shapes, false);
  CHECK(std::memcmp(deferred.y.data(), plain.y.data(), plain.y.size() * sizeof(real)) == 0);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    double largest = 0, worst = 0;
    for (std::size_t j = 0; j < plain.grads[i].size(); ++j) {
      largest = std::max(largest, std::fabs(double(plain.grads[i][j])));
      worst = worse(worst, std::fabs(double(plain.grads[i][j]) - double(deferred.grads[i][j])));
    }
    CHECK(worst <= (sizeof(real) == 8 ? 1e-13 : 1e-6) * largest);
  }
}

const std::vector<Shape> kNet = {{3, 3, 4, 5}, {5}, {5}, {3, 3, 5}};  // an image, gamma, beta, depthwise weights

Var normed(const std::vector<Var>& x) { return batch_norm(x[0], x[1], x[2]); }

}  // namespace

TEST_CASE("diamonds: a value read twice, by the same op or by two, sums its gradients") {
  check_graph([](const auto& x) { return x[0] + x[0]; }, {{3, 4}});
  check_graph([](const auto& x) { return mul(x[0], x[0]) - x[0]; }, {{3, 4}});
  check_graph(
      [](const auto& x) {
        const Var y = scale(x[0], 2);
        return mul(tanh(y), sigmoid(y)) + y;
      },
      {{3, 4}});
  check_graph([](const auto& x) { return matmul(x[0], x[0]) + x[0]; }, {{4, 4}});
  check_graph(
      [](const auto& x) {
        Var y = x[0];
        for (int i = 0; i < 20; ++i) y = scale(y + y, real(0.5));  // 2^20 paths
        return y;
      },
      {{3}});
}

TEST_CASE("several views of one tensor: y, z = batch_norm(y), relu6(z) and relu(z) are read side by side") {
  const ConvOptions o{1, 1};
  check_graph([o](const auto& x) { return depthwise_conv2d(relu6(normed(x)), x[3], o); }, kNet);
  check_graph(  // z and relu6(z) share an owner, y has its own
      [o](const auto& x) {
        const Var y = scale(x[0], 3), z = batch_norm(y, x[1], x[2]);
        return depthwise_conv2d(relu6(z), x[3], o) + depthwise_conv2d(z, x[3], o) + depthwise_conv2d(relu(z), x[3], o) + y;
      },
      kNet);
  check_graph(  // the raw tensor is read before and after
      [o](const auto& x) {
        const Var y = depthwise_conv2d(x[0], x[3], o), before = depthwise_conv2d(y, x[3], o);
        const Var r = depthwise_conv2d(relu6(batch_norm(y, x[1], x[2])), x[3], o);
        return before + r + depthwise_conv2d(y, x[3], o);
      },
      kNet);
  check_graph(  // two affines of one tensor, each with its readers
      [o](const auto& x) {
        const Var y = depthwise_conv2d(x[0], x[3], o), a = batch_norm(y, x[1], x[2]), b = batch_norm(y, x[2], x[1]),
                  c = bias(y, x[1]);
        return global_avg_pool(relu6(a)) + global_avg_pool(relu6(b)) + global_avg_pool(relu(a)) + global_avg_pool(relu6(c));
      },
      kNet);
  check_graph([](const auto& x) { return mul(relu6(normed(x)), normed(x)); }, {kNet[0], kNet[1], kNet[2]});
}

TEST_CASE("views of a leaf: relu6, bias, batch_norm and both at once") {
  check_graph([](const auto& x) { return relu6(x[0]) + relu(x[0]) + x[0]; }, {{33}});
  check_graph([](const auto& x) { return relu6(bias(x[0], x[1])) + x[0]; }, {{9, 7}, {7}});
  check_graph(
      [](const auto& x) { return global_avg_pool(x[0]) + global_avg_pool(relu6(x[0])) + global_avg_pool(relu6(normed(x))); },
      {kNet[0], kNet[1], kNet[2]});
}

TEST_CASE("what cannot be composed is written out: clamps of clamps, affines of clamps and of affines") {
  check_graph([](const auto& x) { return relu6(clamp(x[0], -2, 8)); }, {{33}});
  check_graph([](const auto& x) { return relu(clamp(x[0], -1, 7)); }, {{33}});
  check_graph([](const auto& x) { return clamp(relu6(x[0], 1), 2, 5); }, {{65}});
  check_graph([](const auto& x) { return bias(relu6(bias(x[0], x[1])), x[2]); }, {{9, 7}, {7}, {7}});
  check_graph([](const auto& x) { return bias(bias(x[0], x[1]), x[2]); }, {{9, 7}, {7}, {7}});
  check_graph([](const auto& x) { return relu6(batch_norm(bias(x[0], x[1]), x[1], x[2])); }, {{9, 7}, {7}, {7}});
  check_graph([](const auto& x) { return batch_norm(batch_norm(x[0], x[1], x[2]), x[2], x[1]); }, {{9, 7}, {7}, {7}});
  check_graph([](const auto& x) { return relu6(batch_norm(relu6(batch_norm(x[0], x[1], x[2])), x[1], x[2])); },
              {{19, 7}, {7}, {7}});
}

TEST_CASE("reshapes share memory with what they reshape, gradients too") {
  check_graph([](const auto& x) { return reshape(reshape(scale(x[0], 2), {6, 2}), {4, 3}); }, {{3, 4}});
  check_graph(
      [](const auto& x) {
        const Var y = scale(x[0], 2), r = reshape(y, {4, 3});
        return matmul(r, y) + mul(matmul(r, y), matmul(r, y));
      },
      {{3, 4}});
  check_graph([](const auto& x) { return reshape(relu6(bias(x[0], x[1])), {7, 9}); }, {{9, 7}, {7}});
  check_graph([](const auto& x) { return matmul(reshape(x[0], {4, 3}), x[0]); }, {{3, 4}});
}

TEST_CASE("one vector as everything that batch_norm and bias read") {
  std::vector<real> mean(7, real(0.5)), var(7, 2);
  const Function f = [&](const std::vector<Var>& x) {
    const Var y = scale(x[0], real(1.5));
    return bias(batch_norm(y, y, y, mean.data(), var.data()), y);
  };
  for (bool defer : {true, false}) {
    const GradcheckResult r = gradcheck(f, {{{7}}}, {.tape = {.training = false, .defer = defer}});
    CAPTURE(r.report());
    CHECK(r.ok);
  }
}

TEST_CASE("a tied parameter: two handles, one gradient") {
  ParamSet set;
  set.add("w", {3, 3}, true);
  for (int i = 0; i < 9; ++i) set.value(0)[i] = real(0.3 * i - 1);
  const std::vector<real> x = {1, -2, 3};
  Tape tape;
  const Var in = tape.input(x.data(), {1, 3});
  tape.backward(sum(matmul(matmul(in, tape.param(set, 0)), tape.param(set, 0))));
  const auto loss = [&] {
    double v[3] = {}, total = 0;
    for (int i = 0; i < 9; ++i) v[i % 3] += double(x[std::size_t(i / 3)]) * set.value(0)[i];
    for (int i = 0; i < 9; ++i) total += v[i / 3] * set.value(0)[i];
    return total;
  };
  for (int i = 0; i < 9; ++i) {
    const real before = set.value(0)[i];
    set.value(0)[i] = before + real(0.25);
    const double up = loss();
    set.value(0)[i] = before - real(0.25);
    const double numeric = (up - loss()) / 0.5;
    set.value(0)[i] = before;
    CHECK(set.grad(0)[i] == doctest::Approx(numeric).epsilon(1e-5));
  }
  tape.reset();
  const Var w = tape.param(set, 0), again = tape.param(set, 0);  // both sides of one product, both handles
  set.mark_grads_used();
  tape.backward(sum(mul(w, again)));
  for (int i = 0; i < 9; ++i) CHECK(set.grad(0)[i] == 2 * set.value(0)[i]);
}

TEST_CASE("an unused branch has no gradient and takes no part; the loss need not be last") {
  const std::vector<real> x = {1, 2, 3}, z = {4, 5, 6};
  Tape tape;
  const Var a = tape.input(x.data(), {3}, true), b = tape.input(z.data(), {3}, true);
  const Var unused = mul(b, b), y = tape.keep_grad(scale(a, 3)), loss = sum(y), later = scale(y, 100),
            other = tape.keep_grad(mul(a, b));
  tape.backward(loss);
  CHECK(a.grad() == std::vector<real>{3, 3, 3});
  CHECK(y.grad() == std::vector<real>{1, 1, 1});
  CHECK(loss.grad() == std::vector<real>{1});
  CHECK(later.values()[2] == 900);
  CHECK(unused.values()[2] == 36);
  CHECK_THROWS_WITH_AS(b.grad(), "grad: no gradient has reached input [3]", Error);
  CHECK_THROWS_WITH_AS(other.grad(), "grad: no gradient has reached mul [3]", Error);
}

TEST_CASE("a parameter that was not reached has gradient zero, also after an earlier step") {
  ParamSet set;
  set.add("a", {2}, true), set.add("b", {2}, true);
  std::fill_n(set.values(), 4, real(1));
  Tape tape;
  tape.backward(sum(tape.param(set, 0) + tape.param(set, 1)));
  CHECK(set.grad(1)[0] == 1);
  set.mark_grads_used();
  tape.reset();
  const Var a = tape.param(set, 0), b = tape.param(set, 1);
  tape.backward(sum(a));
  CHECK(set.grad(0)[0] == 1);
  CHECK(set.grad(1)[0] == 0);
  CHECK(b.grad() == std::vector<real>{0, 0});
}

TEST_CASE("parameter gradients add up over sweeps until a step uses them, and stay readable after it") {
  ParamSet set;
  set.add("w", {3}, true);
  std::fill_n(set.values(), 3, real(2));
  Tape tape;
  const auto sweep = [&] {
    tape.reset();
    const Var w = tape.param(set, 0);
    tape.backward(sum(mul(w, w)));
  };
  std::fill_n(set.grads(), 3, real(std::nan("")));  // the first sweep starts from zero
  sweep();
  CHECK(set.grad(0)[1] == 4);
  sweep(), sweep();
  CHECK(set.grad(0)[1] == 12);
  set.mark_grads_used();
  CHECK(set.grad(0)[1] == 12);
  sweep();
  CHECK(set.grad(0)[1] == 4);
}

TEST_CASE("a frozen parameter gets no gradient, and what is above it still does") {
  ParamSet set;
  const int w = set.add("w", {3, 3, 2, 2}, true), gamma = set.add("gamma", {2}, false), beta = set.add("beta", {2}, false);
  for (long i = 0; i < set.size(); ++i) set.values()[i] = real(std::sin(double(i)));
  set.params()[std::size_t(w)].trainable = set.params()[std::size_t(gamma)].trainable = false;
  const std::vector<double> source = drawn({2, 4, 4, 2}, 3).v;
  const std::vector<real> x(source.begin(), source.end());
  for (bool defer : {true, false}) {
    Tape tape({.defer = defer});
    const Var in = tape.input(x.data(), {2, 4, 4, 2}, true), weights = tape.param(set, w);
    const Var y = relu6(batch_norm(conv2d(in, weights, {1, 1}), tape.param(set, gamma), tape.param(set, beta)));
    set.mark_grads_used();
    tape.backward(sum(mul(y, y)));
    for (int i = 0; i < 36; ++i) CHECK(set.grad(w)[i] == 0);
    CHECK(set.grad(gamma)[0] == 0);
    CHECK(set.grad(beta)[0] != 0);
    CHECK(in.grad()[5] != 0);
    CHECK_THROWS_WITH_AS(weights.grad(), "grad: w [3,3,2,2] wants no gradient", Error);
  }
}

namespace {
// x * z whose backward opens both gradients first and fills the second one before the first.
struct Crossed {
  static constexpr const char* name = "crossed";
  Tensor forward(const Context& c, Tensor x, Tensor z) {
    real* y = c.make(x.shape);
    for (long i = 0; i < x.size(); ++i) y[i] = x[i] * z[i];
    return {y, x.shape};
  }
  void backward(const Back& b, Tensor x, Tensor z) {
    const real* dy = b.plain_dy();
    const Sink dx = b.into(0), dz = b.into(1);
    for (long i = 0; dz && i < x.size(); ++i) dz.g[i] = (dz.stores ? 0 : dz.g[i]) + dy[i] * x[i];
    for (long i = 0; dx && i < x.size(); ++i) dx.g[i] = (dx.stores ? 0 : dx.g[i]) + dy[i] * z[i];
  }
};
}  // namespace

TEST_CASE("an op may fill the gradients of its inputs in any order, also if they are one") {
  const auto crossed = [](Var x, Var z) { return x.tape().apply(Crossed{}, x, z); };
  check_graph([=](const auto& x) { return crossed(x[0], x[1]); }, {{5}, {5}});
  check_graph([=](const auto& x) { return crossed(x[0], x[0]); }, {{5}});
  check_graph(
      [=](const auto& x) {
        const Var y = scale(x[0], 2);
        return crossed(y, y) + crossed(crossed(y, y), y);
      },
      {{5}});
}

TEST_CASE("two inputs over the same memory are two leaves") {
  const std::vector<real> x = {1, 2, 3};
  Tape tape;
  const Var a = tape.input(x.data(), {3}, true), b = tape.input(x.data(), {3}, true);
  tape.backward(sum(mul(a, scale(b, 2))));
  CHECK(a.grad() == std::vector<real>{2, 4, 6});
  CHECK(b.grad() == std::vector<real>{2, 4, 6});
}

TEST_CASE("inner gradients that were asked for stay, plain and deferred, whatever flows past them afterwards") {
  const std::vector<double> source = drawn({9, 7}, 5, -4, 10).v;
  const std::vector<real> x(source.begin(), source.end()), b(7, real(0.5));
  for (bool defer : {true, false}) {
    Tape tape({.defer = defer});
    const Var in = tape.input(x.data(), {9, 7}, true), y = tape.keep_grad(scale(in, 2));
    const Var early = mul(y, y);  // its gradient reaches y after the others'
    const Var r = tape.keep_grad(relu6(bias(y, tape.input(b.data(), {7})))), shaped = tape.keep_grad(reshape(y, {7, 9}));
    tape.backward(sum(early) + sum(mul(r, r)) + sum(scale(shaped, 5)));
    const std::vector<real> gy = y.grad(), gr = r.grad(), gs = shaped.grad(), gx = in.grad(), values = r.values();
    double worst[4] = {};
    for (std::size_t i = 0; i < x.size(); ++i) {
      const real gate = values[i] > 0 && values[i] < 6, expected = 5 + 2 * values[i] * gate + 4 * x[i];
      worst[0] = worse(worst[0], std::fabs(gr[i] - 2 * values[i])), worst[1] = worse(worst[1], std::fabs(gs[i] - 5));
      worst[2] = worse(worst[2], std::fabs(gy[i] - expected)), worst[3] = worse(worst[3], std::fabs(gx[i] - 2 * gy[i]));
    }
    for (double w : worst) CHECK(w <= (sizeof(real) == 8 ? 1e-13 : 1e-5));
  }
}

TEST_CASE("the loss may be a leaf, or a clamp of one") {
  ParamSet set;
  set.add("a", {}, true), set.add("b", {1, 1}, true);
  set.value(0)[0] = 3, set.value(1)[0] = 7;
  Tape tape;
  const Var a = tape.param(set, 0);
  tape.backward(a);
  CHECK(a.grad() == std::vector<real>{1});
  tape.reset();
  set.mark_grads_used();
  const Var b = tape.param(set, 1);
  tape.backward(relu6(b));
  CHECK(b.grad() == std::vector<real>{0});
  tape.reset();
  set.value(1)[0] = 5;
  const Var c = tape.param(set, 1);
  tape.backward(relu6(bias(c, tape.constant({1}, real(0.5)))));
  CHECK(c.grad() == std::vector<real>{1});
}

TEST_CASE("two parameter sets on one tape: each starts its gradients anew after its own step") {
  ParamSet one, two;
  one.add("w", {2}, true), two.add("w", {2}, true);
  std::fill_n(one.values(), 2, real(3)), std::fill_n(two.values(), 2, real(5));
  Tape tape;
  for (int step = 1; step <= 3; ++step) {
    tape.reset();
    tape.backward(sum(mul(tape.param(one, 0), tape.param(two, 0))));
    CHECK(one.grads()[1] == 5);         // used every time
    CHECK(two.grads()[1] == 3 * step);  // never used
    one.mark_grads_used();
  }
}

TEST_CASE("a tape that traces keeps every op with its settings, recording or not") {
  const std::vector<real> x(32, 1), w(2, 1);
  Tape tape({.record = false, .trace = true}), plain({.record = false});
  for (Tape* t : {&tape, &plain}) {
    const Var y = relu6(depthwise_conv2d(t->input(x.data(), {1, 4, 4, 2}), t->input(w.data(), {1, 1, 2}), {.stride = 2}), {0, 1});
    const Node &clamp = t->node(y), &conv = t->nodes()[std::size_t(clamp.in[0])];
    CHECK(conv.as<ops::Conv2d>() == nullptr);
    if (t == &plain) {
      CHECK(conv.as<ops::DepthwiseConv2d>() == nullptr);
      continue;
    }
    REQUIRE(conv.as<ops::DepthwiseConv2d>());
    CHECK(conv.as<ops::DepthwiseConv2d>()->options.stride == 2);
    REQUIRE(clamp.as<ops::ClampOf<Relu6>>());
    CHECK(clamp.as<ops::ClampOf<Relu6>>()->clamp.at_hi == 1);
    CHECK(clamp.kind->kinks(clamp.state).at[1] == 6);
    CHECK((conv.kind->kinks == nullptr));
  }
}
