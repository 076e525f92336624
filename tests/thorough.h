#pragma once
#include <cstdlib>

namespace six::test {

// Whether SIX_THOROUGH is set and not empty, as in scripts/torture.sh: then every case is taken where the daily tests take some.
inline bool thorough() {
  const char* given = std::getenv("SIX_THOROUGH");
  return given && *given;
}

}  // namespace six::test
