#pragma once
#include <cstdio>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace six {

// The one exception for invalid input. Message: `<where>: <what is wrong, with the two numbers> (<full shapes>)`, one line.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  virtual int exit_code() const { return 2; }  // of a program that it ends
};

// What ends a program, through run_program (train/program.h): one line on stderr; returns the exit code, 2 if the input was
// wrong.
inline int report(const char* program, const std::exception& e) {
  const auto* error = dynamic_cast<const Error*>(&e);
  const bool memory = dynamic_cast<const std::bad_alloc*>(&e) != nullptr;
  std::fflush(stdout);
  std::fprintf(stderr, "%s: %s\n", program, memory ? "not enough memory" : e.what());
  return error ? error->exit_code() : memory ? 2 : 1;
}

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
