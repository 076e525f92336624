// safetensors_copy IN OUT: writes what it read; tests/data/safetensors_roundtrip.py compares the two.
#include <cstdio>
#include <exception>

#include "../../data/safetensors.h"

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fputs("usage: safetensors_copy IN OUT\n", stderr);
    return 2;
  }
  six::write_safetensors(argv[2], six::read_safetensors(argv[1]));
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 2;
}
