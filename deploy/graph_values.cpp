#include "graph_values.h"

#include <algorithm>
#include <cstring>

#include "../core/error.h"

namespace six {
namespace {

// Calls f(input offset, tap) for the taps of an output pixel that lie inside the image.
template <class F>
void for_taps(const ImageSize& in, const Window& win, int oy, int ox, F&& f) {
  for (int i = 0; i < win.kh; ++i)
    for (int j = 0; j < win.kw; ++j) {
      const int y = oy * win.stride + i - win.padding.top, x = ox * win.stride + j - win.padding.left;
      if (y >= 0 && y < in.h && x >= 0 && x < in.w) f((long(y) * in.w + x) * in.c, i * win.kw + j);
    }
}

template <class F>
void for_pixels(const ImageSize& out, F&& f) {
  for (int y = 0; y < out.h; ++y)
    for (int x = 0; x < out.w; ++x) f(y, x, (long(y) * out.w + x) * out.c);
}

struct Evaluate {
  const Graph& graph;
  const Stage& stage;
  std::span<const double* const> in;
  double* out;
  ImageSize from{graph.shape(stage.in[0])}, to{stage.out};
  Window window = window_of(graph, stage);

  void dense() const {
    for_pixels(to, [&](int oy, int ox, long at) {
      double* y = out + at;
      std::copy(stage.bias.begin(), stage.bias.end(), y);
      for_taps(from, window, oy, ox, [&](long pixel, int tap) {
        for (int c = 0; c < from.c; ++c) {
          const double x = in[0][pixel + c], *w = stage.weights.data() + (long(tap) * from.c + c) * to.c;
          if (x == 0) continue;
          for (int k = 0; k < to.c; ++k) y[k] += x * w[k];
        }
      });
    });
  }
  void pool(bool largest, double divisor) const {
    for_pixels(to, [&](int oy, int ox, long at) {
      std::fill_n(out + at, to.c, largest ? -double(kInf) : 0.);
      for_taps(from, window, oy, ox, [&](long pixel, int) {
        for (int c = 0; c < to.c; ++c) {
          const double x = in[0][pixel + c];
          if (largest)
            out[at + c] = std::max(out[at + c], x);
          else
            out[at + c] += x / divisor;
        }
      });
    });
  }
  void operator()(const Stage::Conv&) const { dense(); }
  void operator()(const Stage::Linear&) const { dense(); }
  void operator()(const Stage::Depthwise&) const {
    for_pixels(to, [&](int oy, int ox, long at) {
      std::copy(stage.bias.begin(), stage.bias.end(), out + at);
      for_taps(from, window, oy, ox, [&](long pixel, int tap) {
        for (int c = 0; c < to.c; ++c) out[at + c] += in[0][pixel + c] * stage.weights[std::size_t(tap * to.c + c)];
      });
    });
  }
  void operator()(const Stage::Mean&) const { pool(false, double(from.h) * from.w); }
  void operator()(const Stage::MaxPool&) const { pool(true, 1); }
  void operator()(const Stage::AvgPool&) const { pool(false, double(window.kh) * window.kw); }
  void operator()(const Stage::Reshape&) const { std::copy_n(in[0], stage.out.size(), out); }
  void operator()(const Stage::Add&) const {
    for (long i = 0; i < stage.out.size(); ++i) out[i] = in[0][i] + in[1][i];
  }
  void operator()(const Stage::Pointwise&) const {
    const ClampOp c = clamp_of(stage);
    for (long i = 0; i < stage.out.size(); ++i) out[i] = std::clamp(in[0][i], double(c.lo), double(c.hi));
  }
};

struct WindowOf {
  ImageSize from;
  Window operator()(const Stage::Conv& c) const { return {c.kh, c.kw, c.stride, c.padding}; }
  Window operator()(const Stage::Depthwise& c) const { return {c.kh, c.kw, c.stride, c.padding}; }
  Window operator()(const Stage::Mean&) const { return {from.h, from.w, 1, {}}; }
  Window operator()(const Stage::MaxPool& p) const { return pool(p.options); }
  Window operator()(const Stage::AvgPool& p) const { return pool(p.options); }
  template <class Other>
  Window operator()(const Other&) const {
    return {};
  }
  static Window pool(const PoolOptions& o) { return {o.kernel, o.kernel, o.stride ? o.stride : o.kernel, o.padding}; }
};

}  // namespace

Window window_of(const Graph& graph, const Stage& stage) {
  return std::visit(WindowOf{ImageSize(graph.shape(stage.in[0]))}, stage.op);
}

ClampOp clamp_of(const Stage& stage) {
  const auto* p = std::get_if<Stage::Pointwise>(&stage.op);
  require(p && p->index == PointwiseOps::index_of<ClampOp>(), stage.name, ": no integer kernel");
  ClampOp clamp;
  std::memcpy(&clamp, p->formula.data(), sizeof clamp);
  return clamp;
}

void evaluate(const Graph& graph, const Stage& stage, std::span<const double* const> in, double* out) {
  std::visit(Evaluate{graph, stage, in, out}, stage.op);
  if (stage.clamped())
    for (long i = 0; i < stage.out.size(); ++i) out[i] = std::clamp(out[i], stage.lo, stage.hi);
}

GraphValues::GraphValues(const Graph& graph, const IntNetwork* rounding) : graph_(&graph), network_(rounding) {
  for (std::size_t v = 0; v <= graph.stages.size(); ++v) values_.emplace_back(std::size_t(graph.shape(int(v)).size()));
}

void GraphValues::run(std::span<const std::uint8_t> image) {
  require(image.size() == values_[0].size(), "the image has ", image.size(), " bytes, the network takes ", values_[0].size());
  for (std::size_t i = 0; i < image.size(); ++i) values_[0][i] = image[i] / 255.;
  for (std::size_t s = 0; s < graph_->stages.size(); ++s) {
    const Stage& stage = graph_->stages[s];
    const double* in[2] = {};
    for (std::size_t i = 0; i < stage.in.size(); ++i) in[i] = values_[std::size_t(stage.in[i])].data();
    std::vector<double>& out = values_[s + 1];
    evaluate(*graph_, stage, in, out.data());
    if (!network_ || (network_->accumulators && int(s) + 1 == network_->output)) continue;
    const bool mean = std::holds_alternative<Stage::Mean>(stage.op) || std::holds_alternative<Stage::AvgPool>(stage.op);
    const Quantization& q = network_->values[s + 1].q;
    const CodeRange range = code_range(network_->values[s + 1].bits);
    for (double& x : out) {
      const double steps = x / double(q.scale);
      x = q.real_of(mean ? mean_code_of(steps, q.zero, range) : activation_code(steps, q.zero, range));
    }
  }
}

}  // namespace six
