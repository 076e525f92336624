#include "../../data/augment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include "../../data/dataset.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

std::vector<std::uint8_t> noise(const Shape& image, std::uint64_t seed) {
  std::vector<std::uint8_t> pixels(std::size_t(image.size()));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = std::uint8_t(Rng(seed, Purpose::user).below(i, 256));
  return pixels;
}

// The uniform cubic B-spline about 0, of width 4.
double b_spline(double t) {
  t = std::abs(t);
  return t < 1 ? (4 - 6 * t * t + 3 * t * t * t) / 6 : t < 2 ? (2 - t) * (2 - t) * (2 - t) / 6 : 0;
}

// All control points, each with its spline; point p lies at p - 1 cells from the image's edge.
double naive_field(const ElasticField& field, double y, double x) {
  double sum = 0;
  for (int i = 0; i < kElasticPoints; ++i) {
    for (int j = 0; j < kElasticPoints; ++j)
      sum += kElasticUnit * double(field[std::size_t(i * kElasticPoints + j)]) * b_spline(y - (i - 1)) * b_spline(x - (j - 1));
  }
  return sum;
}

// The same in doubles, pixel by pixel.
std::vector<std::uint8_t> naive_warp(const Warp& warp, const std::vector<std::uint8_t>& from, const Shape& image) {
  const InverseMap& m = warp.map;
  const long h = image[0], w = image[1], c = image[2];
  const auto at = [&](long y, long x, long k) {
    return y < 0 || y >= h || x < 0 || x >= w ? 0. : double(from[std::size_t((y * w + x) * c + k)]);
  };
  std::vector<std::uint8_t> out;
  for (long row = 0; row < h; ++row) {
    for (long column = 0; column < w; ++column) {
      const double u = (double(column) + 0.5) / double(w) * kElasticCells, v = (double(row) + 0.5) / double(h) * kElasticCells;
      const double x = m[0] * double(column) + m[1] * double(row) + m[2] + naive_field(warp.x, v, u);
      const double y = m[3] * double(column) + m[4] * double(row) + m[5] + naive_field(warp.y, v, u);
      const long ix = long(std::floor(x)), iy = long(std::floor(y));
      const double fx = x - double(ix), fy = y - double(iy);
      for (long k = 0; k < c; ++k) {
        out.push_back(std::uint8_t(std::lround((1 - fy) * ((1 - fx) * at(iy, ix, k) + fx * at(iy, ix + 1, k)) +
                                               fy * ((1 - fx) * at(iy + 1, ix, k) + fx * at(iy + 1, ix + 1, k)))));
      }
    }
  }
  return out;
}

int worst_difference(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  REQUIRE(a.size() == b.size());
  int worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(int(a[i]) - int(b[i])));
  return worst;
}

std::vector<std::uint8_t> warped(const Warp& warp, const std::vector<std::uint8_t>& from, const Shape& image) {
  std::vector<std::uint8_t> to(from.size() + 2, 77);
  Augmenter({}, image, 1).warp(warp, from.data(), to.data() + 1);
  CHECK(to.front() == 77);
  CHECK(to.back() == 77);
  return {to.begin() + 1, to.end() - 1};
}

}  // namespace

TEST_CASE("augment: within one grey level of the naive twin in doubles") {
  for (const Shape& image : {Shape{28, 28, 1}, {8, 8, 1}, {1, 1, 1}, {5, 9, 3}, {1, 17, 1}, {200, 3, 2}}) {
    const std::vector<std::uint8_t> from = noise(image, 1);
    for (const Augment& options : {Augment{.shift = 3},
                                   {.rotate = 180},
                                   {.scale = 0.9},
                                   {.shift = 2.5, .rotate = 15, .scale = 0.1},
                                   {.shift = 1e4},
                                   {.elastic = 4},
                                   {.rotate = 90, .elastic = 30}}) {
      const Augmenter augmenter(options, image, 1);
      for (std::uint64_t i = 0; i < 40; ++i) {
        const Warp w = augmenter.draw(Rng(7, Purpose::augment), i);
        CHECK(worst_difference(warped(w, from, image), naive_warp(w, from, image)) <= 1);
      }
    }
  }
}

TEST_CASE("augment: no change, whole shifts and quarter turns are exact") {
  const Shape image{3, 3, 1};
  const std::vector<std::uint8_t> from = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK(warped({{1, 0, 0, 0, 1, 0}}, from, image) == from);
  CHECK(warped({{1, 0, -1, 0, 1, 0}}, from, image) == std::vector<std::uint8_t>{0, 1, 2, 0, 4, 5, 0, 7, 8});  // to the right
  CHECK(warped({{1, 0, 0, 0, 1, 2}}, from, image) == std::vector<std::uint8_t>{7, 8, 9, 0, 0, 0, 0, 0, 0});   // up by two
  CHECK(warped({{1, 0, 3, 0, 1, 0}}, from, image) == std::vector<std::uint8_t>(9, 0));
  CHECK(warped({{0, 1, 0, -1, 0, 2}}, from, image) == std::vector<std::uint8_t>{7, 4, 1, 8, 5, 2, 9, 6, 3});  // clockwise
  CHECK(warped({{1, 0, 0.5, 0, 1, 0}}, from, image) ==
        std::vector<std::uint8_t>{2, 3, 2, 5, 6, 3, 8, 9, 5});  // halves are rounded up
  CHECK(Augmenter({}, image, 1).draw(Rng(1, Purpose::augment), 5).map == InverseMap{1, 0, 0, 0, 1, 0});
}

TEST_CASE("augment: the drawn maps stay in their ranges, fill them, and keep the centre apart from the shift") {
  const Shape image{9, 7, 1};
  const double cx = 3, cy = 4;
  double shift = 0, angle = 0, least = 2, most = 0;
  const Augmenter augmenter({.shift = 2, .rotate = 30, .scale = 0.25}, image, 1);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const InverseMap m = augmenter.draw(Rng(3, Purpose::augment), i).map;
    const double factor = 1 / std::hypot(m[0], m[3]), turn = std::atan2(m[1], m[0]) * 180 / std::numbers::pi;
    CHECK(m[0] * m[4] - m[1] * m[3] == doctest::Approx(1 / (factor * factor)));
    // The forward image of the centre is the centre plus the shift: solve m * (c + s) = c.
    const double bx = cx - m[2], by = cy - m[5], f2 = factor * factor;
    const double sx = f2 * (m[4] * bx - m[1] * by) - cx, sy = f2 * (m[0] * by - m[3] * bx) - cy;
    shift = std::max({shift, std::abs(sx), std::abs(sy)});
    angle = std::max(angle, std::abs(turn));
    least = std::min(least, factor), most = std::max(most, factor);
  }
  CHECK(shift <= 2 + 1e-9);
  CHECK(shift > 1.99);
  CHECK(angle <= 30 + 1e-9);
  CHECK(angle > 29.9);
  CHECK(least >= 0.75 - 1e-9);
  CHECK(least < 0.751);
  CHECK(most <= 1.25 + 1e-9);
  CHECK(most > 1.249);
}

TEST_CASE("augment: control points of a field stay in their range, fill it, and are other numbers for every one, axis and image") {
  const Augmenter augmenter({.elastic = 3}, {9, 7, 1}, 1);
  std::vector<double> all;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Warp w = augmenter.draw(Rng(3, Purpose::augment), i);
    CHECK(w.elastic);
    CHECK(w.map == InverseMap{1, 0, 0, 0, 1, 0});
    for (const ElasticField* field : {&w.x, &w.y})
      for (const std::int64_t d : *field) all.push_back(kElasticUnit * double(d));
  }
  std::sort(all.begin(), all.end());
  // Of 1,960 numbers from 393,217 about 5 meet another by chance; an axis, point or image that repeats makes it dozens.
  CHECK(std::set<double>(all.begin(), all.end()).size() > all.size() - 20);
  CHECK(all.front() >= -3);
  CHECK(all.front() < -2.99);
  CHECK(all.back() <= 3);
  CHECK(all.back() > 2.99);
}

TEST_CASE("augment: a field that is the same everywhere is a shift") {
  const Shape image{12, 9, 1};
  const std::vector<std::uint8_t> from = noise(image, 2);
  Warp field{.elastic = true};
  field.x.fill(2 * 65536), field.y.fill(-3 * 65536);
  CHECK(warped(field, from, image) == warped({{1, 0, 2, 0, 1, -3}}, from, image));
}

TEST_CASE("augment: options out of range are Errors") {
  const auto rejected = [](const Augment& options, const Shape& image = {4, 4, 1}, int threads = 1) {
    return message_of([&] { Augmenter(options, image, threads); });
  };
  for (const double bad : {-1., 1e5, std::nan(""), HUGE_VAL}) {
    CHECK(contains(rejected({.shift = bad}), {"augmentation: shift is "}));
    CHECK(contains(rejected({.rotate = bad}), {"augmentation: rotate is "}));
    CHECK(contains(rejected({.scale = bad}), {"augmentation: scale is "}));
    CHECK(contains(rejected({.elastic = bad}), {"augmentation: elastic is "}));
  }
  CHECK(contains(rejected({.scale = 0.95}), {"scale is 0.95", "0.9"}));
  CHECK(contains(rejected({}, {4, 4}), {"[4,4]"}));
  CHECK(contains(rejected({}, {4, 4, 1}, 0), {"0 threads"}));
  CHECK(rejected({.shift = 1, .rotate = 180, .scale = 0.9}) == "no error");
}

TEST_CASE("augment: batches are the same for 1, 2 and 7 threads and depend on the sample only") {
  const Dataset data = load_digits();
  const auto epoch = [&](int threads, long batch, std::optional<std::uint64_t> seed, std::uint64_t number) {
    std::vector<std::vector<std::uint8_t>> images(std::size_t(data.train.size()));
    const Augment augment{.shift = 1, .rotate = 10, .scale = 0.1, .elastic = 1};
    for (const Batch& b : data.train.batches(
             batch, {.shuffle_seed = seed, .epoch = number, .drop_last = false, .augment = augment, .threads = threads})) {
      for (std::size_t i = 0; i < b.samples.size(); ++i)
        images[b.samples[i]] = {b.images.data + i * 64, b.images.data + (i + 1) * 64};
    }
    return images;
  };
  const auto one = epoch(1, 128, 5, 2);
  CHECK(epoch(2, 128, 5, 2) == one);
  CHECK(epoch(7, 128, 5, 2) == one);
  CHECK(epoch(2, 100, 5, 2) == one);
  CHECK(epoch(1, 128, 5, 3) != one);
  CHECK(epoch(1, 128, 6, 2) != one);
  CHECK(epoch(2, 128, std::nullopt, 1) == epoch(1, 31, std::nullopt, 1));
  long same = 0;
  for (long i = 0; i < data.train.size(); ++i)
    same += std::equal(one[std::size_t(i)].begin(), one[std::size_t(i)].end(), data.train.bytes(i, 1).data);
  CHECK(same < 10);
}
