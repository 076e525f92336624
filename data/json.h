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
// that fails: where memory may run out, hold values by a JsonGuard, build objects member by member, and begin with object() or
// array(): a null that an access turns into one is left broken if memory runs out there.
void release(nlohmann::json& value) noexcept;
void release(nlohmann::ordered_json& value) noexcept;
template <class Value>
struct JsonGuard {
  Value& value;
  ~JsonGuard() { release(value); }
};
template <class Value>
JsonGuard(Value&) -> JsonGuard<Value>;

// Whether the value is that string. (nlohmann's == makes a value of the string, and ends the program if memory runs out there.)
bool is_text(const nlohmann::json& value, std::string_view text);
// The value on one line.
std::string text_of(nlohmann::ordered_json value);

}  // namespace six
