#pragma once
#include <memory>
#include <string>

#include "../core/param.h"

namespace six {

// The layout of a ParamSet as it was when something was built over it: slabs made then fit no other. A set only grows.
class Layout {
 public:
  Layout(std::string owner, const ParamSet& params);
  // Throws Error, naming the owner, if parameters were added since or the set is gone.
  void require_unchanged() const;
  // Throws Error if it may not be used with `params`: the same, or not the set this was built over.
  void require_over(const ParamSet& params) const;
  bool gone() const { return life_.expired(); }

 private:
  std::string owner_;
  const ParamSet& params_;
  std::weak_ptr<const void> life_;
  std::size_t then_;
};

}  // namespace six
