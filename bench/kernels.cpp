// Each kernel alone, on one thread, on tensors of 64 images: as large as what one thread owns of a batch of 128.
#include <cstdint>

#include "../core/arena.h"
#include "../core/kernels/dispatch.h"
#include "../core/rng.h"
#include "bench.h"

namespace bench {
namespace {

using six::real;
namespace k = six::kernels;
constexpr int kImages = 64, kPerBlock = 8;

// Tensors full of numbers, and views of them as a training step has them: behind batch norm and ReLU6.
class Bench {
 public:
  explicit Bench(int channels) : padded_(k::padded(channels)) {
    scale_ = numbers(padded_), shift_ = numbers(padded_), c1_ = numbers(padded_);
    sums_ = arena_.zeros<double>(3 * padded_);
  }
  real* numbers(long n) {
    real* p = arena_.fresh<real>(n);
    const six::Rng rng(1, six::Purpose::user, std::uint64_t(n));
    for (long i = 0; i < n; ++i) p[i] = real(rng.uniform(std::uint64_t(i), -1, 3));
    return p;
  }
  k::Read read(const real* y) const {
    k::Read x;
    x.y = y, x.scale = scale_, x.shift = shift_, x.clamped = true, x.lo = 0, x.hi = 6, x.top = real(5.999999),
    x.at_lo = x.at_hi = 0;
    return x;
  }
  k::Grad grad(real* g, const real* y) const {
    k::Grad d;
    d.g = g, d.y = y, d.c0 = scale_, d.c1 = c1_, d.c2 = shift_;
    return d;
  }
  k::Sink sink(real* g, const real* y) const {
    k::Sink s;
    s.g = g, s.x = read(y), s.center = shift_, s.sums = sums_;
    return s;
  }
  double* sums() const { return sums_; }
  six::Arena& arena() { return arena_; }

 private:
  long padded_;
  six::Arena arena_;
  real *scale_, *shift_, *c1_;
  double* sums_;
};

Json row(const std::string& name, double flops, const Times& t, double peak) {
  const double gflops = flops / t.median() / 1e9;
  return {{"kernel", name},   {"ms_median", t.median() * 1e3},  {"ms_min", t.min() * 1e3},
          {"gflops", gflops}, {"share_of_peak", gflops / peak}, {"share_of_peak_best", flops / t.min() / 1e9 / peak}};
}

void pointwise(int pixels, int c, int n, int rounds, double peak, Json& out) {
  const k::Table& t = k::table();
  Bench b(std::max(c, n));
  const long rows = long(kPerBlock) * pixels, all = long(kImages) * pixels;
  real *x = b.numbers(all * c), *y = b.numbers(all * n), *g = b.numbers(all * n), *dx = b.numbers(all * c),
       *w = b.numbers(long(c) * n);
  real *packed = b.numbers(t.matmul_packed_size(c, n)), *packed_t = b.numbers(t.matmul_packed_size(n, c));
  real *scratch = b.numbers(t.matmul_scratch({rows, c, n})), *dw = b.numbers(c * k::padded(n));
  t.pack(w, c, n, packed), t.pack_transposed(w, c, n, packed_t);
  const std::string name = "pointwise " + std::to_string(c) + "->" + std::to_string(n) + " @" + std::to_string(pixels);
  const double flops = 2.0 * double(all) * c * n;
  out.push_back(row(name + " forward", flops,
                    time(2, rounds,
                         [&] {
                           for (long r = 0; r < all; r += rows)
                             t.matmul_forward({rows, c, n}, b.read(x + r * c), packed, y + r * n, b.sums(), scratch);
                         }),
                    peak));
  out.push_back(row(name + " backward", 2 * flops,
                    time(2, rounds,
                         [&] {
                           for (long r = 0; r < all; r += rows)
                             t.matmul_backward({rows, c, n}, b.grad(g + r * n, y + r * n), b.read(x + r * c), packed_t,
                                               b.sink(dx + r * c, x + r * c), dw, scratch);
                         }),
                    peak));
}

void depthwise(int size, int c, int stride, int rounds, double peak, Json& out) {
  const k::Table& t = k::table();
  Bench b(c);
  const int half = (size - 1) / stride + 1;
  const k::Conv g{kPerBlock, size, size, c, half, half, c, 3, 3, stride, 1, 1};
  const long in = long(size) * size * c, o = long(half) * half * c;
  real *x = b.numbers(in * kImages), *y = b.numbers(o * kImages), *dy = b.numbers(o * kImages), *dx = b.numbers(in * kImages);
  real *w = b.numbers(9 * k::padded(c)), *dw = b.numbers(9 * k::padded(c)), *scratch = b.numbers(t.depthwise_scratch(g));
  const std::string name = "depthwise " + std::to_string(c) + " @" + std::to_string(size) + (stride == 2 ? " s2" : "");
  const double flops = 18.0 * double(o) * kImages;
  out.push_back(row(name + " forward", flops,
                    time(2, rounds,
                         [&] {
                           for (int i = 0; i < kImages; i += kPerBlock)
                             t.depthwise_forward(g, b.read(x + i * in), w, y + i * o, b.sums(), scratch);
                         }),
                    peak));
  out.push_back(row(name + " backward", 2 * flops,
                    time(2, rounds,
                         [&] {
                           for (int i = 0; i < kImages; i += kPerBlock)
                             t.depthwise_backward(g, b.grad(dy + i * o, y + i * o), b.read(x + i * in), w,
                                                  b.sink(dx + i * in, x + i * in), dw, scratch);
                         }),
                    peak));
}

void stem(int stride, int rounds, double peak, Json& out) {
  const k::Table& t = k::table();
  Bench b(16);
  const int size = 28 / stride;
  const k::Conv g{kPerBlock, 28, 28, 1, size, size, 16, 3, 3, stride, 1, 1};
  const long in = 784, o = long(size) * size * 16;
  std::vector<unsigned char> bytes(in * kImages, 100);
  real *y = b.numbers(o * kImages), *dy = b.numbers(o * kImages), *w = b.numbers(9 * 16),
       *packed = b.numbers(t.matmul_packed_size(9, 16));
  real *dw = b.numbers(9 * 16), *scratch = b.numbers(t.conv_scratch(g));
  t.pack(w, 9, 16, packed);
  const std::string name = std::string("stem 1->16 @28") + (stride == 2 ? " s2" : "");
  const double flops = 18.0 * double(o) * kImages;
  out.push_back(row(name + " forward", flops,
                    time(2, rounds,
                         [&] {
                           for (int i = 0; i < kImages; i += kPerBlock)
                             t.conv_forward(g, {}, bytes.data() + i * in, packed, y + i * o, b.sums(), scratch);
                         }),
                    peak));
  out.push_back(row(name + " backward", flops,
                    time(2, rounds,
                         [&] {
                           for (int i = 0; i < kImages; i += kPerBlock)
                             t.conv_backward(g, b.grad(dy + i * o, y + i * o), {}, bytes.data() + i * in, nullptr, {}, dw, scratch);
                         }),
                    peak));
}

}  // namespace

Json kernels(int rounds) {
  const double peak = fma_peak();
  Json rows = Json::array();
  stem(1, rounds, peak, rows), stem(2, rounds, peak, rows);
  const int pw[][3] = {{196, 16, 32}, {196, 32, 64}, {196, 64, 64}, {49, 64, 128}, {49, 128, 128}};
  for (const auto& s : pw) pointwise(s[0], s[1], s[2], rounds, peak, rows);
  const int dw[][3] = {{28, 16, 2}, {14, 16, 1}, {14, 32, 1}, {14, 64, 2}, {7, 128, 1}};
  for (const auto& s : dw) depthwise(s[0], s[1], s[2], rounds, peak, rows);
  return {{"isa", k::table().isa},
          {"lanes", k::table().lanes},
          {"fma_peak_gflops", peak},
          {"fma_peak_gflops_after", fma_peak()},
          {"kernels", rows}};
}

}  // namespace bench
