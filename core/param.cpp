#include "param.h"

#include <algorithm>
#include <utility>

namespace six {

void ParamSet::require_new_name(const std::string& name) const {
  const auto taken = [&](const auto& x) { return x.name == name; };
  require(std::none_of(params_.begin(), params_.end(), taken) && std::none_of(buffers_.begin(), buffers_.end(), taken),
          "parameters: the name \"", name, "\" is taken");
}

int ParamSet::add(std::string name, Shape shape, bool decays) {
  require_new_name(name);
  params_.push_back({std::move(name), shape, size(), decays, true});
  values_.resize(values_.size() + std::size_t(shape.size()), real(0));
  grads_.resize(values_.size(), real(0));
  return int(params_.size()) - 1;
}

int ParamSet::add_buffer(std::string name, Shape shape, real value) {
  require_new_name(name);
  buffers_.push_back({std::move(name), shape, buffer_size()});
  buffer_values_.resize(buffer_values_.size() + std::size_t(shape.size()), value);
  return int(buffers_.size()) - 1;
}

void ParamSet::begin_backward(bool training) {
  if (std::exchange(grads_used_, false)) std::fill(grads_.begin(), grads_.end(), real(0)), from_inference_ = false;
  from_inference_ |= !training;
}

}  // namespace six
