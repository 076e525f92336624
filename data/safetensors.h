#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../core/real.h"

namespace six {

// The element types read and written; files with others are refused by name.
enum class Dtype { f64, i64, f32, f16, bf16 };
inline constexpr Dtype kRealDtype = sizeof(real) == 8 ? Dtype::f64 : Dtype::f32;  // of this build

std::string_view dtype_name(Dtype dtype);  // "F64", "I64", "F32", "F16", "BF16"
std::size_t dtype_bytes(Dtype dtype);      // per element

// One tensor of a file: row-major little-endian elements, rank 0 and sizes of 0 allowed. What the shape means is the reader's
// business.
struct SavedTensor {
  std::string name;
  Dtype dtype = kRealDtype;
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> bytes;
};

// The content of a safetensors file; metadata is its `__metadata__`.
struct Safetensors {
  std::vector<SavedTensor> tensors;
  std::map<std::string, std::string> metadata;

  const SavedTensor* find(std::string_view name) const;  // nullptr if there is none
};

// `sixgrad.crc32` in the metadata: CRC-32 over the whole file with its own eight digits as 00000000. Present, it is always
// verified.
enum class Checksum { optional, required };

// Reads the format of https://github.com/huggingface/safetensors, checking every number of the header before it is used: sizes,
// offsets without holes or overlaps, no duplicate keys, nothing after the data. Tensors come in file order. Throws Error `where:
// what is wrong`.
Safetensors parse_safetensors(std::span<const std::uint8_t> file, const std::string& where, Checksum checksum = Checksum::optional);
Safetensors read_safetensors(const std::string& path, Checksum checksum = Checksum::optional);

// Writes it: tensors by element width, widest first, then by name; header padded so that data start on a multiple of 8; the same
// content gives the same bytes. `required` adds the checksum. Throws if a name occurs twice or bytes do not match dtype and shape.
std::string safetensors_bytes(const Safetensors& content, Checksum checksum = Checksum::optional);
void write_safetensors(const std::string& path, const Safetensors& content, Checksum checksum = Checksum::optional);

// A tensor from numbers of this build, as F32 or F64, and a counter (I64, rank 0). Throws if the count does not match the shape.
SavedTensor save_reals(std::string name, std::vector<std::int64_t> shape, std::span<const real> values, Dtype dtype = kRealDtype);
SavedTensor save_counter(std::string name, std::int64_t value);
// Its elements as numbers of this build: F32, F16 and BF16 exactly, F64 rounded if real is float. Throws for I64, naming the
// tensor.
std::vector<real> load_reals(const SavedTensor& tensor);
std::int64_t load_counter(const SavedTensor& tensor);  // throws unless it is I64 with one element

}  // namespace six
