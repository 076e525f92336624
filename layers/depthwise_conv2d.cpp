#include "depthwise_conv2d.h"

#include "builder.h"

namespace six {

Shape DepthwiseConv2d::build(Builder& b, const Shape& in) {
  require_image(in);
  const auto [kh, kw] = config.kernel;
  const long c = in[2], taps = long(kh) * kw;
  config.padding = config.padding.resolve(in, config.kernel, config.stride);
  const Fans fans{taps, taps};
  weight = b.param("weight", {kh, kw, c}, weight_init(config.init, fans), true, TorchLayout::depthwise(kh, kw, c));
  bias = config.bias ? b.param("bias", {c}, bias_init(config.init, fans), false) : ParamRef();
  const Shape out = ops::DepthwiseConv2d{options()}.shape({1, in[0], in[1], c}, {kh, kw, c});
  b.macs(out[1] * out[2] * taps * c);
  return {out[1], out[2], c};
}

Var DepthwiseConv2d::forward(Var x) const {
  const Var w = weight.on(x.tape());
  return bias ? depthwise_conv2d(x, w, bias.on(x.tape()), options()) : depthwise_conv2d(x, w, options());
}

}  // namespace six
