#include "graph.h"

#include <cstring>
#include <sstream>

#include "model.h"

namespace six {
namespace {

class Folder {
 public:
  Folder(const Tape& tape, int image, int output)
      : nodes_(tape.nodes()), image_(image), readers_(nodes_.size()), value_(nodes_.size(), -1) {
    for (const Node& n : nodes_)
      for (int i : n.in)
        if (i >= 0) ++readers_[std::size_t(i)];
    ++readers_[std::size_t(output)];
  }

  void visit(int id) {
    const Node& n = nodes_[std::size_t(id)];
    if (n.leaf)
      value_[std::size_t(id)] = id == image_ ? 0 : -1;
    else if (n.owner != id)
      clamp(id, n);
    else if (n.as<ops::BatchNorm>() || n.as<ops::Bias>())
      affine(id, n);
    else if (n.as<ops::Materialize>())
      value_[std::size_t(id)] = input(n, 0);
    else if (n.as<ops::FakeQuantizeWeights>() || n.as<ops::FakeQuantizeBias>())
      value_[std::size_t(id)] = -1;  // of a parameter
    else if (const auto* fake = n.as<ops::FakeQuantize>())
      rounded(id, n, *fake);
    else
      stage(id, n);
  }
  int value_of(int id) const { return value_[std::size_t(id)]; }
  Graph graph;

 private:
  static std::string name_of(const Node& n) { return *n.scope ? std::string(n.scope) + " (" + n.op + ")" : n.op; }
  static Shape without_batch(const Shape& s) {
    switch (s.rank()) {
      case 4:
        return {s[1], s[2], s[3]};
      case 3:
        return {s[1], s[2]};
      case 2:
        return {s[1]};
      default:
        return {};
    }
  }
  const Node& node(const Node& n, int i) const { return nodes_[std::size_t(n.in[std::size_t(i)])]; }
  int input(const Node& n, int i) const {
    const int v = value_[std::size_t(n.in[std::size_t(i)])];
    require(v >= 0, name_of(n), ": an operand is no value of the network; it has no folded form");
    return v;
  }
  // Whether n is all that reads its input; the input written out is the same value.
  bool only_reader(const Node& n) const {
    const Node& x = node(n, 0);
    return readers_[std::size_t(n.in[0])] == 1 && (!x.as<ops::Materialize>() || only_reader(x));
  }

  // The parameter behind a rounding, which whoever exports the graph repeats.
  const Node& parameter(const Node& n, int i) {
    const Node& p = node(n, i);
    if (const auto* w = p.as<ops::FakeQuantizeWeights>())
      quant().weights = {w->bits, w->shared ? Granularity::tensor : Granularity::channel};
    return p.as<ops::FakeQuantizeWeights>() || p.as<ops::FakeQuantizeBias>() ? node(p, 0) : p;
  }
  QuantOptions& quant() { return graph.quant ? *graph.quant : graph.quant.emplace(); }

  void rounded(int id, const Node& n, const ops::FakeQuantize& fake) {
    const int v = value_[std::size_t(id)] = input(n, 0);
    quant().activations.bits = fake.bits;
    if (v > 0 && !fake.mean) graph.stages[std::size_t(v) - 1].range = {double(fake.range[0]), double(fake.range[1])};
  }

  Stage& push(int id, const Node& n, std::vector<int> in, decltype(Stage::op) op) {
    require((n.view.shape.rank() == 2 || n.view.shape.rank() == 4) && n.view.shape[0] == 1, name_of(n), ": a value of shape ",
            n.view.shape, " for one image has no folded form");
    Stage s;
    s.name = name_of(n), s.in = std::move(in), s.from = graph.shape(s.in[0]), s.out = without_batch(n.view.shape), s.op = op;
    graph.stages.push_back(std::move(s));
    value_[std::size_t(id)] = int(graph.stages.size());
    return graph.stages.back();
  }

  void clamp(int id, const Node& n) {
    const int v = input(n, 0);
    if (v > 0 && only_reader(n)) {
      Stage& s = graph.stages[std::size_t(v) - 1];
      const bool takes = !std::holds_alternative<Stage::Reshape>(s.op) && !std::holds_alternative<Stage::MaxPool>(s.op) &&
                         !std::holds_alternative<Stage::AvgPool>(s.op) && !std::holds_alternative<Stage::Pointwise>(s.op);
      if (takes) {  // one clamp behind another is one clamp
        const auto within = [&](double x) { return x < double(n.view.lo) ? double(n.view.lo) : std::min(x, double(n.view.hi)); };
        s.lo = within(s.lo), s.hi = within(s.hi), value_[std::size_t(id)] = v;
        return;
      }
    }
    Stage::Pointwise p{PointwiseOps::index_of<ClampOp>(), {}};
    const ClampOp formula{n.view.lo, n.view.hi, {}};
    std::memcpy(p.formula.data(), &formula, sizeof formula);
    push(id, n, {v}, p);
  }

  void affine(int id, const Node& n) {
    const int v = input(n, 0);
    const long channels = n.view.shape.channels();
    Stage* s = v > 0 && only_reader(n) ? &graph.stages[std::size_t(v) - 1] : nullptr;
    if (!s || s->weights.empty() || s->clamped()) {  // nothing to fold into: a 1x1 depthwise convolution
      s = &push(id, n, {v}, Stage::Depthwise{1, 1, 1, {}});
      s->weights.assign(std::size_t(channels), 1), s->bias.assign(std::size_t(channels), 0);
    }
    const Affinity a = affinity(n, channels);
    for (std::size_t i = 0; i < s->weights.size(); ++i) s->weights[i] *= a.scale[i % std::size_t(channels)];
    for (std::size_t c = 0; c < s->bias.size(); ++c) s->bias[c] = s->bias[c] * a.scale[c] + a.shift[c];
    value_[std::size_t(id)] = v > 0 && s == &graph.stages[std::size_t(v) - 1] ? v : int(graph.stages.size());
  }

  // Scale and shift in double, from running statistics (static folding) or a bias.
  struct Affinity {
    std::vector<double> scale, shift;
  };
  Affinity affinity(const Node& n, long channels) {
    Affinity a{std::vector<double>(std::size_t(channels), 1), std::vector<double>(std::size_t(channels))};
    const real* first = parameter(n, 1).view.y;
    const auto* bn = n.as<ops::BatchNorm>();
    double mean_var = 0;
    for (std::size_t c = 0; bn && bn->running_var && c < std::size_t(channels); ++c)
      mean_var += double(bn->running_var[c]) / double(channels);
    for (std::size_t c = 0; c < std::size_t(channels); ++c) {
      if (!bn) {
        a.shift[c] = first[c];
        continue;
      }
      require(bn->running_mean && bn->running_var, name_of(n), ": without running statistics it has no folded form");
      const double var = double(bn->running_var[c]);
      require(var >= 0, name_of(n), ": channel ", c, ": its running variance is ", var, "; the weights are damaged");
      a.scale[c] = double(first[c]) / std::sqrt(var + bn->options.eps);
      // A channel without variance: its factor would blow up what rounding leaves (Sheng et al. 2018, arXiv:1803.08607).
      if (var < 1e-12 * mean_var) {
        a.scale[c] = 0;
        std::ostringstream text;
        text << name_of(n) << ": channel " << c << " is constant (variance " << var << ", " << mean_var
             << " on average over the channels): it is folded to its bias";
        graph.warnings.push_back(text.str());
      }
      a.shift[c] = double(node(n, 2).view.y[c]) - a.scale[c] * double(bn->running_mean[c]);
    }
    return a;
  }

  void weights(Stage& s, const Node& n, long outputs) {
    const Node& p = parameter(n, 1);
    const View& w = p.view;
    require(p.leaf && n.in[1] != image_, name_of(n), ": the weights are no parameter; it has no folded form");
    s.weights.assign(w.y, w.y + w.size()), s.bias.assign(std::size_t(outputs), 0);
  }

  void stage(int id, const Node& n) {
    if (const auto* conv = n.as<ops::Conv2d>()) {
      const Shape& w = node(n, 1).view.shape;
      weights(push(id, n, {input(n, 0)}, Stage::Conv{int(w[0]), int(w[1]), conv->options.stride, conv->options.padding}), n, w[3]);
    } else if (const auto* dw = n.as<ops::DepthwiseConv2d>()) {
      const Shape& w = node(n, 1).view.shape;
      weights(push(id, n, {input(n, 0)}, Stage::Depthwise{int(w[0]), int(w[1]), dw->options.stride, dw->options.padding}), n, w[2]);
    } else if (n.as<ops::Matmul>()) {
      weights(push(id, n, {input(n, 0)}, Stage::Linear{}), n, node(n, 1).view.shape[1]);
    } else if (n.as<ops::GlobalAvgPool>()) {
      push(id, n, {input(n, 0)}, Stage::Mean{});
    } else if (const auto* add = n.as<ops::Add>(); add && add->sign > 0) {
      push(id, n, {input(n, 0), input(n, 1)}, Stage::Add{});
    } else if (n.as<ops::Reshape>()) {
      push(id, n, {input(n, 0)}, Stage::Reshape{});
    } else if (const auto* max = n.as<ops::MaxPool2d>()) {
      push(id, n, {input(n, 0)}, Stage::MaxPool{max->options});
    } else if (const auto* avg = n.as<ops::AvgPool2d>()) {
      push(id, n, {input(n, 0)}, Stage::AvgPool{avg->options});
    } else {
      pointwise(id, n);
    }
  }

  void pointwise(int id, const Node& n) {
    bool found = false;
    PointwiseOps::for_each([&](auto tag) {
      using O = typename decltype(tag)::type;
      if constexpr (!IsClamp<O>)
        if (const auto* op = n.as<ops::Pointwise<O>>()) {
          static_assert(sizeof(O) <= sizeof(Stage::Pointwise::formula));
          Stage::Pointwise p{PointwiseOps::index_of<O>(), {}};
          std::memcpy(p.formula.data(), &op->formula, sizeof(O));
          push(id, n, {input(n, 0)}, p);
          found = true;
        }
    });
    require(found, name_of(n), ": this op has no folded form");
  }

  const std::vector<Node>& nodes_;
  const int image_;
  std::vector<int> readers_, value_;
};

}  // namespace

Graph graph_of(const Model& model) {
  const Shape& in = model.input_shape();
  const std::vector<std::uint8_t> blank(std::size_t(in.size()));
  Tape tape({.threads = 1, .training = false, .record = false, .trace = true});
  const Shape batch = in.rank() == 3 ? Shape{1, in[0], in[1], in[2]} : Shape{1, in.size()};
  const Var image = tape.input(Bytes{blank.data(), batch}), y = model(image);
  Folder folder(tape, image.id(), y.id());
  folder.graph.input = in;
  for (int id = 0; id <= y.id(); ++id) folder.visit(id);
  folder.graph.output = folder.value_of(y.id());
  return std::move(folder.graph);
}

}  // namespace six
