// One target (SIX_FUZZ_TARGET) for libFuzzer; see scripts/fuzz.sh.
#include <cstdlib>
#include <string_view>

#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const six::test::FuzzTarget* const target = [] {
    for (const auto& t : six::test::fuzz_targets())
      if (std::string_view(t.name) == SIX_FUZZ_TARGET) return &t;
    std::abort();
  }();
  target->run({data, size});
  return 0;
}
