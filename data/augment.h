#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "../core/rng.h"
#include "../core/shape.h"

namespace six {

// Random changes to training images; all off by default. Each image gets its own numbers.
struct Augment {
  double shift = 0;   // pixels: each axis moves by a number in [-shift, shift]
  double rotate = 0;  // degrees: an angle in [-rotate, rotate]
  double scale = 0;   // the size is multiplied by a number in [1 - scale, 1 + scale]; 0 to 0.9
  // pixels: a smooth field moves what is seen. Its control points, kElasticCells to the width and to the height of the image, move
  // along each axis by numbers in [-elastic, elastic]; cubic B-splines between them are as smooth as the Gaussian of a width of
  // four pixels of Simard et al. 2003 on 28 pixels, whose best strength is `elastic` = 4.7.
  double elastic = 0;

  bool any() const { return shift != 0 || rotate != 0 || scale != 0 || elastic != 0; }
};

// Where a pixel of the new image comes from: source x = m[0] x + m[1] y + m[2], source y = m[3] x + m[4] y + m[5], in pixels from
// the centre of the top left one.
using InverseMap = std::array<double, 6>;

// Control points of a field of displacements: uniform cubic B-splines, whose cells share the image out evenly. In units of 1/65536
// of a pixel, at most 1,000 pixels: of whole numbers the result is the same on every processor.
inline constexpr int kElasticCells = 4, kElasticPoints = kElasticCells + 3;
inline constexpr int kElasticBits = 16;
inline constexpr double kElasticUnit = 1. / (1 << kElasticBits);
using ElasticField = std::array<std::int64_t, kElasticPoints * kElasticPoints>;  // [row][column]

// What happens to one image: source x = (map's x) + (x field at the new pixel), and so for y.
struct Warp {
  InverseMap map = {1, 0, 0, 0, 1, 0};
  bool elastic = false;  // false: the fields are 0 and not looked at
  ElasticField x = {}, y = {};
};

// Applies Augment to single images [h, w, c] of bytes: one affine map about the image's centre (scale, rotate, shift) and a field
// of displacements, sampled bilinearly; outside the image all is 0. The numbers drawn are a function of the Rng and the sample's
// index (below 2^32) only.
class Augmenter {
 public:
  // Throws if an option is negative, not finite or too large, or the shape is not [h, w, c]. Owns one work space per thread.
  Augmenter(const Augment& options, const Shape& image, int threads);
  void set(const Augment& options);  // throws like the constructor

  Warp draw(const Rng& rng, std::uint64_t sample) const;
  // `to` and `from` are whole images and do not overlap; `thread` is the work space to use.
  void warp(const Warp& warp, const std::uint8_t* from, std::uint8_t* to, int thread = 0);

 private:
  // Source coordinates are fixed-point numbers with 32 fractional bits: adding the step along a row is exact, unlike with floats,
  // and the result the same on every processor.
  using Fixed = std::int64_t;
  // Where a row or column lies among the control points, and what the four about it weigh.
  struct Knot {
    int first;
    std::array<std::int32_t, 4> weights;
  };
  static std::vector<Knot> knots(long size);
  void field_row(const ElasticField& field, long row, Fixed* displacements) const;

  Augment options_;
  long h_, w_, c_;
  std::vector<std::uint8_t> padded_;  // per thread: the image within a frame of zeros
  std::vector<Fixed> displacements_;  // per thread: of a row, along x, then along y
  std::vector<Knot> rows_, columns_;
};

}  // namespace six
