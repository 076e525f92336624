#include "ema.h"

#include <algorithm>

namespace six {
namespace {

void average(real* __restrict e, const real* __restrict value, long n, real rest) {
  for (long i = 0; i < n; ++i) e[i] += rest * (value[i] - e[i]);
}

}  // namespace

Ema::Ema(ParamSet& params, EmaOptions options)
    : params_(params), layout_("ema", params), options_(options), average_(params.values(), params.values() + params.size()) {
  require(options.decay >= 0 && options.decay < 1, "ema: decay is ", options.decay, ", must be in [0, 1)");
}

void Ema::update() {
  layout_.require_unchanged();
  params_.require_not_lent("ema: update");
  const double t = double(updates_++);
  const double decay = options_.warmup ? std::min(options_.decay, (1 + t) / (10 + t)) : options_.decay;
  average(average_.data(), params_.values(), params_.size(), real(1 - decay));
}

void Ema::set_updates(long updates) {
  require(updates >= 0, "ema: the count of updates is ", updates, ", must not be negative");
  updates_ = updates;
}

Ema::Swap Ema::swap_in() {
  layout_.require_unchanged();
  require(!params_.lent(), "ema: the averages are swapped in already");
  return Swap(*this);
}

// Values are exchanged, not slabs: whoever holds a pointer into the parameters sees the averages.
void Ema::exchange() {
  const long n = std::min(params_.size(), long(average_.size()));
  std::swap_ranges(average_.begin(), average_.begin() + n, params_.values());
}

Ema::Swap::Swap(Ema& ema) : ema_(ema) {
  ema_.exchange();
  ema_.params_.lend(life_.watch());
}
Ema::Swap::~Swap() {
  if (!ema_.layout_.gone()) ema_.exchange();
}

}  // namespace six
