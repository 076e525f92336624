// What could overflow 32 bits is refused, with a remedy that works.
#include <doctest/doctest.h>

#include <algorithm>

#include "../../deploy/emulator.h"
#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

// One number through two convolutions whose weight is 1 and whose bias is 0, and the sum of both: values 1 and 2, and 3.
Model sum_of_two() {
  const Conv2d one{{.out_channels = 1, .kernel = {1}}};
  Model m({1, 1, 1}, Sequential{one, Residual{one}});
  for (int i : {0, 2}) *m.params().value(i) = 1, *m.params().value(i + 1) = 0;
  return m;
}
IntNetwork with_ranges(const Model& m, const std::vector<Range>& ranges, Rounding rounding = Rounding::single) {
  QuantOptions o;
  o.rounding = rounding;
  return quantize(graph_of(m), ranges, o);
}
std::string refusal_with(const Model& m, const std::vector<Range>& ranges, Rounding rounding = Rounding::single) {
  return message_of([&] { with_ranges(m, ranges, rounding); });
}

TEST_CASE("overflow: a bias far larger than what its weights weigh; of weights that are 0 it has a scale of its own") {
  Model m({2, 2, 1}, Sequential{Conv2d{{.out_channels = 2, .kernel = {1}}}, GlobalAvgPool{}});
  real* bias = m.params().value(1);
  real& weight = m.params().value(0)[1];
  weight = real(1e-9), bias[1] = 100;
  const auto message = [&](bool sums) { return message_of([&] { integer_network(m, {}, sums); }); };
  CHECK(contains(message(false),
                 {"layers.0 (conv2d): channel 1: the bias 100 is ", " at most 2147451262 fit", "weights", "set them to 0"}));
  weight = 0;
  CHECK(message(false) == "no error");
}

TEST_CASE("overflow: a bias far larger than the range of the input") {
  Model m = sum_of_two();
  *m.params().value(3) = 1;
  CHECK(contains(refusal_with(m, {{0, 1}, {0, 1e-6}, {0, 1}, {0, 1}}),
                 {"layers.1.layers.0 (conv2d): channel 0: the bias 1 is ", "the range [0, 1e-06] of its input is too narrow"}));
  CHECK(refusal_with(m, {{0, 1}, {0, 1}, {0, 1}, {0, 1}}) == "no error");
}

TEST_CASE("overflow: more weights than a sum of 32 bits holds") {
  Model m({70000}, Sequential{Linear{{.out_features = 1}}});
  std::fill_n(m.params().value(0), 70000, real(1));
  CHECK(contains(message_of([&] { integer_network(m); }), {"layers.0 (matmul): channel 0: ", "70000 weights", "--weight-bits"}));
  QuantOptions narrower;
  narrower.weights.bits = 7;
  CHECK(message_of([&] { integer_network(m, narrower); }) == "no error");
}

TEST_CASE("overflow: a range far narrower than the sums; rounding twice needs room for one more power of two") {
  const Model m = sum_of_two();
  const auto all = [](double second) { return std::vector<Range>{{0, 1}, {0, 1}, {0, second}, {0, 1}}; };
  for (const Rounding rounding : {Rounding::single, Rounding::twofold})
    CHECK(contains(refusal_with(m, all(1e-9), rounding),
                   {"layers.1.layers.0 (conv2d): channel 0: ", "range [0, 1e-09]", "too narrow"}));
  const double hi = 1 / (127 * 65800.);  // multiplied by 65800: 17 bits
  CHECK(refusal_with(m, all(hi)) == "no error");
  CHECK(contains(refusal_with(m, all(hi), Rounding::twofold), {"layers.1.layers.0 (conv2d): channel 0: ", "--rounding single"}));
}

TEST_CASE("overflow: an addition whose result has a far finer step than its operands rounds once, or is refused") {
  const Model m = sum_of_two();
  const auto all = [](double factor) { return std::vector<Range>{{0, 1}, {0, 1}, {0, 1}, {0, 2 / (1048576 * factor)}}; };
  const std::vector<std::uint8_t> white = {255};
  for (const double factor : {1., 7.9, 8.1, 1e6})
    for (const Rounding rounding : {Rounding::single, Rounding::twofold}) {
      CAPTURE(factor);
      if (rounding == Rounding::twofold && factor > 8) {
        CHECK(contains(refusal_with(m, all(factor), rounding), {"layers.1 (", "--rounding single"}));
        continue;
      }
      const IntNetwork net = with_ranges(m, all(factor), rounding);
      CHECK(Emulator(net).run(white)[0] == 127);
    }
}

}  // namespace
}  // namespace six::test
