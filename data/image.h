#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../core/shape.h"

namespace six {

// An 8-bit image: shape [h, w, c] with c = 1 (grey) or 3 (RGB), 0 black, 255 white.
struct Image {
  Shape shape;
  std::vector<std::uint8_t> pixels;
};

inline constexpr long kMaxImageSide = 16384;
// Throws `where: ...` unless both sides are from 1 to kMaxImageSide, as all images here have them.
void check_sides(long height, long width, const std::string& where);

// Binary PGM (P5), 1 or 2 bytes per sample; values are scaled from 0..maxval to 0..255. Sides 1..16384, and the file ends where the
// image does. Throws Error `where: what is wrong`.
Image parse_pgm(std::span<const std::uint8_t> file, const std::string& where);
// PNG of every kind, as 8-bit grey or RGB (16 bits are rounded), sides 1..16384; every chunk's checksum and the amount of data are
// checked. Transparent parts lie on white, as viewers show them. Colour profiles are ignored. Throws Error.
Image parse_png(std::span<const std::uint8_t> file, const std::string& where);
// Either, told apart by content. Throws Error.
Image read_image(const std::string& path);

// Luma of Rec. 601, 0.299 R + 0.587 G + 0.114 B, rounded; a grey image stays as it is.
Image to_grey(const Image& image);
// 255 - p: dark ink on paper becomes light ink on black, as in MNIST.
Image invert(Image image);
// Each output pixel is the mean over the area it covers (box filter), at [height, width]; sides from 1.
Image resize(const Image& image, long height, long width);
// What a net with input shape [h, w, c] takes: grey or RGB as c says, inverted if asked, scaled with its aspect ratio kept, centred
// on black. Throws if c is neither 1 nor 3.
Image fit(const Image& image, const Shape& input, bool inverted = false);

std::string pgm_bytes(const Image& grey);

}  // namespace six
