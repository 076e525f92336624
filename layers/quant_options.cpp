#include "quant_options.h"

namespace six {

std::span<const char* const> choices_of(Granularity) {
  static constexpr const char* names[] = {"channel", "tensor"};
  return names;
}
std::span<const char* const> choices_of(Observer) {
  static constexpr const char* names[] = {"minmax", "ema", "percentile", "mse", "fixed"};
  return names;
}
std::span<const char* const> choices_of(ClampRange) {
  static constexpr const char* names[] = {"fixed6", "observed"};
  return names;
}
std::span<const char* const> choices_of(Rounding) {
  static constexpr const char* names[] = {"single", "double"};
  return names;
}

}  // namespace six
