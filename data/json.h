#pragma once
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace six {

// Parses one JSON value (RFC 8259). Stricter than nlohmann's default: valid UTF-8, at most `max_bytes`, nesting depth <= 64, no
// duplicate keys, nothing after the value, no integer beyond 64 bits. Integers and floats stay distinct types.
// Throws Error `where: line 3, column 17: what is wrong`; the column is that of the last byte read, counted from 1.
nlohmann::json parse_json(std::string_view text, const std::string& where, std::size_t max_bytes = std::size_t(16) << 20);

// The same from a file; `where` is its path.
nlohmann::json read_json(const std::string& path);

// Empties a value from the leaves up. nlohmann's destructor allocates for a container that is not empty, and ends the program if
// that fails: where memory may run out, hold parsed values by a JsonGuard.
void release(nlohmann::json& value) noexcept;
struct JsonGuard {
  nlohmann::json& value;
  ~JsonGuard() { release(value); }
};

}  // namespace six
