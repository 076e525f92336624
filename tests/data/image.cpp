#include "../../data/image.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <functional>
#include <utility>

#include "support.h"

using namespace six;
using namespace six::test;

namespace {

Image grey(long h, long w, std::vector<std::uint8_t> pixels) { return {{h, w, 1}, std::move(pixels)}; }
Image pgm(std::string_view file) { return parse_pgm(as_bytes(file), "f"); }
Image png(std::string_view file) { return parse_png(as_bytes(file), "f"); }
std::string pgm_rejected(std::string_view file) {
  return message_of([&] { pgm(file); });
}
std::string png_rejected(std::string_view file) {
  return message_of([&] { png(file); });
}

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";

std::string chunk(const std::string& type, const std::string& data) {
  return big_endian(std::uint32_t(data.size())) + type + data + big_endian(crc32(as_bytes(type + data)));
}
std::string ihdr(std::uint32_t w, std::uint32_t h, int depth, int color, int interlace = 0, int compression = 0, int filter = 0) {
  return chunk("IHDR", big_endian(w) + big_endian(h) +
                           std::string{char(depth), char(color), char(compression), char(filter), char(interlace)});
}
std::string idat(const std::string& rows) {
  std::string out(compressBound(uLong(rows.size())), '\0');
  uLongf n = uLongf(out.size());
  compress2(reinterpret_cast<Bytef*>(out.data()), &n, reinterpret_cast<const Bytef*>(rows.data()), uLong(rows.size()), 9);
  return chunk("IDAT", out.substr(0, n));
}
const std::string kEnd = chunk("IEND", "");

// A grey image of 2x3 pixels 10 20 30 / 40 50 60, unfiltered.
const std::string kRows("\0\x0a\x14\x1e\0\x28\x32\x3c", 8);
std::string png_file(const std::string& header, const std::string& data) { return std::string(kSignature) + header + data + kEnd; }
const std::string kPng = png_file(ihdr(3, 2, 8, 0), idat(kRows));
const std::vector<std::uint8_t> kPixels = {10, 20, 30, 40, 50, 60};

}  // namespace

TEST_CASE("image: PGM with one and two bytes per pixel, comments and any maxval") {
  const Image a = pgm("P5\n# a comment\n3 # another\n\t2\n255\n\x0a\x14\x1e\x28\x32\x3c");
  CHECK(a.shape == Shape{2, 3, 1});
  CHECK(a.pixels == kPixels);
  CHECK(pgm(std::string("P5 2 1 15 \x0f\x01", 12)).pixels == std::vector<std::uint8_t>{255, 17});
  CHECK(pgm(std::string("P5 3 1 65535\n\xff\xff\0\0\x80\0", 19)).pixels == std::vector<std::uint8_t>{255, 0, 128});
  CHECK(pgm(std::string("P5 1 1 256 \x01\0", 13)).pixels == std::vector<std::uint8_t>{255});
  CHECK(pgm(pgm_bytes(a)).pixels == kPixels);
  CHECK(contains(message_of([] { pgm_bytes({{1, 1, 3}, {1, 2, 3}}); }), {"pgm: holds one channel", "3"}));
  CHECK(pgm("P5 1 1 255 #").pixels == std::vector<std::uint8_t>{'#'});  // one white space, then data, whatever they look like
}

TEST_CASE("image: PGM that is not as it should be") {
  CHECK(contains(pgm_rejected("P2 1 1 255 1"), {"f: does not start with P5"}));
  for (const char* size : {"0 1", "1 0", "16385 1", "1 16385", "-1 1", "x 1", "1.5 1", "99999999999999999999 1"}) {
    CHECK(contains(pgm_rejected("P5 " + std::string(size) + " 255 x"), {"f: PGM ", "must be a number from 1 to "}));
  }
  CHECK(contains(pgm_rejected("P5 1 1 0 x"), {"maxval", "65535"}));
  CHECK(contains(pgm_rejected("P5 1 1 65536 xx"), {"maxval", "65535"}));
  CHECK(contains(pgm_rejected("P5 3 2 255 12345"), {"5 bytes follow", "2x3 pixels take 6"}));
  CHECK(contains(pgm_rejected("P5 3 2 255 1234567"), {"7 bytes follow", "2x3 pixels take 6"}));
  CHECK(contains(pgm_rejected("P5 16384 16384 65535 x"), {"1 bytes follow"}));
  CHECK(contains(pgm_rejected("P5 2 1 7 \x07\x08"), {"pixel 1 is 8", "maxval 7"}));
  CHECK(contains(pgm_rejected("P5 1 1 255"), {"no white space"}));
  CHECK(contains(pgm_rejected("P5 # only a comment"), {"width"}));
  const std::string whole = "P5\n#c\n3 2\n255\nabcdef";
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK(pgm_rejected(whole.substr(0, n)) != "no error");
}

TEST_CASE("image: PNG in grey, RGB and RGBA") {
  const Image a = png(kPng);
  CHECK(a.shape == Shape{2, 3, 1});
  CHECK(a.pixels == kPixels);
  const Image rgb = png(png_file(ihdr(2, 1, 8, 2), idat(std::string("\0\x01\x02\x03\xff\xfe\xfd", 7))));
  CHECK(rgb.shape == Shape{1, 2, 3});
  CHECK(rgb.pixels == std::vector<std::uint8_t>{1, 2, 3, 255, 254, 253});
  // Opaque stays, transparent is white, half of black (alpha 128) is 127.
  const Image rgba = png(png_file(ihdr(3, 1, 8, 6), idat(std::string("\0\x01\x02\x03\xff\x09\x09\x09\0\0\0\0\x80", 13))));
  CHECK(rgba.shape == Shape{1, 3, 3});
  CHECK(rgba.pixels == std::vector<std::uint8_t>{1, 2, 3, 255, 255, 255, 127, 127, 127});
}

TEST_CASE("image: PNG with every filter, split data and ancillary chunks") {
  // none, sub, up, average, paeth: each row of the image is 10 20 30 (predictors of the PNG specification, section 9).
  const std::string rows(
      "\0\x0a\x14\x1e"
      "\1\x0a\x0a\x0a"
      "\2\0\0\0"
      "\3\x05\x05\x05"
      "\4\0\0\0",
      20);
  std::vector<std::uint8_t> expected;
  for (int i = 0; i < 5; ++i) expected.insert(expected.end(), {10, 20, 30});
  CHECK(png(png_file(ihdr(3, 5, 8, 0), idat(rows))).pixels == expected);
  CHECK(contains(png_rejected(png_file(ihdr(3, 1, 8, 0), idat("\5\x0a\x14\x1e"))), {"f: damaged PNG data in row 0"}));

  const std::string whole = idat(kRows), data = whole.substr(8, whole.size() - 12);
  const std::string split = chunk("IDAT", data.substr(0, 3)) + chunk("IDAT", "") + chunk("IDAT", data.substr(3));
  CHECK(png(png_file(ihdr(3, 2, 8, 0), split)).pixels == kPixels);
  const std::string extra = chunk("gAMA", big_endian(100000)) + chunk("tEXt", std::string("a\0b", 3)) + chunk("zzZz", "?");
  CHECK(png(png_file(ihdr(3, 2, 8, 0) + extra, whole + extra)).pixels == kPixels);
}

TEST_CASE("image: PNG of fewer and more bits, with a palette, with transparent colours, interlaced") {
  using Bytes = std::vector<std::uint8_t>;
  const auto grey_of = [](const std::string& file, const Shape& shape) {
    const Image i = png(file);
    CHECK(i.shape == shape);
    return i.pixels;
  };
  CHECK(grey_of(png_file(ihdr(3, 2, 1, 0), idat(std::string("\0\xa0\0\x40", 4))), {2, 3, 1}) == Bytes{255, 0, 255, 0, 255, 0});
  CHECK(grey_of(png_file(ihdr(3, 1, 2, 0), idat(std::string("\0\x6c", 2))), {1, 3, 1}) == Bytes{85, 170, 255});
  CHECK(grey_of(png_file(ihdr(2, 1, 4, 0), idat(std::string("\0\x3f", 2))), {1, 2, 1}) == Bytes{51, 255});
  CHECK(grey_of(png_file(ihdr(3, 1, 16, 0), idat(std::string("\0\xff\xff\x80\0\0\x80", 7))), {1, 3, 1}) == Bytes{255, 128, 0});
  CHECK(grey_of(png_file(ihdr(1, 1, 16, 2), idat(std::string("\0\1\1\2\2\xff\xfe", 7))), {1, 1, 3}) == Bytes{1, 2, 255});
  const std::string palette = chunk("PLTE", std::string("\1\2\3\xff\xfe\xfd", 6)), indices = idat(std::string("\0\1\0\1", 4));
  CHECK(grey_of(png_file(ihdr(3, 1, 8, 3) + palette, indices), {1, 3, 3}) == Bytes{255, 254, 253, 1, 2, 3, 255, 254, 253});
  CHECK(grey_of(png_file(ihdr(3, 1, 8, 3) + palette + chunk("tRNS", std::string("\0", 1)), indices), {1, 3, 3}) ==
        Bytes{255, 254, 253, 255, 255, 255, 255, 254, 253});
  CHECK(grey_of(png_file(ihdr(2, 1, 1, 3) + palette, idat(std::string("\0\x40", 2))), {1, 2, 3}) == Bytes{1, 2, 3, 255, 254, 253});
  CHECK(grey_of(png_file(ihdr(3, 1, 8, 4), idat(std::string("\0\x09\xff\x09\0\0\x80", 7))), {1, 3, 1}) == Bytes{9, 255, 127});
  CHECK(grey_of(png_file(ihdr(2, 1, 8, 0) + chunk("tRNS", std::string("\0\x09", 2)), idat("\1\x09\x01")), {1, 2, 1}) ==
        Bytes{255, 10});
  // Adam7: its passes hold the pixels (0, 0); (2, 0); (1, 0); the second row.
  const std::string passes("\0\x0a\0\x1e\0\x14\0\x28\x32\x3c", 10);
  CHECK(grey_of(png_file(ihdr(3, 2, 8, 0, 1), idat(passes)), {2, 3, 1}) == kPixels);
  CHECK(png_rejected(png_file(ihdr(3, 2, 8, 0, 1), idat(passes.substr(0, 9)))) != "no error");
  CHECK(png_rejected(png_file(ihdr(3, 2, 8, 0, 1), idat(passes + "x"))) != "no error");
}

TEST_CASE("image: PNG headers that make no sense") {
  CHECK(png_rejected(png_file(ihdr(3, 1, 8, 3), idat(std::string(4, '\0')))) != "no error");  // no palette
  const Image beyond = png(png_file(ihdr(2, 1, 8, 3) + chunk("PLTE", "abc"), idat(std::string("\0\0\1", 3))));
  CHECK(beyond.pixels == std::vector<std::uint8_t>{'a', 'b', 'c', 0, 0, 0});  // beyond the palette is black
  for (const std::string& header :
       {ihdr(0, 2, 8, 0), ihdr(3, 0, 8, 0), ihdr(16385, 2, 8, 0), ihdr(3, 16385, 8, 0), ihdr(0x80000000, 2, 8, 0), ihdr(3, 2, 8, 5),
        ihdr(3, 2, 7, 0), ihdr(3, 2, 8, 0, 2), ihdr(3, 2, 8, 0, 0, 1), ihdr(3, 2, 8, 0, 0, 0, 1)}) {
    CHECK(contains(png_rejected(png_file(header, idat(kRows))), {"f: not a PNG image that can be read: "}));
  }
}

TEST_CASE("image: PNG chunks are in order, whole and unchanged") {
  const std::string header = ihdr(3, 2, 8, 0), data = idat(kRows);
  CHECK(contains(png_rejected("not a png file at all"), {"f: is not a PNG file"}));
  CHECK(contains(png_rejected(std::string(kPng).replace(0, 1, "\x88")), {"is not a PNG file"}));
  const std::string text = chunk("tEXt", std::string("a\0b", 3));
  CHECK(contains(png_rejected(png_file(text, header + data)), {"IHDR must be the first"}));
  CHECK(contains(png_rejected(png_file(header + header, data)), {"IHDR must be the first"}));
  CHECK(contains(png_rejected(png_file("", "")), {"IHDR must be the first"}));
  CHECK(contains(png_rejected(png_file(header, data + text + data)), {"IDAT must follow one another"}));
  CHECK(contains(png_rejected(kPng + "x"), {"1 bytes follow"}));
  CHECK(contains(png_rejected(kPng + kPng), {"bytes follow"}));
  CHECK(contains(png_rejected(std::string(kSignature) + header + "\xff\xff\xff\xffIDAT1234"),
                 {"\"IDAT\" claims 4294967295 bytes", "0 are left"}));
  CHECK(png_rejected(png_file(header, "")) != "no error");
  CHECK(png_rejected(png_file(header, chunk("ABCD", "unknown and critical") + data)) != "no error");
  CHECK(png_rejected(png_file(chunk("IHDR", "short"), data)) != "no error");
  std::string broken = png_file(header + text, data);
  broken[kSignature.size() + header.size() + 9] ^= 1;  // in the text: a checksum that only an ancillary chunk has
  CHECK(png_rejected(broken) != "no error");
}

TEST_CASE("image: PNG data are exactly as long as the image") {
  const std::string header = ihdr(3, 2, 8, 0);
  CHECK(contains(png_rejected(png_file(header, idat(kRows.substr(0, 7)))), {"row 1"}));
  CHECK(png_rejected(png_file(header, idat(kRows + "x"))) != "no error");
  CHECK(contains(png_rejected(png_file(header, idat(kRows) + chunk("IDAT", "more"))), {"go on after the image"}));
  CHECK(png_rejected(png_file(header, idat(kRows) + chunk("IDAT", ""))) == "no error");
  const std::string bomb = png_file(ihdr(1, 1, 8, 0), idat(std::string(20'000'000, '\0')));
  CHECK(png_rejected(bomb) != "no error");
  CHECK(contains(png_rejected(png_file(ihdr(16384, 16384, 8, 6), idat(kRows))), {"16384x16384 pixels", "can hold"}));
  const std::string bits(std::size_t(2049) * 16384, '\0');  // pixels of one bit, of which each would become a byte
  CHECK(contains(png_rejected(png_file(ihdr(16384, 16384, 1, 0), idat(bits))), {"16384x16384 pixels", "can hold"}));
  const std::string whole = idat(kRows), zlib = whole.substr(8, whole.size() - 12);
  CHECK(png_rejected(png_file(header, chunk("IDAT", zlib + "more"))) != "no error");
  CHECK(png_rejected(png_file(header, chunk("IDAT", zlib.substr(0, zlib.size() - 1) + char(zlib.back() ^ 1)))) != "no error");
}

TEST_CASE("image: every prefix and every flipped bit of a PNG is an Error") {
  for (std::size_t n = 0; n < kPng.size(); ++n) CHECK(contains(png_rejected(kPng.substr(0, n)), {"f: "}));
  std::string file = kPng;
  for (std::size_t i = 0; i < 8 * file.size(); ++i) {
    file[i / 8] ^= char(1 << i % 8);
    CHECK(contains(png_rejected(file), {"f: "}));
    file[i / 8] ^= char(1 << i % 8);
  }
}

TEST_CASE("image: a file is told by its content") {
  const TempFolder folder;
  const std::string path = folder / "image.txt";
  put(path, kPng);
  CHECK(read_image(path).pixels == kPixels);
  put(path, "P5 3 2 255 abcdef");
  CHECK(read_image(path).shape == Shape{2, 3, 1});
  for (const char* other : {"", "P", "GIF89a", "\xff\xd8\xff"}) {
    put(path, other);
    CHECK(contains(message_of([&] { read_image(path); }), {path, "neither"}));
  }
}

TEST_CASE("image: grey is the luma, inversion its complement") {
  const Image g = to_grey({{1, 5, 3}, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 7, 7, 7}});
  CHECK(g.shape == Shape{1, 5, 1});
  CHECK(g.pixels == std::vector<std::uint8_t>{76, 150, 29, 255, 7});
  CHECK(to_grey(g).pixels == g.pixels);
  CHECK(invert(g).pixels == std::vector<std::uint8_t>{179, 105, 226, 0, 248});
  CHECK(contains(message_of([] { to_grey({{1, 1, 2}, {1, 2}}); }), {"[1,1,2]"}));
  CHECK(contains(message_of([] { to_grey({{1, 2, 1}, {1}}); }), {"[1,2,1]", "1 bytes"}));
}

TEST_CASE("image: one that is too high or too wide is refused wherever it comes from") {
  check_sides(16384, 1, "f"), check_sides(1, 16384, "f");
  for (const auto& [h, w] : {std::pair<long, long>{16385, 1}, {1, 16385}, {1, 1L << 30}, {0, 1}, {1, -1}}) {
    const std::string pixels = std::to_string(h) + 'x' + std::to_string(w) + " pixels";
    CHECK(contains(message_of([&, height = h, width = w] { check_sides(height, width, "f"); }),
                   {"f: an image of " + pixels, "from 1 to 16384"}));
  }
  const Image high = grey(16385, 1, std::vector<std::uint8_t>(16385));
  CHECK(contains(message_of([&] { to_grey(high); }), {"to_grey: an image of 16385x1"}));
  CHECK(contains(message_of([&] { resize(high, 1, 1); }), {"resize: an image of 16385x1"}));
  CHECK(contains(message_of([&] { fit(high, {4, 4, 1}); }), {"fit: an image of 16385x1"}));
  CHECK(contains(message_of([&] { pgm_bytes(high); }), {"pgm: an image of 16385x1"}));
}

TEST_CASE("image: resizing averages over areas") {
  const Image a = grey(2, 4, {0, 40, 80, 120, 100, 60, 20, 255});
  CHECK(resize(a, 2, 4).pixels == a.pixels);
  CHECK(resize(a, 1, 2).pixels == std::vector<std::uint8_t>{50, 119});  // 200/4; 475/4 = 118.75
  CHECK(resize(a, 4, 8).pixels[9] == 0);
  CHECK(resize(grey(1, 3, {0, 90, 30}), 1, 2).pixels == std::vector<std::uint8_t>{30, 50});  // (0 + 45) / 1.5, (45 + 30) / 1.5
  CHECK(resize({{1, 2, 3}, {0, 10, 20, 100, 30, 40}}, 1, 1).pixels == std::vector<std::uint8_t>{50, 20, 30});
  CHECK(contains(message_of([&] { resize(a, 0, 4); }), {"0x4"}));

  // Against the integral over each new pixel's area, summed on a fine grid that both sizes divide.
  for (const auto& [h, w] : {std::pair<long, long>{3, 5}, {7, 2}, {1, 1}, {12, 10}, {6, 4}}) {
    const Image b =
        grey(6, 4, {3, 250, 17, 99, 180, 42, 7, 201, 64, 0, 255, 128, 90, 33, 71, 150, 11, 222, 48, 5, 166, 81, 240, 19});
    const Image r = resize(b, h, w);
    for (long y = 0; y < h; ++y) {
      for (long x = 0; x < w; ++x) {
        double sum = 0;
        for (long i = 0; i < 6; ++i) {
          for (long j = 0; j < 4; ++j) sum += b.pixels[std::size_t(4 * ((y * 6 + i) / h) + (x * 4 + j) / w)];
        }
        CHECK(std::abs(r.pixels[std::size_t(y * w + x)] - sum / 24) <= 0.5 + 1e-9);
      }
    }
  }
}

TEST_CASE("image: fitting a net keeps the aspect ratio and centres on black") {
  const Image wide = grey(1, 4, {10, 20, 30, 40});
  const Image fitted = fit(wide, {4, 4, 1});
  CHECK(fitted.shape == Shape{4, 4, 1});
  CHECK(fitted.pixels == std::vector<std::uint8_t>{0, 0, 0, 0, 10, 20, 30, 40, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(fit(wide, {1, 4, 1}, true).pixels == std::vector<std::uint8_t>{245, 235, 225, 215});
  CHECK(fit(wide, {1, 2, 3}).pixels == std::vector<std::uint8_t>{15, 15, 15, 35, 35, 35});
  CHECK(fit({{1, 1, 3}, {255, 0, 0}}, {2, 2, 1}).pixels == std::vector<std::uint8_t>{76, 76, 76, 76});
  CHECK(fit({{1, 1, 3}, {1, 2, 3}}, {1, 1, 3}).pixels == std::vector<std::uint8_t>{1, 2, 3});
  CHECK(fit(grey(1, 16384, std::vector<std::uint8_t>(16384, 9)), {4, 4, 1}).pixels[4] == 9);  // at least one row is left
  CHECK(contains(message_of([&] { fit(wide, {4, 4, 2}); }), {"[4,4,2]"}));
  CHECK(contains(message_of([&] { fit(wide, {16}); }), {"[16]"}));
}
