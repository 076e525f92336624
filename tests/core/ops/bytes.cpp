// Byte images as an input, and writing deferred values out.
#include <doctest/doctest.h>

#include <memory>

#include "../../harness.h"

using namespace six;
using namespace six::test;

namespace {

std::vector<std::uint8_t> picture(long n) {
  std::vector<std::uint8_t> p;
  for (long i = 0; i < n; ++i) p.push_back(std::uint8_t(i % 5 == 0 ? 0 : (i * 73 + 11) % 256));
  return p;
}
Array values_of(const std::vector<std::uint8_t>& p, Shape s) {
  Array a(s);
  for (std::size_t i = 0; i < p.size(); ++i) a.v[i] = double(real(p[i]) / 255);
  return a;
}

// op(bytes, inputs...) where the naive one reads byte / 255.
Case of_bytes(Shape image, std::vector<Array> inputs, std::function<Var(Var, const std::vector<Var>&)> op,
              std::function<Array(const Array&, const std::vector<Array>&)> f) {
  const auto kept = std::make_shared<std::vector<std::uint8_t>>(picture(image.size()));
  const Array x = values_of(*kept, image);
  return {"bytes", std::move(inputs),
          [=](const std::vector<Var>& in) {
            return op(in[0].tape().input(Bytes{kept->data(), image}), in);
          },
          [=](const std::vector<Array>& in) { return f(x, in); }};
}
}  // namespace

TEST_CASE("a byte is its value / 255, exactly, whatever the length") {
  std::vector<std::uint8_t> all(256 + 33);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = std::uint8_t(i);
  Tape tape;
  for (long n : {1, 7, 33, 256, 289}) {
    tape.reset();
    const std::vector<real> v = tape.input(Bytes{all.data(), {n}}).values();
    for (std::size_t i = 0; i < std::size_t(n); ++i) CHECK(v[i] == real(all[i]) / 255);
  }
}

TEST_CASE("conv2d reads bytes itself; everything else gets them written out") {
  for (const ConvOptions& o : {ConvOptions{1, 1}, ConvOptions{2, 1}, ConvOptions{1, 0}})
    for (long k : {1, 9, 16})
      check(of_bytes(
          {3, 7, 6, 1}, {drawn({3, 3, 1, k}, 1)}, [o](Var x, const std::vector<Var>& in) { return conv2d(x, in[0], o); },
          [o](const Array& x, const std::vector<Array>& in) { return naive::conv2d(x, in[0], o); }));
  check(of_bytes(
      {2, 5, 4, 3}, {drawn({1, 1, 3, 5}, 2)}, [](Var x, const std::vector<Var>& in) { return conv2d(x, in[0]); },
      [](const Array& x, const std::vector<Array>& in) { return naive::conv2d(x, in[0], {}); }));
  const ConvOptions o{.stride = 2, .padding = 1};
  check(of_bytes(
      {2, 5, 4, 3}, {drawn({3, 3, 3}, 3)}, [o](Var x, const std::vector<Var>& in) { return depthwise_conv2d(x, in[0], o); },
      [o](const Array& x, const std::vector<Array>& in) { return naive::depthwise_conv2d(x, in[0], o); }));
  check(of_bytes(
      {3, 6}, {drawn({6, 4}, 4)}, [](Var x, const std::vector<Var>& in) { return matmul(x, in[0]); },
      [](const Array& x, const std::vector<Array>& in) { return naive::matmul(x, in[0]); }));
  check(of_bytes(
      {2, 3, 4, 2}, {drawn({2, 3, 4, 2}, 5)}, [](Var x, const std::vector<Var>& in) { return x + in[0]; },
      [](const Array& x, const std::vector<Array>& in) { return naive::zip(x, in[0], [](double a, double b) { return a + b; }); }));
  check(of_bytes(
      {4, 3, 2, 2}, {drawn({2}, 6), drawn({2}, 7)}, [](Var x, const std::vector<Var>& in) { return batch_norm(x, in[0], in[1]); },
      [](const Array& x, const std::vector<Array>& in) { return naive::batch_norm(x, in[0], in[1]); }));
}

TEST_CASE("bytes through a first layer give the bits of the same numbers in memory") {
  const Shape image{5, 9, 7, 1}, weights{3, 3, 1, 6};
  const std::vector<std::uint8_t> p = picture(image.size());
  const Array source = values_of(p, image), w = drawn(weights, 8);
  const std::vector<real> x(source.v.begin(), source.v.end()), wv(w.v.begin(), w.v.end());
  std::vector<real> y[2], dw[2];
  for (int i = 0; i < 2; ++i) {
    Tape tape;
    const Var in = i ? tape.input(x.data(), image) : tape.input(Bytes{p.data(), image}), k = tape.input(wv.data(), weights, true);
    const Var out = conv2d(in, k, {.stride = 2, .padding = 1});
    y[i] = out.values();
    tape.backward(sum(mul(out, out)));
    dw[i] = k.grad();
  }
  CHECK(y[0] == y[1]);
  CHECK(dw[0] == dw[1]);
}

TEST_CASE("materialize is the identity, of every kind of value") {
  for (const Shape& s : {Shape{7, 5}, Shape{3, 2, 4, 17}, Shape{60, 3}}) {
    const Case c{"materialize",
                 {drawn(s, 9)},
                 [](const std::vector<Var>& x) { return x[0].tape().apply(ops::Materialize{}, x[0]); },
                 [](const std::vector<Array>& x) { return x[0]; }};
    for (const Case& d : all_dressed(c)) check(d);
  }
  Case large{"materialize",
             {drawn({41, 7, 8, 11}, 10)},
             [](const std::vector<Var>& x) { return x[0].tape().apply(ops::Materialize{}, x[0]); },
             [](const std::vector<Array>& x) { return x[0]; }};
  large = dressed(large, Dress::norm_relu6, true);
  large.large = true;
  check(large);
}
