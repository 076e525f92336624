#include "layout.h"

#include <utility>

namespace six {

Layout::Layout(std::string owner, const ParamSet& params)
    : owner_(std::move(owner)), params_(params), life_(params.watch()), then_(params.params()) {}

void Layout::require_unchanged() const {
  require(!gone(), owner_,
          ": the model this was built over is gone, destroyed or replaced by an assignment; build it over the new model");
  const std::vector<Param>& now = params_.params();
  for (std::size_t i = 0; i < now.size() && i < then_.size(); ++i) {
    require(now[i].name == then_[i].name && now[i].shape == then_[i].shape, owner_, ": parameter ", i, " is \"", now[i].name, "\" ",
            now[i].shape, ", but was \"", then_[i].name, "\" ", then_[i].shape,
            " when this was built; build it over the new model");
  }
  require(now.size() == then_.size(), owner_, ": the model has ", now.size(), " parameters, but had ", then_.size(),
          " when this was built; build it after the last layer");
}

}  // namespace six
