#pragma once
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace six {

// The one exception for invalid input. Message: `<where>: <what is wrong, with the two numbers> (<full shapes>)`, one line.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws Error with the parts written one after another.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw Error(text.str());
}

// Throws Error with the parts unless `ok`.
template <class... Parts>
constexpr void require(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail(parts...);
}

// Runs `body`; an Error from inside gets `where: ` in front, so that context is added on the way up.
template <class Body>
decltype(auto) in_context(const std::string& where, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const Error& e) {
    throw Error(where + ": " + e.what());
  }
}

}  // namespace six
