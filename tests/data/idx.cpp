#include "../../data/idx.h"

#include <doctest/doctest.h>

#include <cstring>

#include "../../data/gzip.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

std::string header(std::uint32_t magic, std::initializer_list<std::uint32_t> dims) {
  std::string out = big_endian(magic);
  for (const std::uint32_t d : dims) out += big_endian(d);
  return out;
}
const std::string kImages = header(0x803, {2, 2, 3}) + "abcdefghijkl";

Idx idx_of(std::string_view file) { return parse_idx(bytes_of(file), "f"); }
std::string idx_rejected(std::string_view file) {
  return message_of([&] { idx_of(file); });
}

template <class T>
std::vector<T> elements(const Idx& idx) {
  std::vector<T> out(idx.bytes.size() / sizeof(T));
  std::memcpy(out.data(), idx.bytes.data(), idx.bytes.size());
  return out;
}

}  // namespace

TEST_CASE("idx: plain and gzip give the same array, told apart by content") {
  const TempFolder folder;
  for (const std::string& content : {kImages, gzip(kImages)}) {
    const Idx idx = idx_of(content);
    CHECK(idx.type == IdxType::u8);
    CHECK(idx.dims == std::vector<std::uint32_t>{2, 2, 3});
    CHECK(idx.bytes == bytes_of("abcdefghijkl"));
    CHECK(idx_bytes(idx) == kImages);
    put(folder / "misleading.name", content);
    CHECK(read_idx(folder / "misleading.name", 3).bytes == idx.bytes);
  }
}

TEST_CASE("idx: numbers of every type come in the machine's order and go back") {
  CHECK(elements<std::int8_t>(idx_of(header(0x901, {2}) + "\xff\x05")) == std::vector<std::int8_t>{-1, 5});
  CHECK(elements<std::int16_t>(idx_of(header(0xb01, {2}) + std::string("\xff\xfe\x01\x02", 4))) ==
        std::vector<std::int16_t>{-2, 258});
  CHECK(elements<std::int32_t>(idx_of(header(0xc01, {1}) + std::string("\x01\x02\x03\x04", 4))) ==
        std::vector<std::int32_t>{0x01020304});
  CHECK(elements<float>(idx_of(header(0xd01, {1}) + std::string("\x3f\xc0\0\0", 4))) == std::vector<float>{1.5f});
  const std::string doubles = header(0xe02, {1, 1}) + std::string("\xc0\x04\0\0\0\0\0\0", 8);
  CHECK(elements<double>(idx_of(doubles)) == std::vector<double>{-2.5});
  CHECK(idx_bytes(idx_of(doubles)) == doubles);
  CHECK(contains(message_of([] { idx_bytes({IdxType::i16, {2}, bytes_of("abc")}); }), {"3 bytes", "make 4"}));
}

TEST_CASE("idx: a wrong magic number is an Error that shows it") {
  for (const std::uint32_t magic : {0x01000803u, 0x00010803u, 0x00000a01u, 0x00000001u, 0x00000f01u, 0x00000800u, 0xffffffffu}) {
    CHECK(contains(idx_rejected(big_endian(magic) + big_endian(1) + "x"), {"f: magic number", "not that of an IDX file"}));
  }
  CHECK(contains(idx_rejected("P5 12345"), {"50352031"}));
}

TEST_CASE("idx: sizes are checked before anything is allocated") {
  CHECK(contains(idx_rejected(header(0x803, {2, 0, 3})), {"dimension 1 of 3 is 0", "empty"}));
  CHECK(contains(idx_rejected(header(0x803, {0xffffffff, 0xffffffff, 0xffffffff})), {"more than 1073741824"}));
  CHECK(contains(idx_rejected(header(0xe02, {0x40000000, 1})), {"more than 1073741824"}));
  CHECK(contains(idx_rejected(header(0x801, {1u << 30}) + "x"),
                 {"1073741824 bytes", "at most 9"}));  // plausible, but not in this file
  CHECK(contains(idx_rejected(gzip(header(0x801, {1u << 30}) + "x")), {"1073741824 bytes", "can hold at most"}));
  std::string many = big_endian(0x8ff);
  for (int i = 0; i < 255; ++i) many += big_endian(1);
  CHECK(idx_of(many + "x").bytes.size() == 1);
}

TEST_CASE("idx: the file ends where the data do") {
  CHECK(contains(idx_rejected(kImages + "m"), {"f: 1 bytes follow"}));
  CHECK(contains(idx_rejected(gzip(kImages + "m")), {"f: ", "go on after 28 bytes"}));
  CHECK(contains(idx_rejected(gzip(kImages) + "m"), {"f: 1 bytes follow"}));
  CHECK(contains(idx_rejected(gzip(kImages) + gzip("x")), {"bytes follow"}));
  const std::string packed = gzip(kImages);
  CHECK(contains(idx_rejected(packed.substr(0, packed.size() - 20)), {"f: the gzip data end early"}));
  CHECK(contains(idx_rejected(packed.substr(0, packed.size() - 1)), {"f: the gzip data end early"}));
  CHECK(contains(idx_rejected(gzip(kImages.substr(0, 20))), {"f: ends after 4 of 12 bytes of data"}));
}

TEST_CASE("idx: every prefix is an Error, plain and gzip") {
  for (const std::string& file : {kImages, gzip(kImages)}) {
    for (std::size_t n = 0; n < file.size(); ++n) CHECK(idx_rejected(std::string_view(file).substr(0, n)) != "no error");
  }
}

TEST_CASE("idx: a flipped bit in gzip data is an Error or the same array") {
  std::string file = gzip(kImages);
  for (std::size_t i = 0; i < 8 * file.size(); ++i) {
    file[i / 8] ^= char(1 << i % 8);
    std::vector<std::uint8_t> bytes = bytes_of("abcdefghijkl");
    const std::string message = message_of([&] { bytes = idx_of(file).bytes; });
    CHECK(bytes == bytes_of("abcdefghijkl"));
    if (i >= 8 * (file.size() - 8)) CHECK(message != "no error");  // CRC-32 and length
    file[i / 8] ^= char(1 << i % 8);
  }
}

TEST_CASE("idx: a gzip bomb does not expand") {
  const std::string bomb = gzip(header(0x801, {10}) + std::string(50'000'000, '\0'));
  CHECK(bomb.size() < 100'000);
  CHECK(contains(idx_rejected(bomb), {"go on after 18 bytes"}));
  CHECK(contains(message_of([&] { gunzip(as_bytes(bomb), 1000, "f"); }), {"go on after 1000 bytes"}));
  CHECK(gunzip(as_bytes(bomb), 50'000'008, "f").size() == 50'000'008);
  CHECK(gunzip(as_bytes(gzip("")), 0, "f").empty());
}

TEST_CASE("idx: images and labels are bytes of rank 3 and 1") {
  const TempFolder folder;
  put(folder / "i8", header(0x903, {1, 1, 1}) + "x");
  put(folder / "rank1", header(0x801, {1}) + "x");
  CHECK(read_idx(folder / "rank1", 1).bytes.size() == 1);
  CHECK(contains(message_of([&] { read_idx(folder / "i8", 3); }),
                 {folder / "i8: ", "type 09", "expected type 08", "rank 3 (images)"}));
  CHECK(contains(message_of([&] { read_idx(folder / "rank1", 3); }), {"rank 1, expected", "rank 3 (images)"}));
}
