#pragma once
#include <vector>

#include "../core/param.h"
#include "layout.h"

namespace six {

struct EmaOptions {
  double decay = 0.999;
  bool warmup = false;  // use min(decay, (1 + t) / (10 + t)) at update t = 0, 1, ...: early weights are forgotten sooner
};

// Exponential moving average of a model's parameters, starting from their values: e = decay e + (1 - decay) value. Parameters only:
// buffers (the running statistics of batch norm) are averages already and stay the model's, swapped in or not.
class Ema {
 public:
  // Throws if decay is not in [0, 1).
  explicit Ema(ParamSet& params, EmaOptions options = {});
  Ema(const Ema&) = delete;
  Ema& operator=(const Ema&) = delete;

  // Takes in the present values, after an optimizer's step. Throws while averages are swapped in, or if the parameters are no
  // longer those this was built over.
  void update();

  // Throws unless built over these parameters.
  void require_over(const ParamSet& params) const { layout_.require_over(params); }

  // The averages, ParamSet::size() numbers laid out like the parameters; while swapped in, the values that train.
  real* values() { return average_.data(); }
  const real* values() const { return average_.data(); }

  // The t of the warm-up; a checkpoint holds it besides values().
  long updates() const { return updates_; }
  void set_updates(long updates);  // throws if negative

  // Exchanges averages and parameters for as long as it lives, in place, to evaluate or save: `const auto in = ema.swap_in();`.
  class [[nodiscard]] Swap {
   public:
    Swap(const Swap&) = delete;
    Swap& operator=(const Swap&) = delete;
    ~Swap();

   private:
    friend class Ema;
    explicit Swap(Ema& ema);
    Ema& ema_;
    Life life_;  // how long the parameters are lent
  };
  // Throws if averages are swapped in already, or if the parameters are no longer those this was built over. In the meantime an
  // optimizer's step and a checkpoint throw.
  Swap swap_in();

 private:
  void exchange();

  ParamSet& params_;
  Layout layout_;
  EmaOptions options_;
  long updates_ = 0;
  std::vector<real> average_;
};

}  // namespace six
