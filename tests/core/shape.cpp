// Shapes, error messages, parameter sets.
#include "../../core/shape.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <sstream>

#include "../../core/param.h"

using namespace six;

namespace {
std::string written(const Shape& s) {
  std::ostringstream out;
  out << s;
  return out.str();
}
}  // namespace

TEST_CASE("a shape: dimensions from both ends, sizes, channels, samples, rows") {
  const Shape s{2, 3, 4, 5};
  CHECK(s.rank() == 4);
  CHECK(s[0] == 2);
  CHECK(s[-1] == 5);
  CHECK(s[-4] == 2);
  CHECK(s.size() == 120);
  CHECK(s.channels() == 5);
  CHECK(s.samples() == 2);
  CHECK(s.rows() == 24);
  CHECK(s.with(-1, 7) == Shape{2, 3, 4, 7});
  CHECK(s.with(0, 1) == Shape{1, 3, 4, 5});
  CHECK(written(s) == "[2,3,4,5]");
  CHECK(s != Shape{2, 3, 4});
  CHECK(Shape{2, 3} != Shape{3, 2});
  static_assert(Shape{2, 3}.size() == 6);
}

TEST_CASE("a scalar has one number, a vector one sample, an empty batch no rows") {
  const Shape scalar, vector{7}, empty{0, 5}, no_channels{3, 0};
  CHECK(scalar.size() == 1);
  CHECK(scalar.channels() == 1);
  CHECK(scalar.samples() == 1);
  CHECK(scalar.rows() == 1);
  CHECK(written(scalar) == "[]");
  CHECK(vector.samples() == 1);
  CHECK(vector.channels() == 7);
  CHECK(vector.rows() == 1);
  CHECK(empty.size() == 0);
  CHECK(empty.samples() == 0);
  CHECK(empty.rows() == 0);
  CHECK(no_channels.rows() == 0);
}

TEST_CASE("a shape refuses a fifth dimension, one out of range, and more numbers than can be counted") {
  const long most = Shape::kMaxDimension;
  CHECK_THROWS_WITH_AS((Shape{1, 2, 3, 4, 5}), "shape: 5 dimensions, at most 4 are supported", Error);
  CHECK_THROWS_WITH_AS((Shape{2, -3}), "shape: dimension 1 is -3, must be from 0 to 2147483647", Error);
  CHECK_THROWS_WITH_AS((Shape{most + 1}), "shape: dimension 0 is 2147483648, must be from 0 to 2147483647", Error);
  CHECK_THROWS_WITH_AS((Shape{2, 3}.with(-1, -1)), "shape: dimension 1 is -1, must be from 0 to 2147483647", Error);
  CHECK(Shape{1 << 24, 1 << 24}.size() == Shape::kMaxSize);
  CHECK_THROWS_WITH_AS((Shape{1 << 24, 1 << 24, 2}), "shape: [16777216,16777216,2] has more than 281474976710656 numbers", Error);
  CHECK_THROWS_WITH_AS((Shape{1, most, most}.with(0, most)),
                       "shape: [1,2147483647,2147483647] has more than 281474976710656 numbers", Error);
  CHECK_THROWS_WITH_AS((Shape{0, most, most, most}),
                       "shape: [0,2147483647,2147483647,2147483647] has more than 281474976710656 numbers", Error);
}

TEST_CASE("the size of a sample, also if there is none") {
  CHECK(Shape{7, 2, 3}.sample_size() == 6);
  CHECK(Shape{0, 2, 3}.sample_size() == 6);
  CHECK(Shape{7}.sample_size() == 7);
  CHECK(Shape{}.sample_size() == 1);
  CHECK(Shape{7, 0}.sample_size() == 0);
}

TEST_CASE("errors: parts are written one after another, context goes in front, the result passes through") {
  CHECK_NOTHROW(require(true, "nothing"));
  CHECK_THROWS_WITH_AS(require(false, "op: ", 3, " is not ", 4, " (x ", Shape{2, 3}, ")"), "op: 3 is not 4 (x [2,3])", Error);
  CHECK_THROWS_WITH_AS(fail("a", 1, 'b'), "a1b", Error);
  const auto inner = [] {
    return in_context("layers[3]", [] {
      return in_context("conv2d", [] {
        fail("wrong");
        return 1;
      });
    });
  };
  CHECK_THROWS_WITH_AS(inner(), "layers[3]: conv2d: wrong", Error);
  CHECK(in_context("x", [] { return 7; }) == 7);
  int value = 3;
  in_context("x", [&]() -> int& { return value; }) = 5;  // a reference stays one
  CHECK(value == 5);
  CHECK_THROWS_AS(in_context("x", []() -> int { throw std::runtime_error("other"); }), std::runtime_error);
}

TEST_CASE("a parameter set: slabs, offsets, names, buffers") {
  ParamSet set;
  CHECK(set.add("a", {2, 3}, true) == 0);
  CHECK(set.add("b", {}, false) == 1);
  CHECK(set.add_buffer("mean", {4}, real(0.5)) == 0);
  CHECK(set.add_buffer("var", {2}, 1) == 1);
  CHECK(set.add("c", {5}, true) == 2);
  CHECK(set.size() == 12);
  CHECK(set.buffer_size() == 6);
  CHECK(set.params()[2].offset == 7);
  CHECK(set.value(2) == set.values() + 7);
  CHECK(set.grad(1) == set.grads() + 6);
  CHECK(set.buffer(1) == set.buffer_values() + 4);
  CHECK(set.buffer(0)[3] == real(0.5));
  CHECK(set.buffer(1)[1] == 1);
  CHECK(set.params()[0].decays);
  CHECK_FALSE(set.params()[1].decays);
  CHECK(set.params()[1].trainable);
  for (long i = 0; i < set.size(); ++i) CHECK((set.values()[i] == 0 && set.grads()[i] == 0));
  for (const real* slab : {set.values(), set.grads(), set.buffer_values()}) CHECK(reinterpret_cast<std::uintptr_t>(slab) % 64 == 0);
  CHECK_THROWS_WITH_AS(set.add("mean", {1}, true), "parameters: the name \"mean\" is taken", Error);
  CHECK_THROWS_WITH_AS(set.add_buffer("c", {1}, 0), "parameters: the name \"c\" is taken", Error);
  CHECK(set.size() == 12);
}

TEST_CASE("values and gradients stay when a parameter set grows") {
  ParamSet set;
  set.add("a", {3}, true);
  set.begin_backward();
  std::fill_n(set.values(), 3, real(2)), std::fill_n(set.grads(), 3, real(4));
  set.add("b", {1000}, true);
  for (int i = 0; i < 3; ++i) CHECK((set.value(0)[i] == 2 && set.grad(0)[i] == 4));
  set.begin_backward();
  CHECK(set.grad(0)[2] == 4);  // not used yet
  set.mark_grads_used();
  CHECK(set.grad(0)[2] == 4);
  set.begin_backward();
  CHECK(set.grad(0)[2] == 0);
}
