#pragma once
#include "../tape.h"

namespace six {

namespace ops {
// Sets each number to 0 with probability p and divides the others by 1 - p (Srivastava et al. 2014); nothing on an inference tape.
struct Dropout {
  static constexpr const char* name = "dropout";
  double p;
  std::uint64_t seed, stream;
  const real* mask = nullptr;  // 0 or 1 / (1 - p)
  Tensor forward(const Context& c, Tensor x);
  void backward(const Back& b, Tensor x);
};
}  // namespace ops

// The numbers dropped are a function of the tape's seed, its step and the position of this call on the tape. Throws unless 0 <= p
// < 1.
Var dropout(Var x, double p);

}  // namespace six
