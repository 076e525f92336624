// Convolutions of every kind against naive loops, plain and between deferred values.
#include <doctest/doctest.h>

#include "../../harness.h"

using namespace six;
using namespace six::test;

namespace {

template <class... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

Case conv(Shape x, Shape w, ConvOptions o) {
  const Padding& p = o.padding;
  return {join("conv2d ", x, " with ", w, " stride ", o.stride, " padding ", p.top, p.left, p.bottom, p.right),
          {drawn(x, 1), drawn(w, 2)},
          [o](const std::vector<Var>& in) { return conv2d(in[0], in[1], o); },
          [o](const std::vector<Array>& in) { return naive::conv2d(in[0], in[1], o); }};
}
Case depthwise(Shape x, Shape w, ConvOptions o) {
  const Padding& p = o.padding;
  return {join("depthwise_conv2d ", x, " with ", w, " stride ", o.stride, " padding ", p.top, p.left, p.bottom, p.right),
          {drawn(x, 3), drawn(w, 4)},
          [o](const std::vector<Var>& in) { return depthwise_conv2d(in[0], in[1], o); },
          [o](const std::vector<Array>& in) { return naive::depthwise_conv2d(in[0], in[1], o); }};
}
Case large(Case c) {
  c.large = true;
  return c;
}
const long kChannels[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 33};

}  // namespace

TEST_CASE("conv2d: kernels, strides, paddings, odd sizes") {
  const struct {
    Shape x, w;
    ConvOptions o;
  } cases[] = {
      {{2, 5, 4, 3}, {1, 1, 3, 4}, {}},
      {{2, 5, 4, 3}, {1, 1, 3, 4}, {.stride = 2}},
      {{1, 4, 4, 3}, {1, 1, 3, 2}, {.stride = 1, .padding = 1}},
      {{2, 5, 7, 2}, {3, 3, 2, 5}, {.stride = 1, .padding = 1}},
      {{1, 7, 6, 3}, {3, 3, 3, 4}, {.stride = 2, .padding = 1}},
      {{2, 6, 5, 1}, {3, 3, 1, 9}, {.stride = 1, .padding = 0}},
      {{1, 8, 7, 2}, {3, 3, 2, 3}, {.stride = 3, .padding = 1}},
      {{1, 7, 8, 2}, {5, 5, 2, 3}, {.stride = 2, .padding = 2}},
      {{1, 9, 9, 1}, {5, 5, 1, 2}, {.stride = 3, .padding = 1}},
      {{2, 4, 6, 2}, {1, 3, 2, 3}, {.stride = 1, .padding = {0, 1, 0, 1}}},
      {{2, 6, 4, 2}, {3, 1, 2, 3}, {.stride = 2, .padding = {1, 0, 1, 0}}},
      {{1, 6, 6, 2}, {3, 3, 2, 4}, {.stride = 2, .padding = {0, 0, 1, 1}}},  // TensorFlow's "same"
      {{1, 5, 6, 2}, {3, 3, 2, 4}, {.stride = 1, .padding = {2, 1, 0, 3}}},
      {{1, 5, 5, 2}, {2, 4, 2, 3}, {.stride = 1, .padding = {1, 2, 0, 1}}},
      {{3, 1, 1, 4}, {3, 3, 4, 5}, {.stride = 1, .padding = 1}},
      {{2, 1, 1, 3}, {1, 1, 3, 3}, {}},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{1, 2, 2, 2}, {3, 3, 2, 2}, {.stride = 2, .padding = 3}},   // windows that lie in the padding
      {{17, 2, 3, 2}, {3, 3, 2, 3}, {.stride = 2, .padding = 1}},  // more images than blocks
  };
  for (const auto& c : cases) check(conv(c.x, c.w, c.o));
}

TEST_CASE("conv2d: channels around the vector widths") {
  for (long c : kChannels) {
    check(conv({2, 2, 3, c}, {1, 1, c, 5}, {}));
    check(conv({2, 2, 3, 5}, {1, 1, 5, c}, {}));
    check(conv({1, 2, 2, c}, {3, 3, c, 3}, {.stride = 1, .padding = 1}));
    check(conv({1, 3, 2, 2}, {3, 3, 2, c}, {.stride = 2, .padding = 1}));
  }
  check(conv({1, 2, 1, 33}, {1, 1, 33, 33}, {}));
}

TEST_CASE("conv2d between deferred values") {
  for (const Case& c : all_dressed(conv({3, 2, 3, 9}, {1, 1, 9, 5}, {}))) check(c);
  for (const Case& c : all_dressed(conv({2, 3, 4, 3}, {3, 3, 3, 4}, {.stride = 1, .padding = 1}))) check(c);
  for (const Case& c : all_dressed(conv({2, 5, 4, 3}, {3, 3, 3, 2}, {.stride = 2, .padding = {0, 1, 1, 0}}))) check(c);
}

TEST_CASE("conv2d on several threads") {
  check(large(dressed(conv({32, 8, 8, 9}, {1, 1, 9, 17}, {}), Dress::norm_relu6, true)));
  check(large(dressed(conv({19, 9, 8, 7}, {3, 3, 7, 18}, {.stride = 2, .padding = 1}), Dress::norm_relu6, true)));
}

TEST_CASE("depthwise_conv2d: 3x3 with padding 1, strides 1 and 2, and everything else") {
  const struct {
    Shape x, w;
    ConvOptions o;
  } cases[] = {
      {{2, 5, 4, 3}, {3, 3, 3}, {.stride = 1, .padding = 1}},
      {{2, 5, 5, 3}, {3, 3, 3}, {.stride = 2, .padding = 1}},
      {{1, 4, 6, 3}, {3, 3, 3}, {.stride = 2, .padding = 1}},
      {{1, 6, 6, 2}, {3, 3, 2}, {.stride = 2, .padding = {1, 1, 0, 0}}},
      {{1, 6, 6, 2}, {3, 3, 2}, {.stride = 2, .padding = {0, 0, 1, 1}}},
      {{1, 5, 6, 2}, {3, 3, 2}, {.stride = 1, .padding = {1, 1, 0, 2}}},
      {{1, 7, 7, 2}, {3, 3, 2}, {.stride = 3, .padding = 1}},
      {{1, 5, 5, 2}, {3, 3, 2}, {.stride = 1, .padding = 0}},
      {{1, 9, 8, 2}, {5, 5, 2}, {.stride = 2, .padding = 2}},
      {{2, 4, 5, 3}, {1, 3, 3}, {.stride = 1, .padding = {0, 1, 0, 1}}},
      {{2, 3, 3, 3}, {1, 1, 3}, {}},
      {{1, 4, 4, 3}, {2, 2, 3}, {.stride = 2, .padding = 0}},
      {{3, 1, 1, 5}, {3, 3, 5}, {.stride = 1, .padding = 1}},
      {{3, 1, 1, 5}, {3, 3, 5}, {.stride = 2, .padding = 1}},
      {{1, 1, 9, 2}, {3, 3, 2}, {.stride = 1, .padding = 1}},
      {{1, 2, 1, 2}, {3, 3, 2}, {.stride = 2, .padding = 1}},
      {{17, 3, 2, 2}, {3, 3, 2}, {.stride = 2, .padding = 1}},
  };
  for (const auto& c : cases) check(depthwise(c.x, c.w, c.o));
  for (long w = 1; w <= 16; ++w) {  // rows of every length: several pixels share their loads
    check(depthwise({1, 2, w, 2}, {3, 3, 2}, {.stride = 1, .padding = 1}));
    check(depthwise({1, 3, w, 2}, {3, 3, 2}, {.stride = 2, .padding = 1}));
  }
}

TEST_CASE("depthwise_conv2d: channels around the vector widths and the groups of a sweep") {
  for (long c : {1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 64, 65, 97}) {
    check(depthwise({1, 2, 3, c}, {3, 3, c}, {.stride = 1, .padding = 1}));
    check(depthwise({1, 3, 2, c}, {3, 3, c}, {.stride = 2, .padding = 1}));
    check(depthwise({1, 2, 2, c}, {2, 2, c}, {.stride = 1, .padding = 1}));
  }
}

TEST_CASE("depthwise_conv2d between deferred values") {
  for (const Case& c : all_dressed(depthwise({2, 3, 4, 9}, {3, 3, 9}, {.stride = 1, .padding = 1}))) check(c);
  for (const Case& c : all_dressed(depthwise({2, 5, 4, 5}, {3, 3, 5}, {.stride = 2, .padding = 1}))) check(c);
  for (const Case& c : all_dressed(depthwise({2, 4, 3, 5}, {2, 3, 5}, {.stride = 1, .padding = 1}))) check(c);
  check(dressed(depthwise({1, 3, 3, 70}, {3, 3, 70}, {.stride = 1, .padding = 1}), Dress::norm_relu6, true));
}

TEST_CASE("depthwise_conv2d on several threads") {
  check(large(dressed(depthwise({19, 7, 9, 14}, {3, 3, 14}, {.stride = 1, .padding = 1}), Dress::norm_relu6, true)));
  check(large(dressed(depthwise({19, 9, 7, 14}, {3, 3, 14}, {.stride = 2, .padding = 1}), Dress::norm_relu6, true)));
  check(large(dressed(depthwise({19, 7, 9, 14}, {3, 5, 14}, {.stride = 1, .padding = 1}), Dress::norm_relu6, true)));
}

TEST_CASE("depthwise_conv2d of a picture, which wants no gradient, needs more scratch than its sweep") {
  check(large(depthwise({2, 28, 28, 1}, {3, 3, 1}, {.stride = 1, .padding = 1})));
  check(large(depthwise({1, 29, 30, 65}, {3, 3, 65}, {.stride = 2, .padding = 1})));
}
