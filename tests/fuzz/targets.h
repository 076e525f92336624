#pragma once
// Fuzzing: what is fed with bytes from anywhere. A target returns if all is well, and throws std::logic_error if something was
// accepted that does not survive being written and read again, or refused by another exception than Error.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace six::test {

struct FuzzTarget {
  const char* name;                                         // of its folder in corpus/ too
  std::string (*run)(std::span<const std::uint8_t> bytes);  // why they are refused, "" if they are accepted
};
std::span<const FuzzTarget> fuzz_targets();

}  // namespace six::test
