#include "quantized.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "../core/ops/fake_quantize.h"
#include "builder.h"
#include "model.h"

namespace six {
namespace {

constexpr double kMomentum = 0.01;  // of observed ranges

bool bounded(const Stage& s) { return s.lo > -double(kInf) && s.hi < double(kInf); }

std::string path_of_stage(const Stage& s) { return s.name.substr(0, s.name.find(' ')); }

TorchLayout layout_of(const Stage& s, const Graph& g) {
  const long k = s.out.channels(), c = s.from.channels();
  if (const auto* conv = std::get_if<Stage::Conv>(&s.op)) return TorchLayout::conv(conv->kh, conv->kw, c, k);
  if (const auto* dw = std::get_if<Stage::Depthwise>(&s.op)) return TorchLayout::depthwise(dw->kh, dw->kw, k);
  const int in = s.in[0];
  const bool flattened = in > 0 && std::holds_alternative<Stage::Reshape>(g.stages[std::size_t(in) - 1].op);
  const Shape image = flattened ? g.stages[std::size_t(in) - 1].from : Shape{1, 1, c};
  return TorchLayout::linear(image.rank() == 3 ? image : Shape{1, 1, c}, k);
}

Shape weight_shape(const Stage& s) {
  const long k = s.out.channels(), c = s.from.channels();
  if (const auto* conv = std::get_if<Stage::Conv>(&s.op)) return {conv->kh, conv->kw, c, k};
  if (const auto* dw = std::get_if<Stage::Depthwise>(&s.op)) return {dw->kh, dw->kw, k};
  return {c, k};
}

Fill copy_of(const std::vector<double>& numbers) {
  return [numbers](const Rng&, std::span<real> to) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = real(numbers[i]);
  };
}

}  // namespace

Shape Quantized::build(Builder& b, const Shape& in) {
  constexpr const char* kAlone = "must be the only layer of its model, it begins with the image's bytes; put the others into it";
  require(b.alone(), kAlone);
  const Model inner(in, Sequential({config.layers}));
  require(!quantized_config(inner), kAlone);
  config.layers = inner.layers();  // with what building them settled
  graph_ = std::make_shared<Graph>(graph_of(inner));
  steps_.clear();
  long macs = 0;
  for (const Stage& s : graph_->stages) {
    Step step;
    step.path = path_of_stage(s);
    if (!s.weights.empty()) {
      step.weight = b.param(path_of_stage(s) + ".weight", weight_shape(s), copy_of(s.weights), true, layout_of(s, *graph_));
      step.bias = b.param(path_of_stage(s) + ".bias", {long(s.bias.size())}, copy_of(s.bias), false);
      macs += s.out.size() / s.out.channels() * long(s.weights.size());
    }
    if (!s.keeps_codes()) step.range = b.buffer(path_of_stage(s) + ".range", {2}, std::numeric_limits<real>::quiet_NaN());
    if (const auto* p = std::get_if<Stage::Pointwise>(&s.op))
      require(p->index == PointwiseOps::index_of<ClampOp>(), s.name, ": no integer kernel");
    steps_.push_back(step);
  }
  batches_ = b.counter("num_batches_tracked");
  b.macs(macs);
  return graph_->shape(graph_->output);
}

void Quantized::set(const Graph& graph, const std::vector<std::array<double, 2>>& ranges) const {
  require(graph.stages.size() == steps_.size() && ranges.size() == steps_.size() + 1, "quantized: a graph of ", graph.stages.size(),
          " stages, expected ", steps_.size());
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Stage& s = graph.stages[i];
    if (!s.weights.empty()) std::copy(s.weights.begin(), s.weights.end(), steps_[i].weight.values());
    if (!s.weights.empty()) std::copy(s.bias.begin(), s.bias.end(), steps_[i].bias.values());
    if (steps_[i].range) steps_[i].range.values()[0] = real(ranges[i + 1][0]), steps_[i].range.values()[1] = real(ranges[i + 1][1]);
  }
}

Var Quantized::run(const Stage& s, const Step& step, std::span<const Var> values, std::span<const float> scales) const {
  const Var x = values[std::size_t(s.in[0])];
  Tape& t = x.tape();
  if (step.weight) {
    const ops::FakeQuantizeWeights fake{config.weights.bits, config.weights.per == Granularity::tensor};
    const Var w = step.weight.on(t), q = t.apply(fake, w);
    const Var b = t.apply(ops::FakeQuantizeBias{fake, scales[std::size_t(s.in[0])]}, step.bias.on(t), w);
    if (const auto* conv = std::get_if<Stage::Conv>(&s.op)) return conv2d(x, q, b, {conv->stride, conv->padding});
    if (const auto* dw = std::get_if<Stage::Depthwise>(&s.op)) return depthwise_conv2d(x, q, b, {dw->stride, dw->padding});
    return linear(x, q, b);
  }
  if (std::holds_alternative<Stage::Mean>(s.op)) return global_avg_pool(x);
  if (std::holds_alternative<Stage::Add>(s.op)) return x + values[std::size_t(s.in[1])];
  if (std::holds_alternative<Stage::Reshape>(s.op)) return flatten(x);
  if (const auto* max = std::get_if<Stage::MaxPool>(&s.op)) return max_pool2d(x, max->options);
  if (const auto* avg = std::get_if<Stage::AvgPool>(&s.op)) return avg_pool2d(x, avg->options);
  ClampOp c;
  std::memcpy(&c, std::get<Stage::Pointwise>(s.op).formula.data(), sizeof c);
  return clamp(x, c.lo, c.hi);
}

Var Quantized::forward(Var x) const {
  Tape& t = x.tape();
  const bool counts = t.options().training && t.options().record;
  const bool observes = counts && *batches_.values() < real(config.freeze_after);
  const bool rounds = !counts || *batches_.values() >= real(config.warm_up);
  const std::size_t n = steps_.size() + 1;
  Arena& memory = t.context().memory;
  std::span values(memory.fresh<Var>(long(n)), n);
  std::span scales(memory.fresh<float>(long(n)), n);
  std::span ranges(memory.fresh<real*>(long(n)), n);
  values[0] = x, scales[0] = activation_quantization(0, 1).scale, ranges[0] = nullptr;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Stage& s = graph_->stages[i];
    const char* outer = t.set_scope(steps_[i].path.c_str());
    Var y = run(s, steps_[i], values, scales);
    if (s.clamped()) y = clamp(y, real(s.lo), real(s.hi));
    const bool own = bool(steps_[i].range),
               mean = std::holds_alternative<Stage::Mean>(s.op) || std::holds_alternative<Stage::AvgPool>(s.op);
    real* range = own ? steps_[i].range.values() : ranges[std::size_t(s.in[0])];
    float scale = scales[std::size_t(s.in[0])];
    if (range && (own || mean)) {
      const bool fixed = config.relu6_range == ClampRange::fixed6 && bounded(s), moves = own && observes && !fixed;
      if (observes && fixed && std::isnan(range[0])) range[0] = real(s.lo), range[1] = real(s.hi);
      require(moves || !(std::isnan(range[0]) || std::isnan(range[1])), s.name,
              ": its range was never observed; make the model of a trained one with --from");
      const ops::FakeQuantize op{.bits = config.activations.bits,
                                 .rectified = s.lo == 0,
                                 .mean = !own,
                                 .rounds = rounds,
                                 .momentum = moves ? kMomentum : 0,
                                 .range = range};
      y = t.apply(op, y);
      if (own) scale = activation_quantization(double(range[0]), double(range[1]), config.activations.bits, s.lo == 0).scale;
    }
    t.set_scope(outer);
    values[i + 1] = y, scales[i + 1] = scale, ranges[i + 1] = range;
  }
  if (counts) *batches_.values() += 1;
  return values[std::size_t(graph_->output)];
}

const QuantizedConfig* quantized_config(const Model& model) {
  const auto* only = model.layers().size() == 1 ? dynamic_cast<const Quantized*>(&*model.layers()[0]) : nullptr;
  return only ? &only->config : nullptr;
}

}  // namespace six
