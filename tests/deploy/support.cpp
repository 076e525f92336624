#include "support.h"

#include "../../core/rng.h"

namespace six::test {

std::vector<std::uint8_t> noise(const Shape& image, int n, std::uint64_t seed) {
  std::vector<std::uint8_t> bytes(std::size_t(image.size() * n));
  const Rng rng(seed, Purpose::user);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::uint8_t(rng.below(i, 256));
  return bytes;
}

Bytes batch(const std::vector<std::uint8_t>& bytes, const Shape& s) {
  const long n = long(bytes.size()) / s.size();
  return {bytes.data(), s.rank() == 3 ? Shape{n, s[0], s[1], s[2]} : Shape{n, s[0]}};
}

void disturb(Model& model) {
  const std::vector<std::uint8_t> bytes = noise(model.input_shape(), 16);
  Tape tape({.threads = 1});
  for (int i = 0; i < 20; ++i) tape.reset(), model(tape.input(batch(bytes, model.input_shape())));
  const Rng rng(5, Purpose::user);
  for (long i = 0; i < model.params().size(); ++i) model.params().values()[i] += real(rng.uniform(std::uint64_t(i), -0.1, 0.1));
}

std::vector<Net> integer_nets() {
  std::vector<Net> nets;
  const auto add = [&](const char* name, const Shape& input, Sequential layers) {
    nets.push_back({name, Model(input, std::move(layers), {.seed = 3})});
    disturb(nets.back().model);
  };
  add("MobileNet blocks, strides, odd sizes, a linear bottleneck", {15, 13, 2},
      Sequential{Conv2d{{.out_channels = 5, .stride = 2, .bias = false}}, BatchNorm{}, ReLU6{},
                 Separable{{.out_channels = 19, .stride = 2}}, InvertedResidual{{.out_channels = 19, .expansion = 3}},
                 GlobalAvgPool{}, Linear{{.out_features = 3}}});
  add("residuals, clamps of every kind, asymmetric padding", {8, 8, 3},
      Sequential{Conv2d{{.out_channels = 16, .kernel = {2}, .stride = 2, .padding = Padding(0, 0, 1, 1)}}, ReLU{},
                 Residual{Separable{{.out_channels = 16}}}, Hardtanh{}, Conv2d{{.out_channels = 8, .kernel = {1}}},
                 ClampOp{-1, 2, {}}, Residual{Conv2d{{.out_channels = 8}}, BatchNorm{}}, ReLU6{}, GlobalAvgPool{},
                 Linear{{.out_features = 4}}});
  add("pools, flatten, dropout, a batch norm and clamps with nothing in front", {12, 12, 1},
      Sequential{Conv2d{{.out_channels = 6, .kernel = {5}}}, AvgPool2d{}, ReLU6{}, BatchNorm{},
                 Conv2d{{.out_channels = 7, .kernel = {3, 1}, .padding = 0}}, MaxPool2d{{.kernel = 3, .stride = 2, .padding = 1}},
                 ReLU{}, Flatten{}, Dropout{}, Linear{{.out_features = 20}}, ReLU6{}, Linear{{.out_features = 4}}});
  add("pixels read by a pool, one channel, one row", {1, 9, 1},
      Sequential{MaxPool2d{{.kernel = 1, .stride = 2}}, DepthwiseConv2d{}, Conv2d{{.out_channels = 3, .kernel = {1, 3}}}, ReLU6{},
                 Flatten{}, Linear{{.out_features = 2}}});
  add("fully connected", {64}, Sequential{Linear{{.out_features = 17}}, BatchNorm{}, ReLU{}, Linear{{.out_features = 10}}});
  add("windows of one tap, padded below and on the right only, with and without a stride", {6, 5, 1},
      Sequential{Conv2d{{.out_channels = 4}}, ReLU6{}, Conv2d{{.out_channels = 5, .kernel = {1}, .padding = Padding(0, 0, 1, 1)}},
                 ReLU6{}, DepthwiseConv2d{{.kernel = {1}, .padding = Padding(0, 0, 2, 0)}}, ReLU6{},
                 DepthwiseConv2d{{.kernel = {1}, .stride = 2, .padding = Padding(0, 0, 0, 1)}}, ReLU6{},
                 Conv2d{{.out_channels = 3, .kernel = {1}, .stride = 2, .padding = Padding(0, 0, 1, 1)}}, Flatten{},
                 Linear{{.out_features = 3}}});
  return nets;
}

IntNetwork integer_network(const Model& model, const QuantOptions& options, bool accumulators, bool fold_mean) {
  const std::vector<std::uint8_t> images = noise(model.input_shape(), 8);
  const Graph graph = graph_of(model);
  return quantize(graph, calibrate(graph, batch(images, model.input_shape()), options, 2), options, accumulators, fold_mean);
}

}  // namespace six::test
