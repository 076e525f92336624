#pragma once
#include <string>

namespace six {

// What a log says about where it was made.
const char* precision();        // "float32" or "float64"
const char* instruction_set();  // of the kernels in use: "v3"
const char* library_version();  // "sixgrad 0.1.0"

double seconds_since_start();  // of this process
double peak_rss_mb();          // the most memory this process has had resident, in MiB

}  // namespace six
