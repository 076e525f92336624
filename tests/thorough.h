#pragma once
#include <cstdlib>

namespace six::test {

// Whether SIX_THOROUGH is set, as scripts/torture.sh does: then every case is taken where the daily tests take some of them.
inline bool thorough() { return std::getenv("SIX_THOROUGH") != nullptr; }

}  // namespace six::test
