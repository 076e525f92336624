#pragma once
#include "../tape.h"

namespace six {

namespace ops {
// The identity: writes a deferred value out. The tape inserts it where an op cannot read through a view.
struct Materialize {
  static constexpr const char* name = "materialize";
  Tensor forward(const Context& c, View x);
  void backward(const Back& b, View x);
};
}  // namespace ops

}  // namespace six
