#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace six {

inline constexpr int kDigitsSide = 8, kDigitsTrain = 1437, kDigitsRows = 1797;

// 8x8 images of handwritten digits as bytes, [n, 8, 8, 1], and their labels 0..9.
struct Digits {
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
};

// Parses lines of 65 comma-separated integers: 64 pixels 0..16, stored as round(255 / 16 * value), and a label 0..9.
// Lines end in LF or CRLF. Anything else throws Error naming line and column (the field's number), both counted from 1.
Digits parse_digits(std::string_view csv, const std::string& where);

// The set that is part of the program, gzip-compressed: the test part of "Optical Recognition of Handwritten Digits"
// (E. Alpaydin, C. Kaynak 1998, UCI, CC BY 4.0). The build makes it from data/digits.csv.gz (cmake/embed.cmake).
std::span<const std::uint8_t> embedded_digits();
// It, parsed: kDigitsRows images in file order, of which the first kDigitsTrain are for training.
Digits read_embedded_digits();

}  // namespace six
