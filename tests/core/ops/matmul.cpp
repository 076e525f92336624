// Matrix products, linear layers and biases.
#include <doctest/doctest.h>

#include "../../harness.h"

using namespace six;
using namespace six::test;

namespace {

std::string join(const char* op, const Shape& x, const Shape& w) {
  std::ostringstream out;
  out << op << ' ' << x << " with " << w;
  return out.str();
}
Case product(Shape x, Shape w) {
  return {join("matmul", x, w),
          {drawn(x, 1), drawn(w, 2)},
          [](const std::vector<Var>& in) { return matmul(in[0], in[1]); },
          [](const std::vector<Array>& in) { return naive::matmul(in[0], in[1]); }};
}
Case linear_of(Shape x, Shape w) {
  return {join("linear", x, w),
          {drawn(x, 3), drawn(w, 4), drawn({w[1]}, 5)},
          [](const std::vector<Var>& in) { return linear(in[0], in[1], in[2]); },
          [](const std::vector<Array>& in) { return naive::bias(naive::matmul(in[0], in[1]), in[2]); }};
}
Case bias_of(Shape x) {
  return {join("bias", x, {x.channels()}),
          {drawn(x, 6), drawn({x.channels()}, 7)},
          [](const std::vector<Var>& in) { return bias(in[0], in[1]); },
          [](const std::vector<Array>& in) { return naive::bias(in[0], in[1]); }};
}
const long kSizes[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 33};

}  // namespace

TEST_CASE("matmul and linear: rows, inner size and columns around the vector widths") {
  for (long n : kSizes) {
    check(product({n, 5}, {5, 3}));
    check(product({4, n}, {n, 3}));
    check(product({4, 5}, {5, n}));
    check(linear_of({2, n}, {n, n}));
    check(bias_of({3, n}));
    check(bias_of({n, 2}));
  }
  check(product({57, 2}, {2, 3}));  // one more than the rows of a tile
  check(product({113, 3}, {3, 2}));
}

TEST_CASE("matmul and linear: any number of dimensions in front") {
  check(product({5}, {5, 4}));
  check(product({2, 3, 5}, {5, 4}));
  check(product({2, 3, 2, 5}, {5, 4}));
  check(linear_of({2, 3, 2, 5}, {5, 4}));
  check(bias_of({4}));
  check(bias_of({2, 3, 2, 5}));
  check(bias_of({1, 1, 1, 1}));
}

TEST_CASE("matmul and bias between deferred values, on several threads") {
  for (const Case& c : all_dressed(product({11, 5}, {5, 3}))) check(c);
  for (const Case& c : all_dressed(product({2, 3, 3, 17}, {17, 9}))) check(c);
  for (const Case& c : all_dressed(bias_of({13, 5}))) check(c);
  Case large = dressed(product({301, 37}, {37, 35}), Dress::norm_relu6, true);
  large.large = true;
  check(large);
  large = dressed(bias_of({401, 43}), Dress::norm_relu6, true);
  large.large = true;
  check(large);
}

TEST_CASE("matmul, bias and convolution read one value twice") {
  check({"matmul(x, x)",
         {drawn({3, 3}, 8)},
         [](const std::vector<Var>& in) { return matmul(in[0], in[0]); },
         [](const std::vector<Array>& in) { return naive::matmul(in[0], in[0]); }});
  check({"bias(x, x)",
         {drawn({5}, 9)},
         [](const std::vector<Var>& in) { return bias(in[0], in[0]); },
         [](const std::vector<Array>& in) { return naive::bias(in[0], in[0]); }});
  const ConvOptions o{.stride = 1, .padding = 1};
  check({"conv2d(x, x)",
         {drawn({3, 3, 3, 3}, 10)},
         [o](const std::vector<Var>& in) { return conv2d(in[0], in[0], o); },
         [o](const std::vector<Array>& in) { return naive::conv2d(in[0], in[0], o); }});
  check({"matmul(relu6(2x), 2x)",  // inner values of one owner
         {drawn({4, 4}, 11, -2, 5)},
         [](const std::vector<Var>& in) {
           const Var y = scale(in[0], 2);
           return matmul(relu6(y), y);
         },
         [](const std::vector<Array>& in) {
           const Array y = naive::zip(in[0], in[0], [](double a, double b) { return a + b; });
           return naive::matmul(naive::clamp(y, 0, 6), y);
         }});
}

TEST_CASE("conv2d, depthwise_conv2d with a bias") {
  const ConvOptions o{.stride = 2, .padding = 1};
  check({"conv2d with bias",
         {drawn({2, 5, 4, 3}, 12), drawn({3, 3, 3, 5}, 13), drawn({5}, 14)},
         [o](const std::vector<Var>& in) { return conv2d(in[0], in[1], in[2], o); },
         [o](const std::vector<Array>& in) { return naive::bias(naive::conv2d(in[0], in[1], o), in[2]); }});
  check({"depthwise_conv2d with bias",
         {drawn({2, 5, 4, 3}, 15), drawn({3, 3, 3}, 16), drawn({3}, 17)},
         [o](const std::vector<Var>& in) { return depthwise_conv2d(in[0], in[1], in[2], o); },
         [o](const std::vector<Array>& in) { return naive::bias(naive::depthwise_conv2d(in[0], in[1], o), in[2]); }});
}
