// Every kernel of every instruction set by itself: nothing beside its buffers is read or written, whatever the number of channels,
// and all sets with fused multiply-add give the same bits.
#include <doctest/doctest.h>

#include <cmath>

#include "../../core/kernels/dispatch.h"
#include "../../core/kernels/pointwise.h"
#include "../guarded.h"
#include "../harness.h"

using namespace six;
using namespace six::kernels;
using namespace six::test;

namespace {

std::vector<real> numbers(long n, unsigned seed, double lo = -2, double hi = 2) {
  const std::vector<double> v = drawn({n}, seed, lo, hi).v;
  return {v.begin(), v.end()};
}
std::vector<real> padded_numbers(long n, unsigned seed) {
  std::vector<real> v = numbers(n, seed);
  v.resize(std::size_t(padded(n)), 0);
  return v;
}

// A value of `rows` rows, its gradient and a place for a gradient, deferred to a degree: 0 plain, 1 affine, 2 affine and clamp.
struct Operand {
  long rows, c;
  int degree;
  Guarded<real> y, g, scale, shift, center, c0, c1, c2, into;
  Guarded<double> sums;
  Operand(long r, long channels, int d, unsigned seed)
      : rows(r),
        c(channels),
        degree(d),
        y(numbers(r * channels, seed)),
        g(numbers(r * channels, seed + 1)),
        scale(padded_numbers(channels, seed + 2)),
        shift(padded_numbers(channels, seed + 3)),
        center(padded_numbers(channels, seed + 4)),
        c0(padded_numbers(channels, seed + 5)),
        c1(padded_numbers(channels, seed + 6)),
        c2(padded_numbers(channels, seed + 7)),
        into(std::vector<real>(std::size_t(r * channels), 9)),
        sums(std::vector<double>(std::size_t(2 * padded(channels)), 0)) {}
  Read read() {
    Read x;
    x.y = y.data();
    if (degree > 0) x.scale = scale.data(), x.shift = shift.data();
    if (degree > 1) x.clamped = true, x.lo = -1, x.hi = real(1.5), x.top = std::nextafter(x.hi, real(0)), x.at_lo = x.at_hi = 0;
    return x;
  }
  kernels::Grad grad() {
    kernels::Grad d;
    d.g = g.data();
    if (degree > 0) d.c0 = c0.data();
    if (degree > 1) d.y = y.data(), d.c1 = c1.data(), d.c2 = c2.data();
    return d;
  }
  kernels::Sink sink() {
    kernels::Sink s;
    s.g = into.data(), s.x = read(), s.stores = degree == 1;
    if (degree > 0) s.center = center.data(), s.sums = sums.data();
    return s;
  }
};

// What one run of a kernel leaves, for comparison between instruction sets; its lanes beyond the channels are nobody's.
struct KernelOutcome {
  std::vector<double> out;
  bool intact = true;
  template <class T>
  void take(Guarded<T>& buffer) {
    intact = intact && buffer.intact();
    for (T v : buffer.values()) out.push_back(double(v));
  }
  // Of `rows` rows padded to whole vectors, the first c numbers each.
  template <class T>
  void take(Guarded<T>& buffer, long rows, long c) {
    intact = intact && buffer.intact();
    for (long r = 0; r < rows; ++r)
      for (long i = 0; i < c; ++i) out.push_back(double(buffer.data()[r * padded(c) + i]));
  }
  void take(Operand& o) {
    take(o.into), take(o.sums, 2, o.c);
    for (Guarded<real>* b : {&o.y, &o.g, &o.scale, &o.shift, &o.center, &o.c0, &o.c1, &o.c2}) intact = intact && b->intact();
  }
};

using Run = std::function<void(const Table&, KernelOutcome&)>;

void check(const Run& run) {
  std::vector<double> baseline, first;
  for (const Table* t : tables()) {
    CAPTURE(std::string(t->isa));
    KernelOutcome o;
    run(*t, o);
    CHECK(o.intact);
    double apart = 0, largest = 1;
    if (baseline.empty()) baseline = o.out;
    REQUIRE(o.out.size() == baseline.size());
    for (std::size_t i = 0; i < o.out.size(); ++i) {
      apart = worse(apart, std::fabs(o.out[i] - baseline[i]));
      largest = std::max(largest, std::fabs(baseline[i]));
    }
    CHECK(apart <= (sizeof(real) == 8 ? 1e-13 : 1e-5) * largest);
    if (t == tables().front()) continue;  // the baseline has no FMA
    if (first.empty()) first = o.out;
    CHECK(std::memcmp(first.data(), o.out.data(), first.size() * sizeof(double)) == 0);
  }
}

const int kChannels[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 65};

void run_matmul(const Table& t, KernelOutcome& o, kernels::Matmul g, int degree) {
  Operand x(g.rows, g.k, degree, 1), y(g.rows, g.n, degree, 20);
  Guarded<real> w(numbers(long(g.k) * g.n, 3)), packed(t.matmul_packed_size(g.k, g.n)), packed_t(t.matmul_packed_size(g.n, g.k)),
      scratch(t.matmul_scratch(g)), dw(g.k * padded(g.n));
  Guarded<double> stats(3 * padded(g.n));
  t.pack(w.data(), g.k, g.n, packed.data()), t.pack_transposed(w.data(), g.k, g.n, packed_t.data());
  t.matmul_forward(g, x.read(), packed.data(), y.y.data(), stats.data(), scratch.data());
  o.take(y.y), o.take(stats, 3, g.n);
  t.matmul_backward(g, y.grad(), x.read(), packed_t.data(), x.sink(), dw.data(), scratch.data());
  o.take(x), o.take(dw, g.k, g.n);
  t.matmul_backward(g, y.grad(), x.read(), nullptr, {}, dw.data(), scratch.data());
  t.matmul_backward(g, y.grad(), x.read(), packed_t.data(), x.sink(), nullptr, scratch.data());
  o.take(x), o.take(dw, g.k, g.n);
  o.intact = o.intact && w.intact() && packed.intact() && packed_t.intact() && scratch.intact();
}

void run_conv(const Table& t, KernelOutcome& o, kernels::Conv g, int degree, bool bytes) {
  Operand x(g.images * g.h * g.w, g.c, degree, 1), y(g.images * g.oh * g.ow, g.k, degree, 20);
  const int window = g.kh * g.kw * g.c;
  Guarded<unsigned char> picture(std::vector<unsigned char>(std::size_t(g.images * g.h * g.w * g.c), 77));
  Guarded<real> w(numbers(long(window) * g.k, 3)), packed(t.matmul_packed_size(window, g.k)), packed_t(t.conv_packed_t_size(g)),
      scratch(t.conv_scratch(g)), dw(window * padded(g.k));
  Guarded<double> stats(3 * padded(g.k));
  const unsigned char* from = bytes ? picture.data() : nullptr;
  t.pack(w.data(), window, g.k, packed.data()), t.conv_pack_transposed(w.data(), g, packed_t.data());
  t.conv_forward(g, bytes ? Read{} : x.read(), from, packed.data(), y.y.data(), stats.data(), scratch.data());
  o.take(y.y), o.take(stats, 3, g.k);
  t.conv_backward(g, y.grad(), bytes ? Read{} : x.read(), from, bytes ? nullptr : packed_t.data(),
                  bytes ? kernels::Sink{} : x.sink(), dw.data(), scratch.data());
  o.take(x), o.take(dw, window, g.k);
  o.intact = o.intact && w.intact() && packed.intact() && packed_t.intact() && scratch.intact() && picture.intact();
}

void run_depthwise(const Table& t, KernelOutcome& o, kernels::Conv g, int degree) {
  Operand x(g.images * g.h * g.w, g.c, degree, 1), y(g.images * g.oh * g.ow, g.c, degree, 20);
  std::vector<real> weights(std::size_t(g.kh * g.kw * padded(g.c)), 0);
  for (int k = 0; k < g.kh * g.kw; ++k)
    for (int c = 0; c < g.c; ++c) weights[std::size_t(k * padded(g.c) + c)] = real(std::sin(k * 7 + c));
  Guarded<real> w(weights), scratch(t.depthwise_scratch(g)), dw(g.kh * g.kw * padded(g.c));
  Guarded<double> stats(3 * padded(g.c));
  t.depthwise_forward(g, x.read(), w.data(), y.y.data(), stats.data(), scratch.data());
  o.take(y.y), o.take(stats, 3, g.c);
  t.depthwise_backward(g, y.grad(), x.read(), w.data(), x.sink(), dw.data(), scratch.data());
  o.take(x), o.take(dw, g.kh * g.kw, g.c);
  t.depthwise_backward(g, y.grad(), x.read(), w.data(), {}, dw.data(), scratch.data());
  o.take(dw, g.kh * g.kw, g.c);
  o.intact = o.intact && w.intact() && scratch.intact();
}

}  // namespace

TEST_CASE("kernels keep to their buffers: products") {
  for (int degree = 0; degree < 3; ++degree)
    for (int c : kChannels)
      for (const kernels::Matmul& g :
           {kernels::Matmul{5, c, 3}, kernels::Matmul{3, 4, c}, kernels::Matmul{61, c, c}, kernels::Matmul{c, 2, 5}})
        check([=](const Table& t, KernelOutcome& o) { run_matmul(t, o, g, degree); });
}

TEST_CASE("kernels keep to their buffers: convolutions") {
  for (int degree = 0; degree < 3; ++degree)
    for (int c : kChannels)
      for (const kernels::Conv& g :
           {kernels::Conv{2, 4, 3, c, 4, 3, 3, 3, 3, 1, 1, 1}, kernels::Conv{1, 5, 4, 2, 3, 2, c, 3, 3, 2, 1, 1},
            kernels::Conv{1, 3, 3, c, 2, 2, 2, 2, 2, 1, 0, 0}, kernels::Conv{2, 3, 3, 3, 3, 3, c, 1, 1, 1, 0, 0}})
        for (bool bytes : {false, true}) check([=](const Table& t, KernelOutcome& o) { run_conv(t, o, g, degree, bytes); });
}

TEST_CASE("kernels keep to their buffers: depthwise convolutions") {
  for (int degree = 0; degree < 3; ++degree)
    for (int c : kChannels)
      for (const kernels::Conv& g :
           {kernels::Conv{2, 4, 9, c, 4, 9, c, 3, 3, 1, 1, 1}, kernels::Conv{2, 5, 4, c, 3, 2, c, 3, 3, 2, 1, 1},
            kernels::Conv{1, 4, 5, c, 2, 3, c, 3, 3, 2, 1, 1}, kernels::Conv{2, 4, 4, c, 3, 3, c, 2, 2, 1, 0, 0},
            kernels::Conv{1, 28, 28, c, 28, 28, c, 3, 3, 1, 1, 1}})
        if (g.h < 28 || c < 4) check([=](const Table& t, KernelOutcome& o) { run_depthwise(t, o, g, degree); });
}

TEST_CASE("kernels keep to their buffers: reading, writing, sums and means of rows") {
  for (int degree = 0; degree < 3; ++degree)
    for (int c : kChannels)
      for (long rows : {1, 4, 57})
        check([=](const Table& t, KernelOutcome& o) {
          Operand x(rows, c, degree, 1), from(rows, c, degree, 30);
          Guarded<real> y(rows * c), mean(c), dmean(numbers(c, 5));
          Guarded<double> stats(3 * padded(c));
          t.materialize(rows, c, x.read(), y.data()), o.take(y);
          t.evaluate(rows, c, from.grad(), y.data()), o.take(y);
          t.put(rows, c, from.grad(), x.sink()), o.take(x);
          kernels::Sink half = x.sink();
          half.x.at_lo = real(0.5), half.x.at_hi = 1;
          t.put(rows, c, from.grad(), half), o.take(x);
          t.stats(rows, c, x.y.data(), stats.data()), o.take(stats, 3, c);
          t.global_avg_forward(1, int(rows), c, x.read(), mean.data()), o.take(mean);
          t.global_avg_backward(1, int(rows), c, dmean.data(), x.sink()), o.take(x);
        });
}

TEST_CASE("kernels keep to their buffers: elementwise, bytes, softmax, pools, pointwise ops") {
  for (long n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 65})
    check([=](const Table& t, KernelOutcome& o) {
      Guarded<real> x(numbers(n, 1)), z(numbers(n, 2)), y(n);
      Guarded<unsigned char> bytes(std::vector<unsigned char>(std::size_t(n), 200));
      t.axpy(n, real(1.5), x.data(), z.data(), y.data()), o.take(y);
      t.axpy(n, real(-1.5), x.data(), nullptr, y.data()), o.take(y);
      t.product(n, x.data(), z.data(), y.data()), o.take(y);
      t.bytes_to_real(n, bytes.data(), y.data()), o.take(y);
      PointwiseOps::for_each([&](auto tag) {
        using O = typename decltype(tag)::type;
        const O op = sample_of<O>();
        t.pointwise_forward(PointwiseOps::index_of<O>(), &op, n, x.data(), y.data()), o.take(y);
        t.pointwise_vjp(PointwiseOps::index_of<O>(), &op, n, x.data(), z.data(), y.data()), o.take(y);
      });
      Guarded<real> logits(numbers(3 * n, 3)), prob(3 * n);
      Guarded<double> log_sum(3);
      t.softmax(3, int(n), logits.data(), prob.data(), log_sum.data()), o.take(prob), o.take(log_sum);
      const kernels::Pool g{2, 5, 4, int(n), 3, 2, 3, 3, 2, 1, 1};
      Guarded<real> image(numbers(2 * 5 * 4 * n, 4)), pooled(2 * 3 * 2 * n), dimage(2 * 5 * 4 * n);
      Guarded<int> index(2 * 3 * 2 * n);
      t.max_pool_forward(g, image.data(), pooled.data(), index.data()), o.take(pooled), o.take(index);
      t.max_pool_backward(g, pooled.data(), index.data(), dimage.data()), o.take(dimage);
      t.avg_pool_forward(g, image.data(), pooled.data()), o.take(pooled);
      t.avg_pool_backward(g, pooled.data(), dimage.data()), o.take(dimage);
      o.intact = o.intact && x.intact() && z.intact() && bytes.intact() && logits.intact() && image.intact();
    });
}

TEST_CASE("kernels keep to their buffers: inference") {
  for (int c : kChannels)
    check([=](const Table& t, KernelOutcome& o) {
      Guarded<real> x(numbers(4 * 5 * c, 1)), w(numbers(9 * c * 3, 2)), bias(padded_numbers(3, 3)), bias_c(padded_numbers(c, 4));
      const Epilogue e{bias.data(), 0, 6}, ec{bias_c.data(), 0, 6};
      Guarded<real> packed(t.matmul_packed_size(c, 3)), packed9(t.matmul_packed_size(9 * c, 3));
      Guarded<real> rows(20 * 3), conv(2 * 3 * 3), depthwise(2 * 3 * c), mean(c);
      std::vector<real> taps(std::size_t(9 * padded(c)), 0);
      for (int k = 0; k < 9; ++k)
        for (int i = 0; i < c; ++i) taps[std::size_t(k * padded(c) + i)] = real(std::cos(k * 3 + i));
      Guarded<real> dw(taps), sum(20 * c);
      Guarded<unsigned char> bytes(std::vector<unsigned char>(std::size_t(20 * c), 99));
      t.pack(w.data(), c, 3, packed.data()), t.pack(w.data(), 9 * c, 3, packed9.data());
      const Strided image{x.data(), 5L * c};
      t.infer_matmul({20, c, 3}, x.data(), packed.data(), e, rows.data(), nullptr), o.take(rows);
      t.infer_conv({1, 4, 5, c, 2, 3, 3, 3, 3, 1, 0, 0}, image, packed9.data(), e, conv.data(), 9), o.take(conv);
      t.infer_depthwise({1, 4, 5, c, 2, 3, c, 3, 3, 1, 0, 0}, image, dw.data(), ec, depthwise.data(), 3L * c), o.take(depthwise);
      t.infer_mean(4, 5, c, image, {nullptr, -1, 1}, mean.data()), o.take(mean);
      t.infer_add(4, 5L * c, image, image, {nullptr, 0, 6}, sum.data(), 5L * c), o.take(sum);
      t.infer_bytes(4, 5L * c, bytes.data(), sum.data(), 5L * c), o.take(sum);
      o.intact = o.intact && x.intact() && packed.intact() && packed9.intact() && dw.intact() && bytes.intact();
    });
}
