#pragma once
#include <variant>
#include <vector>

namespace six {

// How a learning rate goes with the step, as a factor or a curve over the base rate `lr`. Names and formulas are those of
// torch.optim.lr_scheduler, in closed form; `name` is for configs. Past its end a schedule stays at its last rate.

// lr.
struct ConstantLR {
  static constexpr const char* name = "constant";
};

// lr gamma^floor(step / step_size).
struct StepLR {
  static constexpr const char* name = "step";
  int step_size = 0;  // in steps, must be given
  double gamma = 0.1;
};

// lr gamma^step.
struct ExponentialLR {
  static constexpr const char* name = "exponential";
  double gamma = 0;  // in (0, 1], must be given
};

// Half a cosine from lr to eta_min in t_max steps (Loshchilov and Hutter 2017, arXiv:1608.03983, without restarts).
struct CosineAnnealingLR {
  static constexpr const char* name = "cosine";
  int t_max = 0;  // in steps, must be given
  double eta_min = 0;
};

// Half a cosine from lr / div_factor up to lr in the fraction pct_start of the steps, half a cosine down to
// lr / (div_factor final_div_factor) at step total_steps - 1 (Smith and Topin 2019, arXiv:1708.07120). The rate only, no momentum.
struct OneCycleLR {
  static constexpr const char* name = "one_cycle";
  int total_steps = 0;  // must be given
  double pct_start = 0.3;
  double div_factor = 25, final_div_factor = 1e4;
};

// A straight line from lr start_factor to lr end_factor in total_iters steps: a warm-up unless told otherwise.
struct LinearLR {
  static constexpr const char* name = "linear";
  int total_iters = 5;
  double start_factor = 1.0 / 3, end_factor = 1;
};

struct Policy;

// Policy i from step milestones[i - 1] (0 for the first) until milestones[i], each counting its steps from 0.
struct SequentialLR {
  static constexpr const char* name = "sequential";
  std::vector<Policy> policies;  // at least one
  std::vector<int> milestones;   // one fewer, increasing, above 0
};

using AnyPolicy = std::variant<ConstantLR, StepLR, ExponentialLR, CosineAnnealingLR, OneCycleLR, LinearLR, SequentialLR>;

// One of the above.
struct Policy : AnyPolicy {
  using AnyPolicy::AnyPolicy;
};

// Linear warm-up, then `policy` from its start.
Policy warmup_then(LinearLR warmup, Policy policy);

// The learning rate as a function of the step: `optimizer.set_lr(schedule(optimizer.steps()))` before each step.
class Schedule {
 public:
  // Throws Error naming the option and its value if one is out of range.
  Schedule(double lr, Policy policy);
  // The rate of step 0, 1, ...; throws if `step` is negative.
  double operator()(long step) const;

 private:
  double lr_;
  Policy policy_;
};

}  // namespace six
