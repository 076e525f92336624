#include "../../data/safetensors.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "support.h"

using namespace six;
using namespace six::test;

namespace {

std::string file_of(std::string_view header, std::string_view data) {
  const std::uint64_t n = header.size();
  return std::string(reinterpret_cast<const char*>(&n), 8) + std::string(header) + std::string(data);
}
Safetensors parsed(std::string_view file, Checksum checksum = Checksum::optional) {
  return parse_safetensors(as_bytes(file), "f", checksum);
}
std::string rejected(std::string_view file, Checksum checksum = Checksum::optional) {
  return message_of([&] { parsed(file, checksum); });
}
// A file of eight data bytes whose header is `header`.
std::string header_rejected(std::string_view header) { return rejected(file_of(header, "12345678")); }

Safetensors sample() {
  const real w[] = {real(1.5), real(-2), real(0.1), std::numeric_limits<real>::quiet_NaN(), -kInf, real(-0.)};
  Safetensors s;
  s.tensors = {save_reals("layers.3.weight", {2, 3}, w),      save_counter("layers.3.num_batches_tracked", 7),
               {"half", Dtype::f16, {3}, bytes_of("abcdef")}, {"brain", Dtype::bf16, {1, 1}, bytes_of("xy")},
               {"nothing", Dtype::f32, {0, 4}, {}},           save_reals("scalar", {}, std::span(w, 1), Dtype::f32)};
  s.metadata = {{"format", "pt"}, {"note", "quotes \" and \n and \xc3\xa9"}, {"a\"sixgrad.crc32", "12345678"}};
  return s;
}

}  // namespace

TEST_CASE("safetensors: the smallest example of the format, byte for byte") {
  const Safetensors s{{{"w", Dtype::f32, {2}, bytes_of("abcdefgh")}}, {}};
  const std::string file = safetensors_bytes(s);
  CHECK(file == file_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )", "abcdefgh"));
  CHECK(file.size() == 72);
}

TEST_CASE("safetensors: tensors and metadata survive, widest first, then by name") {
  for (const Checksum checksum : {Checksum::optional, Checksum::required}) {
    const Safetensors s = sample();
    const std::string file = safetensors_bytes(s, checksum);
    Safetensors back = parsed(file, checksum);
    CHECK(back.metadata.erase("sixgrad.crc32") == (checksum == Checksum::required));
    CHECK(back.metadata == s.metadata);
    REQUIRE(back.tensors.size() == s.tensors.size());
    for (const SavedTensor& t : s.tensors) {
      const SavedTensor* b = back.find(t.name);
      REQUIRE(b);
      CHECK(b->dtype == t.dtype);
      CHECK(b->shape == t.shape);
      CHECK(b->bytes == t.bytes);
    }
    for (std::size_t i = 1; i < back.tensors.size(); ++i) {
      const SavedTensor &a = back.tensors[i - 1], &b = back.tensors[i];
      CHECK((dtype_bytes(a.dtype) > dtype_bytes(b.dtype) || (dtype_bytes(a.dtype) == dtype_bytes(b.dtype) && a.name < b.name)));
    }
    std::uint64_t n = 0;
    std::memcpy(&n, file.data(), 8);
    CHECK(n % 8 == 0);
    Safetensors reversed = s;
    std::reverse(reversed.tensors.begin(), reversed.tensors.end());
    CHECK(safetensors_bytes(reversed, checksum) == file);
    CHECK(safetensors_bytes(back, checksum) == file);
  }
  CHECK(parsed(safetensors_bytes({})).tensors.empty());
  CHECK(sample().find("none") == nullptr);
}

TEST_CASE("safetensors: in and out of a file") {
  const TempFolder folder;
  write_safetensors(folder / "w", sample(), Checksum::required);
  CHECK(read_safetensors(folder / "w", Checksum::required).tensors.size() == 6);
  put(folder / "w", "junk");
  CHECK(message_of([&] { read_safetensors(folder / "w"); }).starts_with(folder / "w: "));
}

TEST_CASE("safetensors: check 1-3, 12, sizes before anything is allocated") {
  for (std::size_t n = 0; n < 8; ++n) CHECK(contains(rejected(std::string(n, '\1')), {"f: ", "at least 8"}));
  std::string file = file_of("{}", "");
  for (const std::uint64_t claim : {std::uint64_t(100'000'001), ~std::uint64_t(0), ~std::uint64_t(7), std::uint64_t(1) << 63}) {
    std::memcpy(file.data(), &claim, 8);
    CHECK(contains(rejected(file), {"f: ", std::to_string(claim), "100000000"}));
  }
  for (const std::uint64_t claim : {3, 1000, 100'000'000}) {
    std::memcpy(file.data(), &claim, 8);
    CHECK(contains(rejected(file), {"f: ", std::to_string(claim), "only 2 follow"}));
  }
}

TEST_CASE("safetensors: check 4-5, the header is JSON in UTF-8 from brace to brace") {
  CHECK(contains(header_rejected("{\"w\xff\":1}"), {"f: header: line 1, column "}));
  for (const char* header : {"", " {}", "[]", "\xef\xbb\xbf{}", "1"})
    CHECK(contains(header_rejected(header), {"does not start with '{'"}));
  for (const char* header : {"{}\n", "{}\t ", "{} x"}) CHECK(contains(header_rejected(header), {"other than spaces"}));
  CHECK(contains(header_rejected(std::string_view("{}\0", 3)), {"other than spaces"}));
  CHECK(contains(header_rejected("{} {}"), {"header: line 1, column 4"}));
  CHECK(contains(header_rejected("{"), {"other than spaces"}));
  CHECK(contains(header_rejected("{\"w\":}"), {"header: line 1, column "}));
  CHECK(rejected(file_of("{}      ", "")) == "no error");
}

TEST_CASE("safetensors: check 6, no duplicate keys at any level") {
  const std::string w = R"("w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]})";
  CHECK(contains(header_rejected("{" + w + "," + w + "}"), {"duplicate key \"w\""}));
  CHECK(contains(header_rejected(R"({"w":{"dtype":"I64","shape":[1],"shape":[1],"data_offsets":[0,8]}})"),
                 {"duplicate key \"shape\""}));
  CHECK(contains(header_rejected(R"({"__metadata__":{"a":"1","a":"2"},)" + w + "}"), {"duplicate key \"a\""}));
}

TEST_CASE("safetensors: check 7, an entry has exactly its three keys, of the right types") {
  const auto entry = [](std::string_view body) { return header_rejected("{\"w\":" + std::string(body) + "}"); };
  CHECK(contains(entry("3"), {"f: tensor \"w\": ", "object"}));
  CHECK(contains(entry(R"({"shape":[1],"data_offsets":[0,8]})"), {"tensor \"w\"", "2 of the keys"}));
  CHECK(contains(entry(R"({"dtype":"I64","shape":[1],"data_offsets":[0,8],"more":1})"), {"unknown key \"more\""}));
  CHECK(contains(entry(R"({"dtype":"I64","shape":1,"data_offsets":[0,8]})"), {"shape must be an array"}));
  CHECK(contains(entry(R"({"dtype":"I64","shape":[1],"data_offsets":[0,8,9]})"), {"data_offsets must be two"}));
  CHECK(contains(entry(R"({"dtype":"I64","shape":[1],"data_offsets":8})"), {"data_offsets must be two"}));
  for (const char* bad : {"1.0", "-1", "\"1\"", "true", "null", "1e0", "[1]"}) {
    CHECK(contains(entry(R"({"dtype":"I64","shape":[)" + std::string(bad) + R"(],"data_offsets":[0,8]})"),
                   {"tensor \"w\"", "shape", "integers"}));
    CHECK(contains(entry(R"({"dtype":"I64","shape":[1],"data_offsets":[)" + std::string(bad) + ",8]}"),
                   {"tensor \"w\"", "data_offsets", "integers"}));
  }
  CHECK(contains(entry(R"({"dtype":"I64","shape":[18446744073709551616],"data_offsets":[0,8]})"), {"64 bits"}));
  CHECK(contains(entry(R"({"dtype":"I64","shape":[9223372036854775808],"data_offsets":[0,8]})"), {"2^63"}));
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  CHECK(contains(entry(R"({"dtype":"I64","shape":[)" + ones + R"(],"data_offsets":[0,8]})"), {"at most 64"}));
  CHECK(contains(header_rejected(R"({"__metadata__":{"a":1}})"), {"__metadata__", "\"a\"", "string"}));
  CHECK(contains(header_rejected(R"({"__metadata__":[]})"), {"__metadata__", "object"}));
}

TEST_CASE("safetensors: check 8, other dtypes are refused by name") {
  for (const char* dtype : {"\"U8\"", "\"BOOL\"", "\"F4\"", "\"f32\"", "\"\"", "3", "null"}) {
    CHECK(contains(header_rejected(R"({"w":{"dtype":)" + std::string(dtype) + R"(,"shape":[1],"data_offsets":[0,8]}})"),
                   {"tensor \"w\"", dtype, "BF16"}));
  }
}

TEST_CASE("safetensors: check 9, neither holes nor overlaps nor reversed ranges") {
  const auto two = [](int begin, int end, int begin2, int end2) {
    const auto entry = [](const char* name, int b, int e) {
      return '"' + std::string(name) + R"(":{"dtype":"F16","shape":[)" + std::to_string(std::abs(e - b) / 2) +
             R"(],"data_offsets":[)" + std::to_string(b) + ',' + std::to_string(e) + "]}";
    };
    return header_rejected('{' + entry("a", begin, end) + ',' + entry("b", begin2, end2) + '}');
  };
  CHECK(two(0, 4, 4, 8) == "no error");
  CHECK(two(4, 8, 0, 4) == "no error");
  CHECK(two(0, 0, 0, 8) == "no error");
  CHECK(two(8, 8, 0, 8) == "no error");
  CHECK(contains(two(0, 2, 4, 8), {"\"b\"", "begin at 4", "end at 2"}));
  CHECK(contains(two(0, 6, 4, 8), {"\"b\"", "begin at 4", "end at 6"}));
  CHECK(contains(two(0, 8, 0, 8), {"begin at 0", "end at 8"}));
  CHECK(contains(two(2, 4, 4, 8), {"\"a\"", "begin at 2", "end at 0"}));
  CHECK(contains(two(0, 4, 8, 4), {"\"b\"", "end at 4", "begin at 8"}));
}

TEST_CASE("safetensors: check 10, the shape's bytes are those of its range, without overflow") {
  const auto shape = [](std::string_view dims) {
    return header_rejected(R"({"w":{"dtype":"F32","shape":[)" + std::string(dims) + R"(],"data_offsets":[0,8]}})");
  };
  CHECK(shape("2") == "no error");
  CHECK(shape("1,2,1") == "no error");
  CHECK(contains(shape("3"), {"\"w\"", "[3]", "12 bytes", "span 8"}));
  CHECK(contains(shape(""), {"[]", "4 bytes", "span 8"}));
  CHECK(contains(shape("0"), {"0 bytes", "span 8"}));
  CHECK(contains(shape("4611686018427387904,2"), {"overflows"}));  // 2^62 * 2 * 4 = 2^65
  CHECK(contains(shape("4294967296,4294967296"), {"overflows"}));  // 2^64 * 4
  CHECK(contains(shape("4611686018427387906"), {"overflows"}));    // times 4 it wraps to 8
}

TEST_CASE("safetensors: check 11, the file ends where the last tensor does") {
  const std::string header = R"({"w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})";
  CHECK(rejected(file_of(header, "12345678")) == "no error");
  CHECK(contains(rejected(file_of(header, "123456789")), {"8 bytes, 9 follow"}));
  CHECK(contains(rejected(file_of(header, "1234567")), {"8 bytes, 7 follow"}));
  CHECK(contains(rejected(file_of("{}", "1")), {"0 bytes, 1 follow"}));
}

TEST_CASE("safetensors: check 13, nesting is limited") {
  CHECK(contains(header_rejected("{\"w\":" + std::string(1'000'000, '[') + "}"), {"64 levels"}));
}

TEST_CASE("safetensors: every prefix is an Error, one with a whole header says that it is cut short, whatever the checksum") {
  for (const Checksum checksum : {Checksum::optional, Checksum::required}) {
    const std::string file = safetensors_bytes(sample(), checksum);
    const std::size_t data = file.rfind('}') + 1;
    for (std::size_t n = 0; n < file.size(); ++n) {
      const std::string message = rejected(std::string_view(file).substr(0, n));
      CHECK(message != "no error");
      if (n >= (data + 7) / 8 * 8) CHECK(contains(message, {"follow the header (cut short?)"}));
    }
  }
}

TEST_CASE("safetensors: with a checksum, every flipped bit is an Error") {
  std::string file = safetensors_bytes(sample(), Checksum::required);
  for (std::size_t i = 0; i < 8 * file.size(); ++i) {
    file[i / 8] ^= char(1 << i % 8);
    if (rejected(file, Checksum::required) == "no error") FAIL_CHECK("bit ", i, " may flip");
    file[i / 8] ^= char(1 << i % 8);
  }
  CHECK(rejected(file, Checksum::required) == "no error");
}

TEST_CASE("safetensors: without a checksum, a flipped bit is an Error or a tensor of the same size") {
  std::string file = safetensors_bytes(sample());
  for (std::size_t i = 0; i < 8 * file.size(); ++i) {
    file[i / 8] ^= char(1 << i % 8);
    std::size_t total = 0;
    message_of([&] {
      for (const SavedTensor& t : parsed(file).tensors) total += t.bytes.size();
    });
    CHECK(total <= file.size());
    file[i / 8] ^= char(1 << i % 8);
  }
}

TEST_CASE("safetensors: the checksum is demanded, verified and plain to see when wrong") {
  const std::string without = safetensors_bytes(sample()), with = safetensors_bytes(sample(), Checksum::required);
  CHECK(contains(rejected(without, Checksum::required), {"f: sixgrad.crc32 is missing"}));
  std::string damaged = with;
  damaged.back() ^= 1;
  CHECK(contains(rejected(damaged), {"f: ", "checksum", "sixgrad.crc32 says"}));  // also where it is optional
  const auto crc = [](std::string_view digits) {
    return rejected(file_of(R"({"__metadata__":{"sixgrad.crc32":")" + std::string(digits) + "\"}}", ""));
  };
  for (const char* digits : {"", "0123456", "0123456789", "0123456G", "ABCDEF01", " 1234567"})
    CHECK(contains(crc(digits), {"lower-case hex"}));
  CHECK(contains(rejected(file_of(R"({"__metadata__":{"sixgrad.crc32": "01234567"}})", "")), {"not written as"}));
}

TEST_CASE("safetensors: what cannot be written is an Error") {
  const auto written = [](std::vector<SavedTensor> tensors, std::map<std::string, std::string> metadata = {}) {
    return message_of([&] { safetensors_bytes({tensors, metadata}); });
  };
  CHECK(contains(written({{"w", Dtype::f32, {2}, bytes_of("1234")}}), {"\"w\"", "4 bytes", "[2]", "takes 8"}));
  CHECK(contains(written({{"w", Dtype::f32, {-1}, {}}}), {"\"w\"", "[-1]"}));
  CHECK(contains(written({save_counter("n", 1), save_counter("m", 1), save_counter("n", 2)}), {"two tensors", "\"n\""}));
  CHECK(contains(written({save_counter("n", 1), {"n", Dtype::f32, {}, bytes_of("1234")}}), {"two tensors", "\"n\""}));
  CHECK(contains(written({save_counter("__metadata__", 1)}), {"__metadata__"}));
  CHECK(contains(written({save_counter("\xff", 1)}), {"UTF-8"}));
  CHECK(contains(written({}, {{"k", "\xff"}}), {"UTF-8"}));
  CHECK(contains(written({{"w", Dtype::f32, std::vector<std::int64_t>(65, 1), bytes_of("1234")}}), {"rank 65"}));
}

TEST_CASE("safetensors: numbers of this build keep their bits") {
  const real values[] = {real(0.1), real(-0.), kInf, std::numeric_limits<real>::quiet_NaN(),
                         std::numeric_limits<real>::denorm_min()};
  const std::vector<real> back = load_reals(save_reals("w", {5}, values));
  REQUIRE(back.size() == 5);
  CHECK(std::memcmp(back.data(), values, sizeof values) == 0);
  CHECK(save_reals("w", {5}, values, Dtype::f32).bytes.size() == 20);
  CHECK(save_reals("w", {5}, values, Dtype::f64).bytes.size() == 40);
  CHECK(contains(message_of([&] { save_reals("w", {4}, values); }), {"\"w\"", "5 values", "shape 4"}));
  CHECK(contains(message_of([&] { save_reals("w", {5}, values, Dtype::f16); }), {"\"w\"", "F16"}));
  CHECK(load_counter(save_counter("n", -3)) == -3);
  CHECK(contains(message_of([&] { load_counter(save_reals("w", {5}, values)); }), {"\"w\"", "I64"}));
  CHECK(contains(message_of([&] { load_reals(save_counter("n", 3)); }), {"\"n\"", "I64"}));
}

TEST_CASE("safetensors: F64 is rounded, F16 and BF16 are exact for every pattern") {
  const double tenth = 0.1;
  SavedTensor t{"w", Dtype::f64, {}, std::vector<std::uint8_t>(8)};
  std::memcpy(t.bytes.data(), &tenth, 8);
  CHECK(load_reals(t).at(0) == real(0.1));

  for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    SavedTensor all{"w", dtype, {65536}, {}};
    for (int i = 0; i < 65536; ++i) all.bytes.insert(all.bytes.end(), {std::uint8_t(i & 255), std::uint8_t(i >> 8)});
    const std::vector<real> values = load_reals(all);
    const int fraction_bits = dtype == Dtype::f16 ? 10 : 7, exponent_bits = 15 - fraction_bits,
              bias = (1 << (exponent_bits - 1)) - 1;
    int wrong = 0;
    for (int i = 0; i < 65536; ++i) {
      const int fraction = i & ((1 << fraction_bits) - 1), exponent = i >> fraction_bits & ((1 << exponent_bits) - 1);
      const double sign = i >> 15 ? -1 : 1;
      double expected = exponent == 0 ? std::ldexp(fraction, 1 - bias - fraction_bits)
                                      : std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
      if (exponent == (1 << exponent_bits) - 1) expected = fraction ? std::nan("") : HUGE_VAL;
      const double v = double(values[std::size_t(i)]);
      const bool same = std::isnan(expected) ? std::isnan(v) : v == sign * expected && std::signbit(v) == (sign < 0);
      wrong += !same;
    }
    CHECK(wrong == 0);
  }
}
