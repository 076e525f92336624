#include <algorithm>
#include <chrono>

#include "../../core/ops/ops.h"
#include "study.h"

namespace six::study {
namespace {

constexpr int kRounds = 200;
const Shape kShape{64, 14, 14, 32};  // stays in the second cache for a part, as in training

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Cost {
  double forward, backward;
};
// A small chain with the activation and little else: input, activation, mean over the image, sum; with `defer` the activation
// touches no number of its own.
Cost measure(const std::string& arm, Tape& tape, std::vector<real>& x) {
  tape.reset();
  const auto begin = std::chrono::steady_clock::now();
  const Var in = tape.input(x.data(), kShape, true);
  const Var y = global_avg_pool(arm == "relu" ? relu(in) : relu6(in));
  const Var loss = sum(y);
  const double forward = seconds_since(begin);
  tape.backward(loss);
  return {forward, seconds_since(begin) - forward};
}

}  // namespace

void measure_costs(Table& timing) {
  std::vector<real> x(std::size_t(kShape.size()));
  const Rng rng(1, Purpose::user);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = real(rng.uniform(i, -4, 10));
  for (bool defer : {true, false}) {
    Tape tape({.threads = 1, .defer = defer});  // one for all rounds: its memory is there from the second on, and the same for both
    std::map<std::string, Cost> least;          // what disturbs a round makes it longer
    for (int i = 0; i < kRounds; ++i)
      for (const char* arm : {"relu", "relu6"}) {  // in turn, so that both meet the same disturbances
        const Cost c = measure(arm, tape, x);
        Cost& l = least.try_emplace(arm, c).first->second;
        l = {std::min(l.forward, c.forward), std::min(l.backward, c.backward)};
      }
    for (const auto& [arm, c] : least)
      for (bool backward : {false, true})
        timing.add({"cost", std::string(backward ? "backward" : "forward") + (defer ? " fused" : ""), arm,
                    1e9 * (backward ? c.backward : c.forward) / double(kShape.size()), "ns"});
  }
}

}  // namespace six::study
