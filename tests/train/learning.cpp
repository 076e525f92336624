// Whether trainings learn what is there, and nothing where nothing is. Plain SGD: Adam would hide a wrong factor of a gradient.
#include <doctest/doctest.h>

#include "../../core/rng.h"
#include "support.h"

namespace six::test {
namespace {

constexpr int kSide = 8, kClasses = 4;

// Noise, and a bright patch in the quadrant that is the label; or, without signal, labels drawn at random.
Split quadrants(long n, std::uint64_t seed, bool signal) {
  const Rng rng(seed, Purpose::user);
  std::vector<std::uint8_t> pixels(std::size_t(n * kSide * kSide));
  std::vector<int> labels(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = std::uint8_t(rng.below(i, 160));
  for (long s = 0; s < n; ++s) {
    const std::uint64_t at = pixels.size() + 4 * std::uint64_t(s);
    const long quadrant = long(rng.below(at, kClasses)), dy = long(rng.below(at + 1, 3)), dx = long(rng.below(at + 2, 3));
    labels[std::size_t(s)] = signal ? int(quadrant) : int(rng.below(at + 3, kClasses));
    for (long y = 0; y < 2; ++y)
      for (long x = 0; x < 2; ++x)
        pixels[std::size_t((s * kSide + quadrant / 2 * 4 + dy + y) * kSide + quadrant % 2 * 4 + dx + x)] = 255;
  }
  return make_split({kSide, kSide, 1}, std::move(pixels), std::move(labels), kClasses);
}

double test_accuracy(bool signal) {
  const Dataset data = make_dataset("quadrants", quadrants(1200, 1, signal), quadrants(400, 2, signal));
  Model model({kSide, kSide, 1},
              Sequential{Conv2d{{.out_channels = 8, .bias = false}}, BatchNorm{}, ReLU6{},
                         Separable{{.out_channels = 16, .stride = 2}}, Flatten{}, Linear{{.out_features = kClasses}}});
  Trainer trainer(model, data, {.epochs = 4, .batch = 32, .optimizer = SGDOptions{.lr = 0.1}, .threads = 1});
  trainer.run();
  return accuracy(model, data.test, 1);
}

TEST_CASE("plain SGD finds a planted signal, and none in random labels") {
  CHECK(test_accuracy(true) >= 0.97);
  CHECK(test_accuracy(false) == doctest::Approx(0.25).epsilon(0.4));
}

}  // namespace
}  // namespace six::test
