// ReLU6's contract through the tape: the conformance vector by every way on which a value is read and a gradient comes back.
#include <doctest/doctest.h>

#include <map>
#include <memory>

#include "../../core/ops/ops.h"
#include "wrong_relu6.h"

using namespace six;
using namespace six::test;

namespace {

// Who reads relu6(x), each with the derivative 1 for every number: its kernel reads the value and masks the gradient.
struct Reader {
  const char* name;
  Shape (*shape)(long n);
  Var (*op)(Var y);  // y -> something whose sum's gradient is that of y
};

Var ones(Tape& tape, Shape s) { return tape.constant(s, 1); }
// A 3x3 kernel that is 1 in the middle: on images of one pixel the identity, and no 0 meets a NaN.
Var middle(Tape& tape, Shape s, long channels) {
  static const std::vector<real> w = [] {
    std::vector<real> list(9 * 33, 0);
    std::fill_n(list.begin() + 4 * 33, 33, real(1));
    return list;
  }();
  static std::map<long, std::vector<real>> cut;
  std::vector<real>& k = cut[channels];
  if (k.empty())
    for (long t = 0; t < 9; ++t) k.insert(k.end(), w.begin() + t * 33, w.begin() + t * 33 + channels);
  return tape.input(k.data(), s);
}

const Reader kReaders[] = {
    {"nobody", [](long n) { return Shape{n}; }, [](Var y) { return y; }},
    {"add",
     [](long n) {
       return Shape{1, n};
     },
     [](Var y) { return y + ones(y.tape(), y.shape()); }},
    {"matmul",
     [](long n) {
       return Shape{1, n};
     },
     [](Var y) {
       return matmul(y, ones(y.tape(), {y.shape()[1], 1}));
     }},
    {"matmul, rows",
     [](long n) {
       return Shape{n, 1};
     },
     [](Var y) {
       return matmul(y, ones(y.tape(), {1, 1}));
     }},
    {"conv2d 1x1",
     [](long n) {
       return Shape{1, 1, 1, n};
     },
     [](Var y) {
       return conv2d(y, ones(y.tape(), {1, 1, y.shape()[3], 1}));
     }},
    {"conv2d 3x3",
     [](long n) {
       return Shape{1, 1, 1, n};
     },
     [](Var y) {
       return conv2d(y, middle(y.tape(), {3, 3, y.shape()[3], 1}, y.shape()[3]), {.stride = 1, .padding = 1});
     }},
    {"depthwise 3x3",
     [](long n) {
       return Shape{1, 1, 1, n};
     },
     [](Var y) {
       return depthwise_conv2d(y, middle(y.tape(), {3, 3, y.shape()[3]}, y.shape()[3]), {.stride = 1, .padding = 1});
     }},
    {"depthwise 3x3 stride 2",
     [](long n) {
       return Shape{1, 1, 1, n};
     },
     [](Var y) {
       return depthwise_conv2d(y, middle(y.tape(), {3, 3, y.shape()[3]}, y.shape()[3]), {.stride = 2, .padding = 1});
     }},
    {"depthwise 1x1, pixels",
     [](long n) {
       return Shape{1, 1, n, 1};
     },
     [](Var y) {
       return depthwise_conv2d(y, ones(y.tape(), {1, 1, 1}));
     }},
    {"global_avg_pool",
     [](long n) {
       return Shape{1, 1, 1, n};
     },
     [](Var y) { return global_avg_pool(y); }},
};

// relu6 on a tape, of x itself or of an affine that changes nothing (1 * x + -0).
struct OnTape {
  Reader reader;
  Tape::Options options;
  bool affine = false;
  std::function<Var(Var, AtKink)> relu6 = [](Var x, AtKink k) { return six::relu6(x, k); };

  struct State {
    std::map<long, std::unique_ptr<ParamSet>> sets;
    std::unique_ptr<Tape> tape;
    std::vector<real> minus_zero = std::vector<real>(33, real(-0.0));
  };
  std::shared_ptr<State> state = std::make_shared<State>();

  Var run(AtKink k, long n, const real* x, ParamSet*& set) const {
    if (!state->tape) state->tape = std::make_unique<Tape>(options);
    Tape& tape = *state->tape;
    tape.reset();
    std::unique_ptr<ParamSet>& kept = state->sets[n];
    if (!kept) {
      kept = std::make_unique<ParamSet>();
      kept->add("x", reader.shape(n), true);
    }
    set = kept.get();
    std::copy_n(x, n, set->value(0));
    Var v = tape.param(*set, 0);
    if (affine) v = bias(v, tape.input(state->minus_zero.data(), {v.shape().channels()}));
    return relu6(v, k);
  }
  Relu6Run test() const {
    return {[t = *this](AtKink k, long n, const real* x, real* y) {
              ParamSet* set;
              const std::vector<real> values = t.run(k, n, x, set).values();
              std::copy(values.begin(), values.end(), y);
            },
            [t = *this](AtKink k, long n, const real* x, const real*, const real* dy, real* dx) {
              ParamSet* set;
              const Var read = t.reader.op(t.run(k, n, x, set));
              const Var loss = sum(mul(read, read.tape().input(dy, read.shape())));
              set->begin_backward();
              std::copy_n(dx, n, set->grad(0));
              read.tape().backward(loss);
              std::copy_n(set->grad(0), n, dx);
            }};
  }
};

std::string first_fault(const Relu6Run& run, bool denormals = true) {
  const Relu6Faults faults(run, denormals);
  return faults.none() ? "none" : faults.list().front();
}

}  // namespace

TEST_CASE("relu6 conforms on the tape, whoever reads it, deferred and not, of a plain value and of an affine") {
  for (const Reader& reader : kReaders)
    for (bool defer : {true, false})
      for (bool affine : {false, true}) {
        CAPTURE(std::string(reader.name));
        CAPTURE(defer);
        CAPTURE(affine);
        CHECK(first_fault(OnTape{reader, {.threads = 1, .defer = defer}, affine}.test()) == "none");
      }
}

#if defined(__SSE2__)
TEST_CASE("relu6 conforms on the tape with denormals flushed, but for the two rows of denormals") {
  const FlushToZero flush;
  for (const Reader& reader : kReaders)
    for (bool affine : {false, true}) {
      CAPTURE(std::string(reader.name));
      CHECK(first_fault(OnTape{reader, {.threads = 1}, affine}.test(), false) == "none");
    }
}
#endif

TEST_CASE("relu6 conforms at every place of a value that several threads share") {
  std::vector<Probe> rows;
  std::vector<real> x;
  const Shape s{31, 7, 8, 11};  // more than the work of one thread
  while (long(x.size()) < s.size())
    for (const Probe& p : Relu6::probes)
      if (long(x.size()) < s.size()) rows.push_back(p), x.push_back(p.x);
  for (int threads : {1, 2, 7})
    for (bool defer : {true, false})
      for (int column = 0; column < 4; ++column)
        for (real dy : {real(2), kNaN, kInf, -kInf}) {
          ParamSet set;
          set.add("x", s, true);
          std::copy(x.begin(), x.end(), set.value(0));
          Tape tape({.threads = threads, .defer = defer});
          const Var y = relu6(tape.param(set, 0), kProbeAtKink[column]);
          const std::vector<real> values = y.values(), dys(x.size(), dy);
          const Var loss = sum(mul(y, tape.input(dys.data(), s)));
          set.begin_backward();
          std::fill_n(set.grads(), set.size(), real(9));
          tape.backward(loss);
          long wrong = 0;
          for (std::size_t i = 0; i < x.size(); ++i) {
            const real slope = rows[i].slope[column], want = 9 + (slope == 0 ? real(0) : slope * dy);
            wrong += bits(values[i]) != bits(rows[i].y) || bits(set.grads()[i]) != bits(want);
          }
          CHECK(wrong == 0);
        }
}

namespace {

// The two wrong ReLU6s whose mistake is in a loop, as ops.
struct TailDiffersOp {
  static constexpr const char* name = "relu6";
  AtKink k;
  Tensor forward(const Context& c, Tensor x) {
    real* y = c.make(x.shape);
    run_wrong<TailDiffers>().forward(k, x.size(), x.y, y);
    return {y, x.shape};
  }
  void backward(const Back& b, Tensor x) {
    const real* dy = b.plain_dy();
    real* dx = b.memory.fresh<real>(x.size());
    for (long i = 0; i < x.size(); ++i) dx[i] = Relu6{k}.vjp(x[i], dy[i]);
    b.put(0, dx);
  }
};
struct OverwritesDxOp {
  static constexpr const char* name = "relu6";
  AtKink k;
  Tensor forward(const Context& c, Tensor x) {
    real* y = c.make(x.shape);
    for (long i = 0; i < x.size(); ++i) y[i] = Relu6{k}.f(x[i]);
    return {y, x.shape};
  }
  void backward(const Back& b, Tensor x) {
    const real* dy = b.plain_dy();
    const Sink dx = b.into(0);
    for (long i = 0; i < x.size(); ++i) dx.g[i] = Relu6{k}.vjp(x[i], dy[i]);
  }
};

template <class O>
Var on_tape(Var x, AtKink k) {
  if constexpr (__is_same(O, TailDiffers))
    return x.tape().apply(TailDiffersOp{k}, x);
  else if constexpr (__is_same(O, OverwritesDx))
    return x.tape().apply(OverwritesDxOp{k}, x);
  else {
    O op;
    op.at_kink = k;
    return x.tape().apply(ops::Pointwise<O>{op}, x);
  }
}

}  // namespace

TEST_CASE("each of ten wrong relu6s is rejected on the tape, for its own mistake; the right one is not") {
  int wrong = 0;
  WrongRelu6s::for_each([&](auto tag) {
    using O = typename decltype(tag)::type;
    CAPTURE(std::string(O::name));
    const OnTape run{kReaders[0], {.threads = 1}, false, on_tape<O>};
    CHECK(Relu6Faults(run.test()).has(O::rejected_by));
    ++wrong;
  });
  CHECK(wrong == 10);
  CHECK(first_fault(OnTape{kReaders[0], {.threads = 1}, false, on_tape<RightRelu6>}.test()) == "none");
}

TEST_CASE("the gradient is not zero exactly where 0 < value < 6, also where batch norm puts values next to the kinks") {
  const long n = 4096, channels = 3;
  std::vector<real> x(n * channels), gamma = {1, real(0.3), real(7)}, beta = {3, real(5.9999), 0};
  std::vector<real> mean = {real(0.1), real(-3), 1000}, var = {real(1.3), 2, real(1e-3)};
  for (long i = 0; i < n; ++i)
    for (long c = 0; c < channels; ++c) {
      // values near 0, near 6 and between, a few units in the last place apart
      const double z = (i % 3 == 0 ? 0 : i % 3 == 1 ? 6 : 3) + double(i - n / 2) * double(kUlp1) * (i % 5 == 0 ? 0.25 : 3);
      const std::size_t k = std::size_t(c);
      x[std::size_t(i * channels + c)] =
          real((z - double(beta[k])) / double(gamma[k]) * std::sqrt(double(var[k]) + 1e-5) + double(mean[k]));
    }
  for (bool defer : {true, false})
    for (int consumer = 0; consumer < 4; ++consumer) {
      Tape tape({.training = false, .defer = defer});
      const Var in = tape.input(x.data(), {n, 1, 1, channels}, true);
      const Var z =
          batch_norm(in, tape.input(gamma.data(), {channels}), tape.input(beta.data(), {channels}), mean.data(), var.data());
      const Var y = relu6(z);
      const std::vector<real> value = y.values();
      const Var read = consumer == 0   ? y
                       : consumer == 1 ? conv2d(y, ones(tape, {1, 1, channels, 1}))
                       : consumer == 2 ? depthwise_conv2d(y, ones(tape, {1, 1, channels}))
                                       : global_avg_pool(y);
      tape.backward(sum(read));
      const std::vector<real> g = in.grad();
      long open = 0, wrong = 0, next_to_6 = 0, at_6 = 0;
      for (std::size_t i = 0; i < g.size(); ++i) {
        wrong += (value[i] > 0 && value[i] < 6) != (g[i] != 0), open += g[i] != 0;
        next_to_6 += value[i] < 6 && value[i] > 6 - 32 * kUlp1, at_6 += value[i] == 6;
      }
      CHECK(next_to_6 > 10);
      CHECK(at_6 > 10);
      CHECK(wrong == 0);
      CHECK(open > long(g.size()) / 2);
      CHECK(open < long(g.size()));
    }
}

// Over a black background without batch norm every output of a convolution is exactly its bias of 0: a kink.
TEST_CASE("at_kink decides whether the bias over a black background gets a gradient") {
  const std::vector<std::uint8_t> black(2 * 5 * 5, 0);
  const real slopes[] = {0, real(0.5), 1, 0};
  for (bool defer : {true, false})
    for (int column = 0; column < 4; ++column) {
      ParamSet set;
      const int w = set.add("w", {3, 3, 1, 4}, true), b = set.add("b", {4}, false);
      std::fill_n(set.value(w), 36, real(0.25));
      Tape tape({.defer = defer});
      const Var image = tape.input(Bytes{black.data(), {2, 5, 5, 1}});
      const Var y = relu6(conv2d(image, tape.param(set, w), tape.param(set, b), {.stride = 1, .padding = 1}), kProbeAtKink[column]);
      tape.backward(sum(y));
      for (long c = 0; c < 4; ++c) CHECK(set.grad(b)[c] == 50 * slopes[column]);
    }
}
