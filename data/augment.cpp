#include "augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <type_traits>

#include "../core/error.h"

namespace six {
namespace {

using Fixed = std::int64_t;
constexpr int kFraction = 32;
constexpr Fixed kOne = Fixed(1) << kFraction;
constexpr int kWeight = 11;      // bits of the interpolation weights: 8 + 2 * 11 fit an int
constexpr int kKnotWeight = 15;  // bits of a control point's: twice, they and a displacement of up to 1,000 pixels fit 64 bits
constexpr double kMaxElastic = 1000;

Fixed fixed(double v) { return Fixed(std::llround(v * double(kOne))); }
int weight(Fixed v) { return int(v >> (kFraction - kWeight)) & ((1 << kWeight) - 1); }

// One pixel wide before the image, two after: a coordinate clamped to [-1, w] and its right neighbour are then always inside.
constexpr long kFrame = 3;

void check_option(double value, double most, const char* name) {
  require(value >= 0 && value <= most, "augmentation: ", name, " is ", value, ", must be from 0 to ", most);
}

}  // namespace

Augmenter::Augmenter(const Augment& options, const Shape& image, int threads) : h_(image[0]), w_(image[1]), c_(image[2]) {
  set(options);
  require(image.rank() == 3 && image.size() > 0, "augmentation: an image must be [h, w, c], got ", image);
  require(threads >= 1, "augmentation: ", threads, " threads, must be at least 1");
  padded_.assign(std::size_t((h_ + kFrame) * (w_ + kFrame) * c_ * threads), 0);
  displacements_.assign(std::size_t(2 * w_ * threads), 0);
  rows_ = knots(h_), columns_ = knots(w_);
}

std::vector<Augmenter::Knot> Augmenter::knots(long size) {
  std::vector<Knot> out;
  for (long i = 0; i < size; ++i) {
    const double at = (double(i) + 0.5) / double(size) * kElasticCells, u = at - std::floor(at), v = 1 - u;
    const auto whole = [](double x) { return std::int32_t(std::lround(x * (1 << kKnotWeight))); };
    const std::int32_t a = whole(v * v * v / 6), b = whole((3 * u * u * u - 6 * u * u + 4) / 6), d = whole(u * u * u / 6);
    out.push_back({int(std::floor(at)), {a, b, (1 << kKnotWeight) - a - b - d, d}});
  }
  return out;
}

void Augmenter::set(const Augment& options) {
  check_option(options.shift, 1e4, "shift");
  check_option(options.rotate, 180, "rotate");
  check_option(options.scale, 0.9, "scale");
  check_option(options.elastic, kMaxElastic, "elastic");
  options_ = options;
}

Warp Augmenter::draw(const Rng& rng, std::uint64_t sample) const {
  const auto uniform = [&](std::uint64_t which, double range) { return range != 0 ? rng.uniform(which, -range, range) : 0; };
  const double dx = uniform(4 * sample, options_.shift), dy = uniform(4 * sample + 1, options_.shift);
  const double angle = uniform(4 * sample + 2, options_.rotate) * std::numbers::pi / 180;
  const double factor = 1 + uniform(4 * sample + 3, options_.scale);
  // Forward: p' = center + shift + factor * R(angle) * (p - center). Here its inverse.
  const double cos = std::cos(angle) / factor, sin = std::sin(angle) / factor;
  const double cx = double(w_ - 1) / 2, cy = double(h_ - 1) / 2;
  Warp w{{cos, sin, cx - cos * (cx + dx) - sin * (cy + dy), -sin, cos, cy + sin * (cx + dx) - cos * (cy + dy)}};
  w.elastic = options_.elastic != 0;
  if (!w.elastic) return w;
  std::uint64_t index = (std::uint64_t(1) << 40) + sample * 2 * w.x.size();  // beyond all numbers above
  for (ElasticField* field : {&w.x, &w.y})
    for (std::int64_t& d : *field) d = std::llround(uniform(index++, options_.elastic / kElasticUnit));
  return w;
}

// Rows first: the control points of the row's own spline, then its values.
void Augmenter::field_row(const ElasticField& field, long row, Fixed* displacements) const {
  const Knot& r = rows_[std::size_t(row)];
  std::array<Fixed, kElasticPoints> points{};
  for (int j = 0; j < kElasticPoints; ++j) {
    for (int k = 0; k < 4; ++k)
      points[std::size_t(j)] += r.weights[std::size_t(k)] * field[std::size_t((r.first + k) * kElasticPoints + j)];
  }
  constexpr int kShift = kElasticBits + 2 * kKnotWeight - kFraction;  // to Fixed
  for (long i = 0; i < w_; ++i) {
    const Knot& c = columns_[std::size_t(i)];
    Fixed sum = 0;
    for (int k = 0; k < 4; ++k) sum += c.weights[std::size_t(k)] * points[std::size_t(c.first + k)];
    displacements[i] = sum >> kShift;
  }
}

void Augmenter::warp(const Warp& warp, const std::uint8_t* from, std::uint8_t* to, int thread) {
  const InverseMap& map = warp.map;
  const long row_bytes = w_ * c_, stride = row_bytes + kFrame * c_;
  std::uint8_t* frame = padded_.data() + thread * (h_ + kFrame) * stride;
  for (long y = 0; y < h_; ++y) std::memcpy(frame + (y + 1) * stride + c_, from + y * row_bytes, std::size_t(row_bytes));

  const std::uint8_t* origin = frame + stride + c_;
  const Fixed step_x = fixed(map[0]), step_y = fixed(map[3]), max_x = w_ * kOne, max_y = h_ * kOne;
  Fixed *dx = displacements_.data() + thread * 2 * w_, *dy = dx + w_;
  std::fill(dx, dx + 2 * w_, 0);
  for (long row = 0; row < h_; ++row) {
    if (warp.elastic) field_row(warp.x, row, dx), field_row(warp.y, row, dy);
    Fixed x = fixed(map[1] * double(row) + map[2]), y = fixed(map[4] * double(row) + map[5]);
    // Grey images, by far the most frequent, have the number of channels as a constant.
    const auto sample_row = [&](auto channels) {
      for (long column = 0; column < w_; ++column, x += step_x, y += step_y, to += channels) {
        // Clamped coordinates have fraction 0 and read zeros from the frame: no pixel needs a branch.
        const Fixed sx = std::clamp(x + dx[column], -kOne, max_x), sy = std::clamp(y + dy[column], -kOne, max_y);
        const std::uint8_t *top = origin + (sy >> kFraction) * stride + (sx >> kFraction) * channels, *bottom = top + stride;
        const int fx = weight(sx), fy = weight(sy);
        for (long k = 0; k < channels; ++k) {
          const int upper = (top[k] << kWeight) + fx * (top[k + channels] - top[k]);
          const int lower = (bottom[k] << kWeight) + fx * (bottom[k + channels] - bottom[k]);
          to[k] = std::uint8_t(((upper << kWeight) + fy * (lower - upper) + (1 << (2 * kWeight - 1))) >> (2 * kWeight));
        }
      }
    };
    c_ == 1 ? sample_row(std::integral_constant<long, 1>{}) : sample_row(c_);
  }
}

}  // namespace six
