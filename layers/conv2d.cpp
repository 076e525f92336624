#include "conv2d.h"

#include "builder.h"

namespace six {

Shape Conv2d::build(Builder& b, const Shape& in) {
  require_image(in);
  const auto [kh, kw] = config.kernel;
  const long c = in[2], k = config.out_channels, taps = long(kh) * kw;
  config.padding = config.padding.resolve(in, config.kernel, config.stride);
  const Fans fans{taps * c, taps * k};
  weight = b.param("weight", {kh, kw, c, k}, weight_init(config.init, fans), true, TorchLayout::conv(kh, kw, c, k));
  bias = config.bias ? b.param("bias", {k}, bias_init(config.init, fans), false) : ParamRef();
  const Shape out = ops::Conv2d{options()}.shape({1, in[0], in[1], c}, {kh, kw, c, k});
  b.macs(out[1] * out[2] * taps * c * k);
  return {out[1], out[2], k};
}

Var Conv2d::forward(Var x) const {
  const Var w = weight.on(x.tape());
  return bias ? conv2d(x, w, bias.on(x.tape()), options()) : conv2d(x, w, options());
}

}  // namespace six
