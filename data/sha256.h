#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace six {

// SHA-256 (FIPS 180-4) as 64 lower-case hex digits.
std::string sha256(std::span<const std::uint8_t> bytes);

}  // namespace six
