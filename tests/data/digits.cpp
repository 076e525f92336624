#include "../../data/digits.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "../../data/gzip.h"
#include "../../data/sha256.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

// A line of 64 pixels `0, 1, ..., 16, 0, 1, ...` and a label.
std::string line(int label) {
  std::string out;
  for (int i = 0; i < 64; ++i) out += std::to_string(i % 17) + ',';
  return out + std::to_string(label);
}
std::string csv_rejected(const std::string& csv) {
  return message_of([&] { parse_digits(csv, "f"); });
}

}  // namespace

TEST_CASE("digits: the embedded set is the published file") {
  // The repository's file, byte for byte, whatever the working directory.
  CHECK(sha256(embedded_digits()) == "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22");
  const Digits digits = read_embedded_digits();
  REQUIRE(digits.labels.size() == 1797);
  REQUIRE(digits.pixels.size() == 1797 * 64);
  CHECK(std::vector(digits.labels.begin(), digits.labels.begin() + 10) == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  std::array<int, 10> counts{};
  for (const int label : digits.labels) ++counts.at(std::size_t(label));
  CHECK(counts == std::array<int, 10>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180});
  const int first_row[] = {0, 0, 5, 13, 9, 1, 0, 0};
  for (int i = 0; i < 8; ++i) CHECK(int(digits.pixels[std::size_t(i)]) == std::lround(first_row[i] * 255. / 16));
}

TEST_CASE("digits: lines end in LF or CRLF, the last one may lack its end") {
  for (const std::string& csv : {line(3) + "\n" + line(9) + "\n", line(3) + "\r\n" + line(9) + "\r\n", line(3) + "\n" + line(9)}) {
    const Digits digits = parse_digits(csv, "f");
    CHECK(digits.labels == std::vector<int>{3, 9});
    CHECK(digits.pixels.size() == 128);
    CHECK(int(digits.pixels[16]) == 255);
    CHECK(int(digits.pixels[8]) == 128);
    CHECK(int(digits.pixels[1]) == 16);
  }
}

TEST_CASE("digits: anything else names line and column") {
  const auto with = [](std::size_t column, const std::string& text) {  // the second of two lines, one field replaced
    std::string out = line(3) + "\n";
    for (std::size_t i = 1; i <= 65; ++i) out += (i > 1 ? "," : "") + (i == column ? text : std::string("1"));
    return csv_rejected(out);
  };
  CHECK(with(1, "2") == "no error");
  for (const char* bad : {"17", "-1", "", " 1", "1 ", "1.0", "x", "+1", "-0", "99999999999999999999", "1;1"}) {
    CHECK(contains(with(1, bad), {"f: line 2, column 1 of 65: ", printable(bad), "0 to 16"}));
    CHECK(contains(with(64, bad), {"f: line 2, column 64 of 65: ", "0 to 16"}));
  }
  for (const char* bad : {"10", "-1", "", "1,", "1,1", "a", "1\r", "1\r\r\n"})
    CHECK(contains(with(65, bad), {"f: line 2, column 65 of 65: ", "0 to 9"}));
  CHECK(contains(csv_rejected(""), {"f: is empty"}));
  CHECK(contains(csv_rejected("\n"), {"line 1, column 1"}));
  CHECK(contains(csv_rejected(line(3) + "\n\n"), {"line 2, column 1"}));
  CHECK(contains(csv_rejected("1,2,3\n"), {"line 1, column 3 of 65", "comma"}));
  CHECK(contains(csv_rejected(std::string("1\0,2", 4)), {"line 1, column 1", "\\x00"}));
}

TEST_CASE("digits: every prefix of a line is an Error") {
  const std::string csv = line(7);
  for (std::size_t n = 0; n < csv.size(); ++n) CHECK(csv_rejected(csv.substr(0, n)) != "no error");
}
