#include "digits.h"

#include <algorithm>
#include <charconv>

#include "../core/error.h"
#include "file.h"
#include "gzip.h"

extern const unsigned char six_digits_csv_gz[];
extern const unsigned long six_digits_csv_gz_size;

namespace six {
namespace {

constexpr int kPixels = kDigitsSide * kDigitsSide, kFields = kPixels + 1;
constexpr std::size_t kMaxCsv = std::size_t(16) << 20;

// The fields of one line, without its end.
void parse_line(std::string_view line, std::size_t number, Digits& digits, const std::string& where) {
  for (int field = 1; field <= kFields; ++field) {
    const bool pixel = field <= kPixels;
    const std::size_t comma = line.find(',');
    const std::string_view text = line.substr(0, pixel ? comma : line.size());
    unsigned value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
    if (!whole || value > (pixel ? 16u : 9u) || (pixel && comma == std::string_view::npos)) {
      fail(where, ": line ", number, ", column ", field, " of ", kFields, ": ", printable(text), ", expected ",
           pixel ? "a pixel from 0 to 16 and a comma" : "a label from 0 to 9 and the end of the line");
    }
    if (pixel) {
      digits.pixels.push_back(std::uint8_t((value * 255 + 8) / 16));
      line.remove_prefix(comma + 1);
    } else {
      digits.labels.push_back(int(value));
    }
  }
}

}  // namespace

Digits parse_digits(std::string_view csv, const std::string& where) {
  require(!csv.empty(), where, ": is empty");
  Digits digits;
  for (std::size_t number = 1; !csv.empty(); ++number) {
    const std::size_t end = std::min(csv.find('\n'), csv.size());
    std::string_view line = csv.substr(0, end);
    if (line.ends_with('\r') && end < csv.size()) line.remove_suffix(1);
    parse_line(line, number, digits, where);
    csv.remove_prefix(std::min(end + 1, csv.size()));
  }
  return digits;
}

std::span<const std::uint8_t> embedded_digits() { return {six_digits_csv_gz, six_digits_csv_gz_size}; }

Digits read_embedded_digits() {
  const std::string where = "embedded digits";
  Digits digits = parse_digits(as_text(gunzip(embedded_digits(), kMaxCsv, where)), where);
  require(digits.labels.size() == kDigitsRows, where, ": ", digits.labels.size(), " rows, expected ", kDigitsRows);
  return digits;
}

}  // namespace six
