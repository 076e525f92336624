#include "optimizer.h"

#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

#include "clip_norm.h"

namespace six {
namespace {

// Why a number is refused that only the rounding to `real` makes infinite or zero.
std::string range_of_real(double value) {
  using Limits = std::numeric_limits<real>;
  if (!(value > 0) || !std::isfinite(value)) return {};
  std::ostringstream text;
  text << " (in single precision from " << Limits::denorm_min() << " to " << Limits::max() << ')';
  return text.str();
}

}  // namespace

Optimizer::Optimizer(std::string name, ParamSet& params, Common options)
    : name_(std::move(name)), params_(params), layout_(name_, params), options_(options), lr_(options.lr) {
  require_not_negative("lr", options.lr);
  require_not_negative("weight_decay", options.weight_decay);
  require_not_negative("clip_norm", options.clip_norm);
  ranges_.reserve(params.params().size());
}

void Optimizer::step() {
  layout_.require_unchanged();
  params_.require_not_lent(name_, ": step");
  find_ranges();
  const bool frozen = ranges_.empty();
  require(
      frozen || !params_.grads_used(), name_,
      ": no gradients in its parameters since the last step; call backward before, and build it over the model that is trained");
  require(frozen || params_.trainable_gradients(), name_,
          ": the gradients are those of a tape in inference mode (Tape::Options::training is "
          "false: running statistics, no dropout); record on a training tape, or call ParamSet::allow_inference_gradients");
  double grad_scale = 1;
  if (options_.clip_norm > 0) {
    last_grad_norm_ = grad_norm(params_);
    grad_scale = clip_factor(last_grad_norm_, options_.clip_norm);
  }
  ++steps_;
  update(ranges_, real(grad_scale));
  params_.mark_grads_used();
}

// Neighbours of equal treatment become one range; looked up anew each time, so that freezing and thawing just work.
void Optimizer::find_ranges() {
  ranges_.clear();
  for (const Param& p : params_.params()) {
    if (!p.trainable) continue;
    const real weight_decay = p.decays || options_.decay == Decay::all ? real(options_.weight_decay) : real(0);
    const long end = p.offset + p.shape.size();
    if (!ranges_.empty() && ranges_.back().end == p.offset && ranges_.back().weight_decay == weight_decay) {
      ranges_.back().end = end;
    } else {
      ranges_.push_back({p.offset, end, weight_decay});
    }
  }
}

void Optimizer::set_lr(double lr) {
  require_not_negative("lr", lr);
  lr_ = lr;
}

void Optimizer::set_steps(long steps) {
  require(steps >= 0, name_, ": the count of steps is ", steps, ", must not be negative");
  steps_ = steps;
}

std::vector<Optimizer::Slot> Optimizer::state() {
  std::vector<Slot> slots;
  for (NamedSlab& slab : slots_) slots.push_back({slab.name, slab.values.data()});
  return slots;
}

int Optimizer::add_slot(std::string name) {
  slots_.push_back({std::move(name), std::vector<real>(std::size_t(params_.size()), real(0))});
  return int(slots_.size()) - 1;
}

// Written so that NaN is refused, and so is what only the rounding to `real` makes infinite or zero.
void Optimizer::require_not_negative(const char* option, double value) const {
  if (value >= 0 && std::isfinite(real(value))) return;
  fail(name_, ": ", option, " is ", value, ", must be a finite number, at least 0", range_of_real(value));
}

void Optimizer::require_fraction(const char* option, double value) const {
  require(value >= 0 && real(value) < 1, name_, ": ", option, " is ", value, ", must be in [0, 1)");
}

void Optimizer::require_positive(const char* option, double value) const {
  if (real(value) > 0 && std::isfinite(real(value))) return;
  fail(name_, ": ", option, " is ", value, ", must be a finite number above 0", range_of_real(value));
}

}  // namespace six
