#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace six {

// Element types of the IDX format, by their code in the file.
enum class IdxType : std::uint8_t { u8 = 0x08, i8 = 0x09, i16 = 0x0B, i32 = 0x0C, f32 = 0x0D, f64 = 0x0E };

// An IDX file (the format of MNIST): an array, row-major. In the file numbers are big-endian, here in the machine's order.
struct Idx {
  IdxType type = IdxType::u8;
  std::vector<std::uint32_t> dims;
  std::vector<std::uint8_t> bytes;
};

// Parses plain or gzip-compressed IDX, told apart by content. Sizes must be positive, at most 1 GiB in all, and match the file to
// the byte; memory is allocated only after the header has been checked against the length of the file. Throws Error.
Idx parse_idx(std::vector<std::uint8_t> file, const std::string& where);
Idx read_idx(const std::string& path);
// The same, and throws unless it has type u8 and that many dimensions: 3 for images [n, h, w], 1 for labels.
Idx read_idx(const std::string& path, std::size_t rank);

// The plain file.
std::string idx_bytes(const Idx& idx);

}  // namespace six
