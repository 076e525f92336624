#include <algorithm>

#include "harness.h"

namespace six::test {

const char* name_of(Dress d) {
  static const char* const names[] = {"plain",
                                      "bias",
                                      "relu6",
                                      "bias and relu6",
                                      "batch norm",
                                      "batch norm and relu6",
                                      "batch norm and relu",
                                      "batch norm and clamp",
                                      "batch norm and relu6 with derivative 1 at the kinks"};
  return names[int(d)];
}

namespace {
// The same function on the tape and in double, over the input and its parameters.
struct Layer {
  std::vector<Array> params;
  std::function<Var(Var, const Var*)> op;
  std::function<Array(const Array&, const Array*)> naive;
};

Layer norm_layer(long channels, unsigned seed, double gamma_from, double gamma_to, double beta_from, double beta_to) {
  return {{drawn({channels}, seed, gamma_from, gamma_to), drawn({channels}, seed + 1, beta_from, beta_to)},
          [](Var x, const Var* p) { return batch_norm(x, p[0], p[1]); },
          [](const Array& x, const Array* p) { return naive::batch_norm(x, p[0], p[1]); }};
}
Layer clamped(Layer l, std::function<Var(Var)> op, double lo, double hi) {
  return {l.params, [=](Var x, const Var* p) { return op(l.op(x, p)); },
          [=](const Array& x, const Array* p) { return naive::clamp(l.naive(x, p), lo, hi); }};
}

Layer layer_of(Dress d, long channels) {
  const Layer nothing{{}, [](Var x, const Var*) { return x; }, [](const Array& x, const Array*) { return x; }};
  const Layer plus_bias{{drawn({channels}, 51)},
                        [](Var x, const Var* p) { return bias(x, p[0]); },
                        [](const Array& x, const Array* p) { return naive::bias(x, p[0]); }};
  const Layer norm = norm_layer(channels, 53, 2, 5, 2, 4), narrow = norm_layer(channels, 55, 1, 3, -1, 1);
  switch (d) {
    case Dress::none:
      return nothing;
    case Dress::bias:
      return plus_bias;
    case Dress::relu6:
      return clamped(
          nothing, [](Var x) { return relu6(x); }, 0, 6);
    case Dress::bias_relu6:
      return clamped(
          plus_bias, [](Var x) { return relu6(x); }, 0, 6);
    case Dress::norm:
      return norm;
    case Dress::norm_relu6:
      return clamped(
          norm, [](Var x) { return relu6(x); }, 0, 6);
    case Dress::norm_relu:
      return clamped(
          narrow, [](Var x) { return relu(x); }, 0, double(kInf));
    case Dress::norm_clamp:
      return clamped(
          narrow, [](Var x) { return clamp(x, -1, real(1.5)); }, -1, 1.5);
    case Dress::relu6_at_kink:
      return clamped(
          norm, [](Var x) { return relu6(x, 1); }, 0, 6);
  }
  return nothing;
}
}  // namespace

Case dressed(const Case& c, Dress before, bool norm_after) {
  const Layer first = layer_of(before, c.inputs[0].shape.channels());
  const Array plain = c.naive(c.inputs);
  const Layer last = norm_after ? norm_layer(plain.shape.channels(), 57, -2, 2, -1, 1) : layer_of(Dress::none, 1);
  const std::size_t own = c.inputs.size(), from_last = own + first.params.size();
  Case d = c;
  d.name += std::string(" of ") + name_of(before) + (norm_after ? ", then batch norm" : "");
  if (before != Dress::none) d.inputs[0] = drawn(c.inputs[0].shape, 59, -4, 10);
  d.inputs.insert(d.inputs.end(), first.params.begin(), first.params.end());
  d.inputs.insert(d.inputs.end(), last.params.begin(), last.params.end());
  d.op = [=](const std::vector<Var>& x) {
    std::vector<Var> in(x.begin(), x.begin() + long(own));
    in[0] = first.op(x[0], x.data() + own);
    return last.op(c.op(in), x.data() + from_last);
  };
  d.naive = [=](const std::vector<Array>& x) {
    std::vector<Array> in(x.begin(), x.begin() + long(own));
    in[0] = first.naive(x[0], x.data() + own);
    return last.naive(c.naive(in), x.data() + from_last);
  };
  return d;
}

std::vector<Case> all_dressed(const Case& c) {
  std::vector<Case> list;
  for (Dress d : {Dress::none, Dress::bias, Dress::relu6, Dress::bias_relu6, Dress::norm, Dress::norm_relu6, Dress::norm_relu,
                  Dress::norm_clamp, Dress::relu6_at_kink})
    for (bool norm_after : {false, true}) list.push_back(dressed(c, d, norm_after));
  return list;
}

}  // namespace six::test
