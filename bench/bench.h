#pragma once
// What the benchmarks share: timing, statistics, and the JSON they print.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bench {

using Json = nlohmann::ordered_json;

inline double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Times {
  std::vector<double> seconds;

  // With room for `count`, so that adding them allocates nothing.
  static Times of(int count) {
    Times t;
    t.seconds.reserve(std::size_t(count));
    return t;
  }
  template <class F>
  void add(int count, F&& f) {
    for (int i = 0; i < count; ++i) {
      const double start = now();
      f();
      seconds.push_back(now() - start);
    }
  }
  double median() const { return at(0.5); }
  double min() const { return at(0); }
  double at(double quantile) const {
    std::vector<double> s = seconds;
    std::sort(s.begin(), s.end());
    return s.at(std::size_t(std::lround(quantile * double(s.size() - 1))));
  }
};

// Calls f `warmup` + `count` times; the times of the last `count`.
template <class F>
Times time(int warmup, int count, F&& f) {
  for (int i = 0; i < warmup; ++i) f();
  Times t = Times::of(count);
  t.add(count, f);
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
  bool int8 = false;
};
struct WorkerOptions {
  std::string net = "m28", task = "step", folder = {};  // task: step, infer, int8 or probe; folder: see export_start
  int batch = 128, threads = 2;
};

Json step(const StepOptions& o);       // one training step: forward, loss, backward, AdamW
Json augment(const StepOptions& o);    // shift, rotation and scale of a batch, as a share of a step
Json infer(const InferOptions& o);     // latency of the compiled inference plan, of floats or 8-bit integers
Json kernels(int rounds);              // GFLOP/s of each kernel and its share of the FMA peak of the same run
Json scaling(const std::string& net);  // threads, batch sizes and channel counts

// What a machine can do at the moment, on all of `threads` together, by medians: {"fma_gflops", "read_gb_s"}. Takes 0.1 s.
Json probe(int threads);
double fma_peak();   // GFLOP/s of one core, best of several
long allocations();  // calls of operator new so far

// For comparisons with other frameworks. Writes what all of them start from into a folder: model.safetensors, a model after some
// steps of training; images.u8 and labels.u8, the batches in training order, all bytes.
void export_start(const std::string& net, int batch, const std::string& folder);
// A program that another one drives: it prints a line on what it is, then answers each line of stdin with a JSON object on a line.
//   run WARMUP COUNT   times COUNT steps or calls after WARMUP untimed ones: {"seconds": [...], "minor_faults", "peak_rss_mb"}
//   check              {"values"}: losses of the next 3 steps, or the logits of the batch (of its first 4 images)
//   probe              see above
void worker(const WorkerOptions& o);

}  // namespace bench
