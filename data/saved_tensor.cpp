// Numbers in and out of a saved tensor's bytes.
#include <bit>
#include <cmath>
#include <cstring>

#include "../core/error.h"
#include "file.h"
#include "safetensors.h"

namespace six {
namespace {

// Elements of type Stored at any address, each turned into a number of this build.
template <class Stored, class Convert>
std::vector<real> elements(const SavedTensor& tensor, Convert convert) {
  std::vector<real> out(tensor.bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored value;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof(Stored), sizeof(Stored));
    out[i] = convert(value);
  }
  return out;
}

// IEEE binary16: 1 sign, 5 exponent, 10 fraction bits. Every value is a float.
float from_f16(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
  if (exponent == 0) return std::copysign(float(fraction) * 0x1p-24f, sign ? -1.f : 1.f);
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;  // infinities and NaN keep their fraction
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

// bfloat16 is the upper half of a float.
float from_bf16(std::uint16_t h) { return std::bit_cast<float>(std::uint32_t(h) << 16); }

template <class Stored>
std::vector<std::uint8_t> bytes_as(std::span<const real> values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Stored value = Stored(values[i]);
    std::memcpy(bytes.data() + i * sizeof(Stored), &value, sizeof(Stored));
  }
  return bytes;
}

}  // namespace

SavedTensor save_reals(std::string name, std::vector<std::int64_t> shape, std::span<const real> values, Dtype dtype) {
  std::int64_t size = 1;
  for (const std::int64_t d : shape) size *= d;
  require(size == std::int64_t(values.size()), "tensor ", printable(name), ": has ", values.size(), " values, its shape ", size);
  require(dtype == Dtype::f32 || dtype == Dtype::f64, "tensor ", printable(name), ": cannot be saved as ", dtype_name(dtype),
          "; F32 and F64 are supported");
  return {std::move(name), dtype, std::move(shape), dtype == Dtype::f32 ? bytes_as<float>(values) : bytes_as<double>(values)};
}

SavedTensor save_counter(std::string name, std::int64_t value) {
  SavedTensor tensor{std::move(name), Dtype::i64, {}, std::vector<std::uint8_t>(8)};
  std::memcpy(tensor.bytes.data(), &value, 8);
  return tensor;
}

std::vector<real> load_reals(const SavedTensor& tensor) {
  switch (tensor.dtype) {
    case Dtype::f64:
      return elements<double>(tensor, [](double v) { return real(v); });
    case Dtype::f32:
      return elements<float>(tensor, [](float v) { return real(v); });
    case Dtype::f16:
      return elements<std::uint16_t>(tensor, [](std::uint16_t v) { return real(from_f16(v)); });
    case Dtype::bf16:
      return elements<std::uint16_t>(tensor, [](std::uint16_t v) { return real(from_bf16(v)); });
    case Dtype::i64:
      break;
  }
  fail("tensor ", printable(tensor.name), ": is ", dtype_name(tensor.dtype), ", must be F32, F64, F16 or BF16");
}

std::int64_t load_counter(const SavedTensor& tensor) {
  require(tensor.dtype == Dtype::i64 && tensor.bytes.size() == 8, "tensor ", printable(tensor.name), ": must be one I64, is ",
          tensor.bytes.size(), " bytes of ", dtype_name(tensor.dtype));
  std::int64_t value = 0;
  std::memcpy(&value, tensor.bytes.data(), 8);
  return value;
}

}  // namespace six
