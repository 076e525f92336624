#include "../../train/evaluate.h"

#include <doctest/doctest.h>

#include <cmath>

#include "../../train/closed_gates.h"
#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

TEST_CASE("loss, accuracy and confusion matrix are those of the logits") {
  const Dataset data = few_digits(160, 130);
  const Model model = small_net(3);
  const std::vector<real> logits = model.logits(data.test.bytes(0, 130), 1);
  double loss = 0;
  std::vector<long> confusion(100);
  for (int i = 0; i < 130; ++i) {
    const real* row = logits.data() + i * 10;
    const int label = data.test.labels[std::size_t(i)];
    double sum = 0;
    for (int c = 0; c < 10; ++c) sum += std::exp(double(row[c]));
    loss -= std::log(std::exp(double(row[label])) / sum);
    ++confusion[std::size_t(label * 10 + int(std::max_element(row, row + 10) - row))];
  }
  const Evaluation e = evaluate(model, data.test, 1);
  CHECK(e.loss == doctest::Approx(loss / 130).epsilon(1e-6));
  CHECK(e.confusion == confusion);
  CHECK(e.images() == 130);
  long right = 0;
  for (int c = 0; c < 10; ++c) right += e.count(c, c);
  CHECK(e.accuracy() == double(right) / 130);
  CHECK(accuracy(model, data.test, 2) == e.accuracy());
}

TEST_CASE("a confusion matrix has a place for every pair of classes, or the split is refused") {
  for (const int classes : {1000, 65536}) {  // of which the square is no int
    const Model model({1, 1, 1}, Sequential{Flatten{}, Linear{{.out_features = classes}}});
    const Split split{{1, 1, 1}, {7}, {classes - 1}, classes};
    if (classes <= kMaxClasses)
      CHECK(evaluate(model, split, 1).confusion.size() == std::size_t(classes) * std::size_t(classes));
    else
      CHECK(contains(message_of([&] { evaluate(model, split, 1); }), {"65536 classes", "from 1 to 16384"}));
  }
}

TEST_CASE("threads do not change an evaluation, and each image counts for itself") {
  const Dataset data = few_digits(160, 130);
  const Model model = small_net(3);
  const Evaluation one = evaluate(model, data.test, 1);
  for (int threads : {2, 7}) {
    CHECK(evaluate(model, data.test, threads).confusion == one.confusion);
    CHECK(evaluate(model, data.test, threads).loss == one.loss);
  }
  double loss = 0;
  for (long i = 0; i < 130; ++i) {
    const auto first = data.test.pixels.begin() + i * 64;
    loss += evaluate(model, make_split({8, 8, 1}, {first, first + 64}, {data.test.labels[std::size_t(i)]}, 10), 1).loss;
  }
  CHECK(one.loss == doctest::Approx(loss / 130).epsilon(1e-12));
}

TEST_CASE("accuracy of a class") {
  Evaluation e{.classes = 3, .loss = 0, .confusion = {3, 1, 0, 0, 0, 0, 2, 0, 2}};
  CHECK(e.class_accuracy(0) == 0.75);
  CHECK(std::isnan(e.class_accuracy(1)));
  CHECK(e.class_accuracy(2) == 0.5);
  CHECK(e.accuracy() == 5.0 / 8);
}

TEST_CASE("the largest logit, ties and NaN") {
  const real nan = std::numeric_limits<real>::quiet_NaN();
  const real a[] = {1, 3, 3, 2}, b[] = {nan, -1, nan}, c[] = {nan, nan};
  CHECK(argmax(a, 4) == 1);
  CHECK(argmax(b, 3) == 1);
  CHECK(argmax(c, 2) >= 0);
  const real huge[] = {1000, 0};
  CHECK(cross_entropy_of(huge, 2, 1) == doctest::Approx(1000));
  CHECK(cross_entropy_of(huge, 2, 0) == 0);
  CHECK(std::isnan(cross_entropy_of(c, 2, 0)));
}

TEST_CASE("images that the model does not take are refused") {
  const Dataset data = few_digits();
  Model flat({64}, Sequential{Linear{{.out_features = 10}}});
  CHECK(contains(message_of([&] { evaluate(flat, data.test); }), {"images: are [8,8,1]", "the model takes [64]"}));
  CHECK(contains(message_of([&] { evaluate(small_net(), Split{}); }), {"images: "}));
}

TEST_CASE("closed gates are counted at both bounds, by layer") {
  // 1x1 convolutions with weights of our choice: x in [0, 1] becomes 10 x - 2 and 1 - x.
  Model model({8, 8, 1}, Sequential{Conv2d{{.out_channels = 1, .kernel = 1}}, ReLU6{}, Conv2d{{.out_channels = 1, .kernel = 1}},
                                    ReLU{}, Flatten{}, Linear{{.out_features = 10}}});
  const auto set = [&](const char* name, real value) {
    const auto& params = model.params().params();
    for (std::size_t i = 0; i < params.size(); ++i)
      if (params[i].name == name) *model.params().value(int(i)) = value;
  };
  set("layers.0.weight", 10), set("layers.0.bias", -2), set("layers.2.weight", -1), set("layers.2.bias", 1);
  const Dataset data = few_digits();
  const auto gates = closed_gates(model, data.train.bytes(0, 20), 1);
  long low = 0, high = 0, second = 0;
  for (int i = 0; i < 20 * 64; ++i) {
    const real y = real(data.train.pixels[std::size_t(i)]) / 255 * 10 - 2, x = std::min(std::max(y, real(0)), real(6));
    low += y <= 0, high += y >= 6, second += 1 - x <= 0;
  }
  REQUIRE(gates.size() == 2);
  CHECK(gates[0].layer == "layers.1");
  CHECK(gates[0].at_lo == doctest::Approx(low / 1280.0));
  CHECK(gates[0].at_hi == doctest::Approx(high / 1280.0));
  CHECK(gates[0].hi == 6);
  CHECK(gates[1].layer == "layers.3");
  CHECK(gates[1].at_lo == doctest::Approx(second / 1280.0));
  CHECK(gates[1].at_hi == 0);
  CHECK(gates[1].hi == kInf);
}

}  // namespace
}  // namespace six::test
