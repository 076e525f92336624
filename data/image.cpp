#include "image.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "../core/error.h"
#include "file.h"

namespace six {
namespace {

constexpr std::size_t kMaxImageFile = std::size_t(1) << 30;

// The words of a PGM header: numbers apart by white space, in which comments run from # to the end of the line.
class PgmHeader {
 public:
  PgmHeader(std::string_view rest, const std::string& where) : rest_(rest), where_(where) {}

  long number(const char* what, long most) {
    skip_space();
    long value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && std::isdigit(byte(digits)) && digits < 9; ++digits) value = 10 * value + (rest_[digits] - '0');
    require(digits > 0 && value >= 1 && value <= most, where_, ": PGM ", what, " is ",
            printable(rest_.substr(0, std::max<std::size_t>(digits, 1))), ", must be a number from 1 to ", most);
    rest_.remove_prefix(digits);
    return value;
  }
  // The samples begin after exactly one white space.
  std::string_view samples() {
    require(!rest_.empty() && std::isspace(byte(0)), where_, ": no white space after the PGM header (truncated?)");
    return rest_.substr(1);
  }

 private:
  int byte(std::size_t i) const { return static_cast<unsigned char>(rest_[i]); }
  void skip_space() {
    while (!rest_.empty() && (std::isspace(byte(0)) || rest_[0] == '#')) {
      rest_.remove_prefix(rest_[0] == '#' ? std::min(rest_.find('\n'), rest_.size()) : 1);
    }
  }
  std::string_view rest_;
  const std::string& where_;
};

void check_image(const Image& image, const char* who) {
  const Shape& s = image.shape;
  require(s.rank() == 3 && s[0] > 0 && s[1] > 0 && (s[2] == 1 || s[2] == 3) && s.size() == long(image.pixels.size()), who,
          ": an image is [h, w, 1 or 3] with as many bytes (", s, ", ", image.pixels.size(), " bytes)");
  check_sides(s[0], s[1], who);
}

// Which part of the old axis each new pixel covers, and by how much: the box filter in one direction.
struct Overlap {
  long first;
  std::vector<double> weights;  // sum 1
};
std::vector<Overlap> overlaps(long from, long to) {
  std::vector<Overlap> out;
  const double step = double(from) / double(to);
  for (long i = 0; i < to; ++i) {
    const double begin = double(i) * step, end = std::min(begin + step, double(from));
    Overlap o{long(begin), {}};
    for (long j = o.first; j < from && (o.weights.empty() || double(j) < end); ++j) {
      o.weights.push_back(std::max(0., std::min(end, double(j + 1)) - std::max(begin, double(j))) / step);
    }
    out.push_back(std::move(o));
  }
  return out;
}

}  // namespace

void check_sides(long height, long width, const std::string& where) {
  require(height >= 1 && height <= kMaxImageSide && width >= 1 && width <= kMaxImageSide, where, ": an image of ", height, "x",
          width, " pixels, its sides must be from 1 to ", kMaxImageSide);
}

Image parse_pgm(std::span<const std::uint8_t> file, const std::string& where) {
  const std::string_view text = as_text(file);
  require(text.starts_with("P5"), where, ": does not start with P5, the mark of a binary PGM file");
  PgmHeader header(text.substr(2), where);
  const long w = header.number("width", kMaxImageSide), h = header.number("height", kMaxImageSide),
             maxval = header.number("maxval", 65535);
  const std::string_view samples = header.samples();
  const std::size_t width = maxval > 255 ? 2 : 1, count = std::size_t(w) * std::size_t(h);
  require(samples.size() == count * width, where, ": ", samples.size(), " bytes follow the header, ", h, "x", w, " pixels take ",
          count * width);
  Image image{{h, w, 1}, std::vector<std::uint8_t>(count)};
  for (std::size_t i = 0; i < count; ++i) {
    long v = static_cast<unsigned char>(samples[i * width]);
    if (width == 2) v = v << 8 | static_cast<unsigned char>(samples[2 * i + 1]);
    if (v > maxval) fail(where, ": pixel ", i, " is ", v, ", beyond maxval ", maxval);
    image.pixels[i] = std::uint8_t((v * 255 + maxval / 2) / maxval);
  }
  return image;
}

Image read_image(const std::string& path) {
  const std::vector<std::uint8_t> file = read_file(path, kMaxImageFile);
  const std::string_view text = as_text(file);
  if (text.starts_with("P5")) return parse_pgm(file, path);
  if (text.starts_with("\x89PNG")) return parse_png(file, path);
  fail(path, ": is neither a PGM (P5) nor a PNG image");
}

Image to_grey(const Image& image) {
  check_image(image, "to_grey");
  if (image.shape[2] == 1) return image;
  Image grey{image.shape.with(2, 1), std::vector<std::uint8_t>(image.pixels.size() / 3)};
  for (std::size_t i = 0; i < grey.pixels.size(); ++i) {
    const std::uint8_t* p = image.pixels.data() + 3 * i;
    grey.pixels[i] = std::uint8_t((299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000);
  }
  return grey;
}

Image invert(Image image) {
  for (std::uint8_t& p : image.pixels) p = std::uint8_t(255 - p);
  return image;
}

Image resize(const Image& image, long height, long width) {
  check_image(image, "resize");
  check_sides(height, width, "resize");
  const long w = image.shape[1], c = image.shape[2];
  const std::vector<Overlap> rows = overlaps(image.shape[0], height), columns = overlaps(w, width);
  Image out{{height, width, c}, std::vector<std::uint8_t>(std::size_t(height * width * c))};
  std::vector<double> line(std::size_t(w * c));  // one output row, at the old width
  auto pixel = out.pixels.begin();
  for (const Overlap& row : rows) {
    std::fill(line.begin(), line.end(), 0.);
    for (std::size_t i = 0; i < row.weights.size(); ++i) {
      const std::uint8_t* source = image.pixels.data() + (row.first + long(i)) * w * c;
      for (std::size_t x = 0; x < line.size(); ++x) line[x] += row.weights[i] * source[x];
    }
    for (const Overlap& column : columns) {
      for (long k = 0; k < c; ++k) {
        double sum = 0;
        for (std::size_t j = 0; j < column.weights.size(); ++j)
          sum += column.weights[j] * line[std::size_t((column.first + long(j)) * c + k)];
        *pixel++ = std::uint8_t(std::clamp(std::lround(sum), 0L, 255L));
      }
    }
  }
  return out;
}

Image fit(const Image& image, const Shape& input, bool inverted) {
  check_image(image, "fit");
  require(input.rank() == 3 && input[0] >= 1 && input[1] >= 1 && (input[2] == 1 || input[2] == 3),
          "fit: a net's input must be [h, w, 1 or 3], got ", input);
  const long h = input[0], w = input[1], c = input[2];
  Image scaled = c == 1 ? to_grey(image) : image;
  if (inverted) scaled = invert(std::move(scaled));
  const double factor = std::min(double(h) / double(scaled.shape[0]), double(w) / double(scaled.shape[1]));
  const long sh = std::clamp(std::lround(double(scaled.shape[0]) * factor), 1L, h),
             sw = std::clamp(std::lround(double(scaled.shape[1]) * factor), 1L, w);
  scaled = resize(scaled, sh, sw);
  Image out{input, std::vector<std::uint8_t>(std::size_t(input.size()))};
  const long top = (h - sh) / 2, left = (w - sw) / 2, from_channels = scaled.shape[2];
  for (long y = 0; y < sh; ++y) {
    for (long x = 0; x < sw; ++x) {
      for (long k = 0; k < c; ++k) {  // a grey image in a net for RGB: three times the same
        out.pixels[std::size_t(((top + y) * w + left + x) * c + k)] =
            scaled.pixels[std::size_t((y * sw + x) * from_channels + k % from_channels)];
      }
    }
  }
  return out;
}

std::string pgm_bytes(const Image& grey) {
  check_image(grey, "pgm");
  require(grey.shape[2] == 1, "pgm: holds one channel, the image has ", grey.shape[2]);
  return "P5\n" + std::to_string(grey.shape[1]) + ' ' + std::to_string(grey.shape[0]) + "\n255\n" +
         std::string(as_text(grey.pixels));
}

}  // namespace six
