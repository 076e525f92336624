#include "layout.h"

#include <utility>

namespace six {

Layout::Layout(std::string owner, const ParamSet& params)
    : owner_(std::move(owner)), params_(params), life_(params.watch()), then_(params.params().size()) {}

void Layout::require_unchanged() const {
  require(!gone(), owner_,
          ": the model this was built over is gone, destroyed or replaced by an assignment; build it over the new model");
  const std::size_t now = params_.params().size();
  require(now == then_, owner_, ": the model has ", now, " parameters, but had ", then_,
          " when this was built; build it after the last layer");
}

void Layout::require_over(const ParamSet& params) const {
  require_unchanged();
  require(&params == &params_, owner_, ": this was built over another model, not the one given with it");
}

}  // namespace six
