#pragma once
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "../core/quantization.h"

namespace six {

// Pieces of C for the writer.

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// The functions of core/kernels/requantize.h of these names and those they call, as they stand there.
std::string primitives(std::set<std::string> names);

// `static const TYPE NAME[] = {...};` with `qualifier` behind the brackets.
std::string table(const std::string& type, const std::string& name, const std::string& qualifier, std::size_t size,
                  const std::function<long(std::size_t)>& number);

// A number as an operand: negative ones in parentheses. INT32_MIN has no literal of its own in C.
std::string literal(long number);
// "+ 3", "- 3" or "" behind an expression.
std::string plus(long number);
// for (int32_t i = 0; i < n; ++i), or downwards.
std::string loop(const std::string& variable, long n, bool backward);
// Text for a comment on one line: printable ASCII without an end of comment.
std::string comment_text(const std::string& line);

}  // namespace six
