#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "../core/rng.h"
#include "../core/shape.h"

namespace six {

// Random changes to training images; all off by default. Each image gets its own shift, angle and factor.
struct Augment {
  double shift = 0;   // pixels: each axis moves by a number in [-shift, shift]
  double rotate = 0;  // degrees: an angle in [-rotate, rotate]
  double scale = 0;   // the size is multiplied by a number in [1 - scale, 1 + scale]; 0 to 0.9

  bool any() const { return shift != 0 || rotate != 0 || scale != 0; }
};

// Where a pixel of the new image comes from: source x = m[0] x + m[1] y + m[2], source y = m[3] x + m[4] y + m[5], in pixels from
// the centre of the top left one.
using InverseMap = std::array<double, 6>;

// Applies Augment to single images [h, w, c] of bytes as one affine map about the image's centre (scale, rotate, shift), sampled
// bilinearly; outside the image all is 0. The numbers drawn are a function of the Rng and the sample's index only.
class Augmenter {
 public:
  // Throws if an option is negative, not finite or too large, or the shape is not [h, w, c]. Owns one work space per thread.
  Augmenter(const Augment& options, const Shape& image, int threads);
  void set(const Augment& options);  // throws like the constructor

  InverseMap draw(const Rng& rng, std::uint64_t sample) const;
  // `to` and `from` are whole images and do not overlap; `thread` is the work space to use.
  void warp(const InverseMap& map, const std::uint8_t* from, std::uint8_t* to, int thread = 0);

 private:
  Augment options_;
  long h_, w_, c_;
  std::vector<std::uint8_t> padded_;  // per thread: the image within a frame of zeros
};

}  // namespace six
