#pragma once
// What the benchmarks share: timing, statistics, and the JSON they print.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bench {

using Json = nlohmann::ordered_json;

inline double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Times {
  std::vector<double> seconds;
  double median() const { return at(0.5); }
  double min() const { return at(0); }
  double at(double quantile) const {
    std::vector<double> s = seconds;
    std::sort(s.begin(), s.end());
    return s.at(std::size_t(quantile * double(s.size() - 1) + 0.5));
  }
};

// Calls f `warmup` + `count` times; the times of the last `count`.
template <class F>
Times time(int warmup, int count, F&& f) {
  Times t;
  for (int i = -warmup; i < count; ++i) {
    const double start = now();
    f();
    if (i >= 0) t.seconds.push_back(now() - start);
  }
  return t;
}

struct StepOptions {
  std::string net = "m28";
  int batch = 128, threads = 2, steps = 60, warmup = 8;
  bool defer = true;
};
struct InferOptions {
  std::string net = "m28";
  int batch = 1, threads = 1, runs = 2000;
};

Json step(const StepOptions& o);        // one training step: forward, loss, backward, AdamW
Json infer(const InferOptions& o);      // latency of the compiled inference plan
Json kernels(int rounds);               // GFLOP/s of each kernel and its share of the FMA peak of the same run
Json scaling(const std::string& net);   // threads, batch sizes and channel counts

double fma_peak();                      // GFLOP/s of one core, best of several
long allocations();                     // calls of operator new so far
std::string config_path(const std::string& net);  // of m28, m14 or a config by name; a path or JSON text as it is

}  // namespace bench
