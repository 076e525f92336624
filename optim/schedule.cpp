#include "schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "../core/error.h"

namespace six {
namespace {

void require_steps(const char* name, const char* option, int value) {
  require(value >= 1, name, ": ", option, " is ", value, ", must be at least 1");
}

void require_in(const char* name, const char* option, double value, bool ok, const char* range) {
  require(ok && std::isfinite(value), name, ": ", option, " is ", value, ", must be ", range);
}

void check_policy(const Policy& policy);

void check_policy(const ConstantLR&) {}

void check_policy(const StepLR& s) {
  require_steps(s.name, "step_size", s.step_size);
  require_in(s.name, "gamma", s.gamma, s.gamma > 0 && s.gamma <= 1, "in (0, 1]");
}

void check_policy(const ExponentialLR& s) { require_in(s.name, "gamma", s.gamma, s.gamma > 0 && s.gamma <= 1, "in (0, 1]"); }

void check_policy(const CosineAnnealingLR& s) {
  require_steps(s.name, "t_max", s.t_max);
  require_in(s.name, "eta_min", s.eta_min, s.eta_min >= 0, "at least 0");
}

void check_policy(const OneCycleLR& s) {
  require_steps(s.name, "total_steps", s.total_steps);
  require_in(s.name, "pct_start", s.pct_start, s.pct_start >= 0 && s.pct_start < 1, "in [0, 1)");
  require_in(s.name, "div_factor", s.div_factor, s.div_factor >= 1, "at least 1");
  require_in(s.name, "final_div_factor", s.final_div_factor, s.final_div_factor >= 1, "at least 1");
}

void check_policy(const LinearLR& s) {
  require_steps(s.name, "total_iters", s.total_iters);
  require_in(s.name, "start_factor", s.start_factor, s.start_factor >= 0 && s.start_factor <= 1, "in [0, 1]");
  require_in(s.name, "end_factor", s.end_factor, s.end_factor >= 0 && s.end_factor <= 1, "in [0, 1]");
}

void check_policy(const SequentialLR& s) {
  require(!s.policies.empty(), s.name, ": there are no policies, at least 1 is needed");
  require(s.milestones.size() == s.policies.size() - 1, s.name, ": ", s.milestones.size(), " milestones for ", s.policies.size(),
          " policies, must be one fewer");
  int before = 0;
  for (int m : s.milestones) {
    require(m > before, s.name, ": milestone ", m, " follows ", before, ", must increase");
    before = m;
  }
  for (const Policy& policy : s.policies) in_context(s.name, [&] { check_policy(policy); });
}

void check_policy(const Policy& policy) {
  std::visit([](const auto& s) { check_policy(s); }, static_cast<const AnyPolicy&>(policy));
}

// Half a cosine from `from` at fraction 0 to `to` at fraction 1, and `to` from there on.
double cosine(double from, double to, double fraction) {
  return to + (from - to) * (1 + std::cos(std::numbers::pi * std::min(fraction, 1.0))) / 2;
}

double rate(const Policy& policy, double lr, long step);

double rate(const ConstantLR&, double lr, long) { return lr; }
double rate(const StepLR& s, double lr, long step) {
  const long drops = step / s.step_size;
  return lr * std::pow(s.gamma, double(drops));
}
double rate(const ExponentialLR& s, double lr, long step) { return lr * std::pow(s.gamma, double(step)); }
double rate(const CosineAnnealingLR& s, double lr, long step) { return cosine(lr, s.eta_min, double(step) / double(s.t_max)); }

double rate(const OneCycleLR& s, double lr, long step) {
  const double low = lr / s.div_factor, last = double(s.total_steps - 1);
  const double top = s.pct_start * double(s.total_steps) - 1;  // the step of the highest rate, in general between two steps
  if (double(step) < top) return cosine(low, lr, double(step) / top);
  return cosine(lr, low / s.final_div_factor, (double(step) - top) / (last - top));
}

double rate(const LinearLR& s, double lr, long step) {
  const double fraction = double(std::min(step, long(s.total_iters))) / double(s.total_iters);
  return lr * (s.start_factor + (s.end_factor - s.start_factor) * fraction);
}

double rate(const SequentialLR& s, double lr, long step) {
  const auto next = std::upper_bound(s.milestones.begin(), s.milestones.end(), step);
  const long start = next == s.milestones.begin() ? 0 : next[-1];
  return rate(s.policies[std::size_t(next - s.milestones.begin())], lr, step - start);
}

double rate(const Policy& policy, double lr, long step) {
  return std::visit([&](const auto& s) { return rate(s, lr, step); }, static_cast<const AnyPolicy&>(policy));
}

}  // namespace

Policy warmup_then(LinearLR warmup, Policy policy) {
  const int steps = warmup.total_iters;
  return SequentialLR{.policies = {warmup, std::move(policy)}, .milestones = {steps}};
}

Schedule::Schedule(double lr, Policy policy) : lr_(lr), policy_(std::move(policy)) {
  require_in("schedule", "lr", lr, lr >= 0, "a finite number, at least 0");
  check_policy(policy_);
}

double Schedule::operator()(long step) const {
  require(step >= 0, "schedule: step is ", step, ", must not be negative");
  return rate(policy_, lr_, step);
}

}  // namespace six
