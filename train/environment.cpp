#include "environment.h"

#include <sys/resource.h>

#include <chrono>

#include "../core/kernels/dispatch.h"

#ifndef SIX_VERSION
#define SIX_VERSION "unknown"
#endif

namespace six {
namespace {
// Initialised when the program is loaded, before main.
const auto kStart = std::chrono::steady_clock::now();
}  // namespace

const char* precision() { return sizeof(real) == 4 ? "float32" : "float64"; }
const char* instruction_set() { return kernels::table().isa; }
const char* library_version() { return "sixgrad " SIX_VERSION; }

double seconds_since_start() { return std::chrono::duration<double>(std::chrono::steady_clock::now() - kStart).count(); }

double peak_rss_mb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024;
}

}  // namespace six
