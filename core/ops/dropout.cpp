#include "dropout.h"

#include "../rng.h"
#include "parts.h"

namespace six {
using namespace ops;

Tensor Dropout::forward(const Context& c, Tensor x) {
  real *y = c.make(x.shape), *m = c.memory.fresh<real>(x.size());
  const Rng rng(seed, Purpose::dropout, stream);
  const real keep = real(1 / (1 - p));
  const long per = x.shape.sample_size();
  c.blocks(x.shape.samples(), x.size() * 16, [&](int, Block b, int) {
    for (long i = b.begin * per; i < b.end * per; ++i) m[i] = rng.uniform(std::uint64_t(i)) < p ? real(0) : keep;
    c.kernel.product(b.size() * per, x.y + b.begin * per, m + b.begin * per, y + b.begin * per);
  });
  mask = m;
  return {y, x.shape};
}

void Dropout::backward(const Back& b, Tensor x) {
  const real* dy = b.plain_dy();
  const long per = x.shape.sample_size();
  emit(b, 0, x, [&](Block r, real* out) {
    b.kernel.product(r.size() * per, dy + r.begin * per, mask + r.begin * per, out + r.begin * per);
  });
}

Var dropout(Var x, double p) {
  require(p >= 0 && p < 1, "dropout: p is ", p, ", must be at least 0 and below 1");
  Tape& tape = x.tape();
  if (!tape.options().training || p == 0) return x;
  return tape.apply(Dropout{p, tape.options().seed, tape.dropout_stream()}, x);
}

}  // namespace six
