#pragma once
#include "../tape.h"

namespace six {

namespace ops {
// Elementwise on equal shapes: x + sign * z.
struct Add {
  static constexpr const char* name = "add";
  real sign = 1;
  Tensor forward(const Context& c, Tensor x, Tensor z);
  void backward(const Back& b, Tensor x, Tensor z);
};
// Elementwise product on equal shapes.
struct Mul {
  static constexpr const char* name = "mul";
  Tensor forward(const Context& c, Tensor x, Tensor z);
  void backward(const Back& b, Tensor x, Tensor z);
};
struct Scale {
  static constexpr const char* name = "scale";
  real factor;
  Tensor forward(const Context& c, Tensor x);
  void backward(const Back& b, Tensor x);
};
// The sum of all numbers, a scalar; added up in double, in a fixed order.
struct Sum {
  static constexpr const char* name = "sum";
  Tensor forward(const Context& c, Tensor x);
  void backward(const Back& b, Tensor x);
};
// The same numbers in another shape of the same size.
struct Reshape {
  static constexpr const char* name = "reshape";
  Shape to;
  Tensor forward(const Context& c, Tensor x);
  void backward(const Back& b, Tensor x);
};
}  // namespace ops

Var add(Var x, Var z);
Var sub(Var x, Var z);
Var mul(Var x, Var z);
Var scale(Var x, real factor);
Var sum(Var x);
Var mean(Var x);
Var reshape(Var x, Shape to);
Var flatten(Var x);  // [n, ...] -> [n, size / n]

inline Var operator+(Var x, Var z) { return add(x, z); }
inline Var operator-(Var x, Var z) { return sub(x, z); }
inline Var operator*(Var x, Var z) { return mul(x, z); }
inline Var operator*(real factor, Var x) { return scale(x, factor); }
inline Var operator*(Var x, real factor) { return scale(x, factor); }
inline Var operator-(Var x) { return scale(x, -1); }

}  // namespace six
