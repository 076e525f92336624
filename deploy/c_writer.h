#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "int_network.h"
#include "memory_plan.h"

namespace six {

struct COptions {
  std::string name = {};  // prefix of all that is visible: a C identifier
  MemoryOptions memory = {};
  bool caller_arena = false;                           // NAME_predict takes the arena, NAME_ARENA bytes, as a third argument
  bool avr = false;                                    // constants stay in the flash of an AVR: one more include
  std::vector<std::string> provenance = {};            // lines of the first comment
  std::vector<std::vector<std::uint8_t>> images = {};  // of the self-test; none: a generated pattern
};

struct CFiles {
  std::string source, header;  // the contents of NAME.c and NAME.h; the same network and options give the same bytes
  MemoryPlan plan;
};

// The network as one file of C99 that includes nothing but <stdint.h> and computes the bits of the Emulator:
//   int NAME_predict(const uint8_t *image, int8_t *logits);   // the class; int32_t logits if the network's are accumulators
//   int NAME_selftest(void);                                  // if compiled with -DNAME_SELFTEST: 0, or the first wrong layer
// A NAME.h of other sizes is an error where the compiler sees both files (gcc -include NAME.h NAME.c).
// Throws if the name does not fit, or the network has no layer.
CFiles write_c(const IntNetwork& network, const COptions& options);
CFiles write_c(const IntNetwork& network, const COptions& options, const MemoryPlan& plan);  // with one made before
// Throws if a name is no C identifier, a word of C or the name of one of its headers. Macros are in upper case: two nets whose
// names differ in case alone cannot be included in one file.
void check_c_name(const std::string& name);

}  // namespace six
