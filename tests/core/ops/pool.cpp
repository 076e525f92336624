// Pools.
#include <doctest/doctest.h>

#include "../../harness.h"

using namespace six;
using namespace six::test;

namespace {

Case max_of(Shape s, PoolOptions o) {
  return {"max_pool2d",
          {drawn(s, 1)},
          [o](const std::vector<Var>& x) { return max_pool2d(x[0], o); },
          [o](const std::vector<Array>& x) { return naive::max_pool2d(x[0], o); }};
}
Case avg_of(Shape s, PoolOptions o) {
  return {"avg_pool2d",
          {drawn(s, 2)},
          [o](const std::vector<Var>& x) { return avg_pool2d(x[0], o); },
          [o](const std::vector<Array>& x) { return naive::avg_pool2d(x[0], o); }};
}
Case gap_of(Shape s) {
  return {"global_avg_pool",
          {drawn(s, 3)},
          [](const std::vector<Var>& x) { return global_avg_pool(x[0]); },
          [](const std::vector<Array>& x) { return naive::global_avg_pool(x[0]); }};
}

}  // namespace

TEST_CASE("max and average pools: kernels, strides, paddings, odd sizes, channels") {
  const struct {
    Shape x;
    PoolOptions o;
  } cases[] = {
      {{2, 4, 6, 3}, {}},
      {{2, 5, 7, 3}, {}},
      {{1, 7, 6, 2}, {.kernel = 3, .stride = 2, .padding = 1}},
      {{1, 6, 7, 2}, {.kernel = 3, .stride = 1}},
      {{1, 5, 5, 2}, {.kernel = 2, .stride = 3}},
      {{2, 4, 4, 1}, {.kernel = 3, .stride = 1, .padding = {1, 0, 1, 1}}},
      {{3, 1, 1, 4}, {.kernel = 1}},
      {{1, 1, 1, 1}, {.kernel = 2, .stride = 1, .padding = 1}},
      {{18, 3, 3, 2}, {.kernel = 3}},
  };
  for (const auto& c : cases) check(max_of(c.x, c.o)), check(avg_of(c.x, c.o));
  for (long c : {1, 3, 7, 8, 9, 15, 16, 17, 31, 33}) check(max_of({1, 3, 4, c}, {})), check(avg_of({1, 3, 4, c}, {}));
}

TEST_CASE("global_avg_pool: sizes and channels") {
  for (long c : {1, 3, 7, 8, 9, 15, 16, 17, 31, 33}) check(gap_of({2, 3, 2, c}));
  check(gap_of({1, 1, 1, 1}));
  check(gap_of({3, 1, 1, 5}));
  check(gap_of({2, 8, 8, 3}));  // more pixels than one run of sums
}

TEST_CASE("pools between deferred values, on several threads") {
  for (const Case& c : all_dressed(gap_of({5, 3, 2, 9}))) check(c);
  for (const Case& c : all_dressed(gap_of({3, 8, 8, 3}))) check(c);
  for (Dress d : {Dress::none, Dress::bias, Dress::norm_relu6}) {
    check(dressed(avg_of({2, 5, 5, 3}, {.kernel = 3, .stride = 2, .padding = 1}), d, true));
    if (d != Dress::norm_relu6) check(dressed(max_of({2, 5, 5, 3}, {.kernel = 3, .stride = 2, .padding = 1}), d, true));
  }
  for (Case c :
       {dressed(gap_of({19, 7, 9, 14}), Dress::norm_relu6, true), dressed(avg_of({19, 7, 9, 14}, {}), Dress::norm_relu6, true),
        dressed(max_of({19, 7, 9, 14}, {}), Dress::norm, true)}) {
    c.large = true;
    check(c);
  }
}

TEST_CASE("max_pool2d: of equal numbers the first gets the gradient, NaN wins, padding never does") {
  std::vector<real> x = {5, 5, 5, 5, 1, 2, 2, real(std::nan("")), -7, -8, -9, real(-7.5)};
  Tape tape;
  const Var in = tape.input(x.data(), {3, 2, 2, 1}, true), y = max_pool2d(in, {.kernel = 2, .padding = {1, 0, 0, 0}});
  CHECK(y.shape() == Shape{3, 1, 1, 1});  // the padding and the upper row
  const std::vector<real> v = y.values();
  CHECK(v[0] == 5);
  CHECK(v[1] == 2);
  CHECK(v[2] == -7);
  tape.reset();
  const Var again = tape.input(x.data(), {3, 2, 2, 1}, true), whole = max_pool2d(again);
  CHECK(std::isnan(whole.values()[1]));
  tape.backward(sum(whole));
  CHECK(again.grad() == std::vector<real>{1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0});
}
