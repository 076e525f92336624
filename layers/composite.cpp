#include "composite.h"

#include "../core/error.h"
#include "batch_norm.h"
#include "builder.h"
#include "conv2d.h"
#include "depthwise_conv2d.h"

namespace six {
namespace {

Var run(const std::vector<AnyLayer>& layers, Var x) {
  for (const AnyLayer& layer : layers) x = layer(x);
  return x;
}

// The parts of a block in the making.
struct Parts {
  Builder& b;
  Shape shape;
  std::vector<AnyLayer>& parts;
  Init init;

  void add(const char* name, AnyLayer layer) {
    parts.push_back(std::move(layer));
    shape = b.add(parts.back(), name, shape);
  }
  void add_activation(const char* name, const AnyLayer& activation) {
    const Shape before = shape;
    add(name, activation);
    require(shape == before, name, " (", activation->type(), "): an activation must keep the shape, ", before, " became ", shape);
  }
  void add_depthwise(int stride) {
    add("depthwise", DepthwiseConv2d{{.kernel = 3, .stride = stride, .bias = false, .init = init}});
  }
  void add_conv1x1(const char* name, int out_channels) {
    add(name, Conv2d{{.out_channels = out_channels, .kernel = 1, .bias = false, .init = init}});
  }
};

}  // namespace

Shape Sequential::build(Builder& b, const Shape& in) { return b.add_all(config.layers, in); }
Var Sequential::forward(Var x) const { return run(config.layers, x); }

Shape Residual::build(Builder& b, const Shape& in) {
  const Shape image = b.image(), out = b.add_all(config.layers, in);
  require(out == in, "the layers must keep the shape, their input is ", in, ", their output ", out);
  // Files would have to hold the sum's features in torch's order and in the order of memory.
  require(b.image() == image, "the input is the flattened image ", image, "; put a linear layer between flatten and this");
  return out;
}
Var Residual::forward(Var x) const { return x + run(config.layers, x); }

Shape Separable::build(Builder& b, const Shape& in) {
  parts_.clear(), parts_.reserve(6);
  Parts p{b, in, parts_, config.init};
  p.add_depthwise(config.stride);
  p.add("bn1", BatchNorm{});
  p.add_activation("act1", config.activation);
  p.add_conv1x1("pointwise", config.out_channels);
  p.add("bn2", BatchNorm{});
  p.add_activation("act2", config.activation);
  return p.shape;
}
Var Separable::forward(Var x) const { return run(parts_, x); }

Shape InvertedResidual::build(Builder& b, const Shape& in) {
  require_image(in);
  const long wide = in[2] * config.expansion;
  require(wide <= long(kMaxChannels), "expansion ", config.expansion, " makes ", wide, " channels, at most ", long(kMaxChannels),
          " are supported");
  parts_.clear(), parts_.reserve(8);
  Parts p{b, in, parts_, config.init};
  if (config.expansion > 1) {
    p.add_conv1x1("expand", int(wide));
    p.add("bn1", BatchNorm{});
    p.add_activation("act1", config.activation);
  }
  p.add_depthwise(config.stride);
  p.add("bn2", BatchNorm{});
  p.add_activation("act2", config.activation);
  p.add_conv1x1("project", config.out_channels);
  p.add("bn3", BatchNorm{});
  return p.shape;
}
Var InvertedResidual::forward(Var x) const { return skips() ? x + run(parts_, x) : run(parts_, x); }

}  // namespace six
