#include "init.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace six {
namespace {

Fill uniform_init(double bound) {
  return [=](const Rng& rng, std::span<real> values) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = real(rng.uniform(i, -bound, bound));
  };
}

}  // namespace

std::span<const char* const> choices_of(Init) {
  static constexpr const char* names[] = {"he_normal", "pytorch_uniform", "glorot_uniform"};
  return names;
}

Fill weight_init(Init init, Fans fans) {
  if (init == Init::pytorch_uniform) return uniform_init(1 / std::sqrt(double(fans.in)));
  if (init == Init::glorot_uniform) return uniform_init(std::sqrt(6 / (double(fans.in) + double(fans.out))));
  const double deviation = std::sqrt(2 / double(fans.in));
  return [=](const Rng& rng, std::span<real> values) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = real(deviation * rng.normal(i));
  };
}

Fill bias_init(Init init, Fans fans) { return init == Init::pytorch_uniform ? weight_init(init, fans) : constant_init(0); }

Fill constant_init(real value) {
  return [=](const Rng&, std::span<real> values) { std::fill(values.begin(), values.end(), value); };
}

}  // namespace six
