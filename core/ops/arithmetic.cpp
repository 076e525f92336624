#include "arithmetic.h"

#include "parts.h"

namespace six {
using namespace ops;
namespace {

void require_same(const char* op, const Tensor& x, const Tensor& z) {
  require(x.shape == z.shape, op, ": the shapes differ (", x.shape, " and ", z.shape, ")");
}

// Runs f(first number, count) over blocks of x's samples.
template <class F>
void over(const Context& c, const Shape& s, F&& f) {
  const long per = s.sample_size();
  c.blocks(s.samples(), s.size(), [&](int, Block b, int) { f(b.begin * per, b.size() * per); });
}

}  // namespace

Tensor Add::forward(const Context& c, Tensor x, Tensor z) {
  require_same(sign > 0 ? "add" : "sub", x, z);
  real* y = c.make(x.shape);
  over(c, x.shape, [&](long at, long n) { c.kernel.axpy(n, sign, z.y + at, x.y + at, y + at); });
  return {y, x.shape};
}
void Add::backward(const Back& b, Tensor, Tensor) {
  const real* dy = b.plain_dy();
  if (b.wants(1)) {
    if (sign > 0) b.put(1, dy);
    if (sign < 0) {
      const Shape& s = b.node().view.shape;
      const Sink dz = b.into(1);
      Arena::Scratch undo(b.memory);
      real* t = b.memory.fresh<real>(s.size());
      over(b, s, [&](long at, long n) { b.kernel.axpy(n, -1, dy + at, nullptr, t + at); });
      b.put(1, dz, t);
    }
  }
  b.put(0, dy);
}

Tensor Mul::forward(const Context& c, Tensor x, Tensor z) {
  require_same(name, x, z);
  real* y = c.make(x.shape);
  over(c, x.shape, [&](long at, long n) { c.kernel.product(n, x.y + at, z.y + at, y + at); });
  return {y, x.shape};
}
void Mul::backward(const Back& b, Tensor x, Tensor z) {
  const real* dy = b.plain_dy();
  const long per = x.shape.sample_size();
  emit(b, 0, x,
       [&](Block r, real* out) { b.kernel.product(r.size() * per, dy + r.begin * per, z.y + r.begin * per, out + r.begin * per); });
  emit(b, 1, z,
       [&](Block r, real* out) { b.kernel.product(r.size() * per, dy + r.begin * per, x.y + r.begin * per, out + r.begin * per); });
}

Tensor Scale::forward(const Context& c, Tensor x) {
  real* y = c.make(x.shape);
  over(c, x.shape, [&](long at, long n) { c.kernel.axpy(n, factor, x.y + at, nullptr, y + at); });
  return {y, x.shape};
}
void Scale::backward(const Back& b, Tensor x) {
  const real* dy = b.plain_dy();
  const long per = x.shape.sample_size();
  emit(b, 0, x,
       [&](Block r, real* out) { b.kernel.axpy(r.size() * per, factor, dy + r.begin * per, nullptr, out + r.begin * per); });
}

Tensor Sum::forward(const Context& c, Tensor x) {
  double parts[kMaxBlocks] = {};
  const long per = x.shape.sample_size();
  c.blocks(x.shape.samples(), x.size(), [&](int i, Block b, int) {
    double sum = 0;
    for (long j = b.begin * per; j < b.end * per; ++j) sum += x[j];
    parts[i] = sum;
  });
  double total = 0;
  for (double p : parts) total += p;
  real* y = c.make({});
  *y = real(total);
  return {y, {}};
}
void Sum::backward(const Back& b, Tensor x) {
  const real dy = *b.plain_dy();
  const long per = x.shape.sample_size();
  emit(b, 0, x, [&](Block r, real* out) { std::fill(out + r.begin * per, out + r.end * per, dy); });
}

Tensor Reshape::forward(const Context&, Tensor x) {
  require(to.size() == x.size(), name, ": ", x.size(), " numbers do not fill ", to.size(), " (", x.shape, " to ", to, ")");
  return {x.y, to};
}
void Reshape::backward(const Back& b, Tensor) {
  Grad d;
  d.g = const_cast<real*>(b.plain_dy());
  b.give(0, d);
}

Var add(Var x, Var z) { return x.tape().apply(Add{1}, x, z); }
Var sub(Var x, Var z) { return x.tape().apply(Add{-1}, x, z); }
Var mul(Var x, Var z) { return x.tape().apply(Mul{}, x, z); }
Var scale(Var x, real factor) { return x.tape().apply(Scale{factor}, x); }
Var sum(Var x) { return x.tape().apply(Sum{}, x); }
Var mean(Var x) {
  require(x.size() > 0, "mean: there are no numbers to average (x ", x.shape(), ')');
  return scale(sum(x), real(1) / real(x.size()));
}
Var reshape(Var x, Shape to) { return x.tape().apply(Reshape{to}, x); }
Var flatten(Var x) {
  require(x.shape().rank() >= 1, "flatten: expected [n, ...], got ", x.shape());
  return reshape(x, {x.shape()[0], x.shape().rank() > 1 ? x.shape().sample_size() : 1});
}

}  // namespace six
