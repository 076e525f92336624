#include <algorithm>
#include <array>
#include <chrono>

#include "../../core/ops/ops.h"
#include "study.h"

namespace six::study {
namespace {

constexpr int kRounds = 15;
const Shape kShape{64, 14, 14, 32};  // stays in the second cache for a part, as in training

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Cost {
  double forward, backward;
};
// An activation between a scale and a mean over the image: with `defer` neither touches a number of its own.
Cost measure(const std::string& arm, bool defer, std::vector<real>& x) {
  Tape tape({.threads = 1, .defer = defer});
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
    std::map<std::string, std::array<std::vector<double>, 2>> rounds;
    for (int i = 0; i < kRounds; ++i)
      for (const char* arm : {"relu", "relu6"}) {  // in turn, so that both meet the same disturbances
        const Cost c = measure(arm, defer, x);
        rounds[arm][0].push_back(c.forward), rounds[arm][1].push_back(c.backward);
      }
    for (auto& [arm, directions] : rounds)
      for (std::size_t d = 0; d < 2; ++d) {
        std::nth_element(directions[d].begin(), directions[d].begin() + kRounds / 2, directions[d].end());
        const double ns = 1e9 * directions[d][kRounds / 2] / double(kShape.size());
        timing.add({"cost", std::string(d ? "backward" : "forward") + (defer ? " fused" : ""), arm, ns, "ns"});
      }
  }
}

}  // namespace six::study
