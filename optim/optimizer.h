#pragma once
#include <span>
#include <string>
#include <vector>

#include "../core/param.h"
#include "layout.h"

namespace six {

// Which parameters weight decay applies to: all of them, as in PyTorch, or only those marked `decays` (no biases, no batch norm).
enum class Decay { all, weights };

// A rule that moves parameters against their gradients. One step is one pass over the slabs; gradients are only read, so that they
// can be looked at afterwards. A frozen parameter and its moments stand still; freezing is looked up at every step. The bias
// correction of Adam counts the steps of the optimizer: for parameters that thaw late, build a new one.
class Optimizer {
 public:
  // A slab of the optimizer's memory: ParamSet::size() numbers, laid out like the parameters. Names: "momentum", "m", "v".
  struct Slot {
    std::string name;
    real* values;
  };

  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer() = default;

  // Moves the parameters once; the next backward starts from zero gradients. Throws if the parameters are no longer those the
  // optimizer was built over, or if one that is trainable was reached by no backward since the last step, or by one on a tape in
  // inference mode, or while averages are swapped in; then nothing has changed.
  void step();

  double lr() const { return lr_; }
  void set_lr(double lr);  // throws if negative or not finite
  // The norm of the gradients of the last step before clipping; 0 without clip_norm.
  double last_grad_norm() const { return last_grad_norm_; }
  const ParamSet& params() const { return params_; }
  void require_unchanged() const { layout_.require_unchanged(); }                    // throws if they are gone or more
  void require_over(const ParamSet& params) const { layout_.require_over(params); }  // throws unless built over these

  // What a checkpoint holds besides the parameters: the count of steps and the slots, to be written through their pointers.
  long steps() const { return steps_; }
  void set_steps(long steps);  // throws if negative
  std::vector<Slot> state();

 protected:
  // Elements [begin, end) of the slabs, all decayed by the same weight.
  struct Range {
    long begin, end;
    real weight_decay;
  };
  // What every optimizer can do besides its own formula.
  struct Common {
    double lr, weight_decay;
    Decay decay;
    double clip_norm;
  };

  // `name` begins the error messages. Throws if an option is out of range.
  Optimizer(std::string name, ParamSet& params, Common options);

  // Takes one step on these ranges, reading each gradient as grad_scale * grads()[i]; steps() counts this step already.
  virtual void update(std::span<const Range> ranges, real grad_scale) = 0;

  // Adds a slab of zeros; its index for slot(). To be called in the constructor.
  int add_slot(std::string name);
  real* slot(int i) { return slots_[i].values.data(); }
  real* values() { return params_.values(); }
  const real* grads() const { return params_.grads(); }

  // Throws `<name>: <option> is <value>, must be ...` unless it is finite in `real` and at least 0; in [0, 1); above 0.
  void require_not_negative(const char* option, double value) const;
  void require_fraction(const char* option, double value) const;
  void require_positive(const char* option, double value) const;

 private:
  struct NamedSlab {
    std::string name;
    std::vector<real> values;
  };
  void find_ranges();

  std::string name_;
  ParamSet& params_;
  Layout layout_;
  Common options_;
  double lr_, last_grad_norm_ = 0;
  long steps_ = 0;
  std::vector<NamedSlab> slots_;
  std::vector<Range> ranges_;
};

}  // namespace six
