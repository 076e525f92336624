#include "quantize.h"

#include <algorithm>
#include <cmath>

#include "../core/error.h"
#include "graph_values.h"

namespace six {
namespace {

constexpr double kMaxInt = 2147483647.0;

// Weights [taps * c, k] of the graph's stage, scale by scale.
struct Scales {
  std::vector<float> of;  // per output channel
  Scales(const Stage& s, const QuantWeights& o, bool shared) {
    const std::size_t k = s.bias.size();
    std::vector<double> most(k, 0);
    for (std::size_t i = 0; i < s.weights.size(); ++i) most[i % k] = std::max(most[i % k], std::abs(s.weights[i]));
    if (shared || o.per == Granularity::tensor) std::fill(most.begin(), most.end(), *std::max_element(most.begin(), most.end()));
    for (double m : most) of.push_back(weight_scale(m, o.bits));
  }
};

// Folded weights and biases as they are stored, in float: a fake-quantised model and the one it was made of have the same.
Graph stored(Graph g) {
  const auto round = [](std::vector<double>& numbers) {
    for (double& x : numbers) x = double(float(x));
  };
  for (Stage& s : g.stages) round(s.weights), round(s.bias);
  return g;
}

// The first or the last stage with weights.
bool is_edge(const Graph& g, const Stage& s) {
  const auto weighted = [](const Stage& x) { return !x.weights.empty(); };
  return weighted(s) && (&s == &*std::find_if(g.stages.begin(), g.stages.end(), weighted) ||
                         &s == &*std::find_if(g.stages.rbegin(), g.stages.rend(), weighted));
}
QuantWeights weights_of(const Graph& g, const Stage& s, const QuantOptions& o) {
  return {o.edge_bits && is_edge(g, s) ? o.edge_bits : o.weights.bits, o.weights.per};
}

// The mean whose result the linear layer that makes the output reads and nobody else, if the two shall be one; it has no clamp of
// its own.
const Stage* folded_mean(const Graph& g, const Stage& linear, bool fold) {
  if (!fold || !std::holds_alternative<Stage::Linear>(linear.op) || &linear != &g.stages[std::size_t(g.output) - 1]) return nullptr;
  for (const Stage* reader = &linear; reader->in[0] > 0;) {
    const int value = reader->in[0];
    const Stage& s = g.stages[std::size_t(value) - 1];
    long readers = value == g.output;
    for (const Stage& other : g.stages) readers += std::count(other.in.begin(), other.in.end(), value);
    if (readers > 1) return nullptr;
    if (std::holds_alternative<Stage::Mean>(s.op)) return s.clamped() ? nullptr : &s;
    if (!std::holds_alternative<Stage::Reshape>(s.op)) return nullptr;
    reader = &s;
  }
  return nullptr;
}
bool is_folded(const Graph& g, const Stage& mean, bool fold) {
  return std::any_of(g.stages.begin(), g.stages.end(), [&](const Stage& s) { return folded_mean(g, s, fold) == &mean; });
}
// Pixels that the mean folded into a layer is over, otherwise 1.
double pixels_of(const Graph& g, const Stage& s, bool fold) {
  const Stage* mean = folded_mean(g, s, fold);
  if (!mean) return 1;
  const ImageSize size(g.shape(mean->in[0]));
  return double(size.h) * size.w;
}

class Quantizer {
 public:
  Quantizer(const Graph& g, const std::vector<Range>& ranges, const QuantOptions& o, bool accumulators, bool fold_mean)
      : graph_(g) {
    require(ranges.size() == g.stages.size() + 1, "quantize: ", ranges.size(), " ranges for ", g.stages.size() + 1, " values");
    net.options = o, net.accumulators = accumulators, net.fold_mean = fold_mean, net.output = g.output;
    net.values.push_back({g.input, activation_quantization(0, 1), 0, 0, 1});
    for (std::size_t i = 0; i < g.stages.size(); ++i) {
      const Stage& s = g.stages[i];
      const int value = int(i) + 1;
      const Range& r = ranges[i + 1];
      IntValue v{s.out, {}, value, r.lo, r.hi};
      const IntValue& from = net.values[std::size_t(s.in[0])];
      const bool no_stage = std::holds_alternative<Stage::Reshape>(s.op) || is_folded(g, s, fold_mean);
      if (s.keeps_codes()) {
        v.q = from.q, v.lo = from.lo, v.hi = from.hi, v.bits = from.bits;
      } else {
        require(std::isfinite(r.lo) && std::isfinite(r.hi), s.name, ": the range of its output is [", r.lo, ", ", r.hi,
                "], must be finite; calibrate or train again");
        v.bits = o.edge_bits && value == g.output ? o.edge_bits : o.activations.bits;
        v.q = activation_quantization(r.lo, r.hi, v.bits, s.lo == 0);
      }
      if (no_stage) v.storage = from.storage;
      net.values.push_back(v);
      if (!no_stage) net.stages.push_back(stage(s, value));
    }
    require(!accumulators || (!net.stages.empty() && net.stages.back().weighted() && net.stages.back().weighted()->accumulators),
            "quantize: logits of 32 bits need a linear layer or a convolution at the end");
  }
  IntNetwork net;

 private:
  // A code is at most this far from 0.
  static double farthest(const Quantization& q) { return std::max(std::abs(-128 - q.zero), std::abs(127 - q.zero)); }
  const Quantization& q_of(int value) const { return net.values[std::size_t(value)].q; }

  IntStage stage(const Stage& s, int value) {
    IntStage out{s.name, {}, value, IntClamp{}};
    for (int v : s.in) out.in.push_back(net.storage(v));
    if (std::holds_alternative<Stage::Depthwise>(s.op))
      out.op = depthwise(s, value);
    else if (!s.weights.empty())
      out.op = conv(s, value);
    else if (std::holds_alternative<Stage::Add>(s.op))
      out.op = add(s, value);
    else if (std::holds_alternative<Stage::Pointwise>(s.op)) {
      const ClampOp c = clamp_of(s);
      const auto [lo, hi] = bounds(double(c.lo), double(c.hi), value);
      out.op = IntClamp{lo, hi};
    } else
      pool(s, value, out);
    return out;
  }

  kernels::Conv geometry(const Stage& s) const {
    const Stage* mean = folded_mean(graph_, s, net.fold_mean);
    const Stage& reads = mean ? *mean : s;
    const ImageSize in(graph_.shape(reads.in[0])), out(s.out);
    const Window w = window_of(graph_, reads);
    return {1, in.h, in.w, in.c, out.h, out.w, out.c, w.kh, w.kw, w.stride, w.padding.top, w.padding.left};
  }

  void pool(const Stage& s, int value, IntStage& out) const {
    const kernels::Conv g = geometry(s);
    const kernels::Pool p{1, g.h, g.w, g.c, g.oh, g.ow, g.kh, g.kw, g.stride, g.pad_top, g.pad_left};
    if (std::holds_alternative<Stage::MaxPool>(s.op)) {
      out.op = IntMaxPool{p};
      return;
    }
    require(window_of(graph_, s).padding == Padding(0), s.name, ": a mean over a padded window has no integer kernel");
    const auto [lo, hi] = bounds(s.lo, s.hi, value);
    out.op = IntAvgPool{p, lo, hi};
  }

  std::pair<int, int> bounds(double lo, double hi, int value) const {
    const Quantization& q = q_of(value);
    const CodeRange range = code_range(net.values[std::size_t(value)].bits);
    const int a = lo > -double(kInf) ? int(std::clamp<long>(bound_code(float(lo), q), range.min, range.max)) : range.min;
    const int b = hi < double(kInf) ? int(std::clamp<long>(bound_code(float(hi), q), range.min, range.max)) : range.max;
    return {a, b};
  }

  IntAdd add(const Stage& s, int value) const {
    IntAdd a;
    const Quantization &x = q_of(s.in[0]), &z = q_of(s.in[1]), &y = q_of(value);
    a.zero_a = x.zero, a.zero_b = z.zero, a.zero_out = y.zero;
    a.multipliers = add_multipliers(x.scale, z.scale, y.scale, net.options.rounding);
    const double unit = 2 * double(std::max(x.scale, z.scale)) / (1 << kAddShift);  // each operand is rounded to it
    check_shift(s.name, (farthest(x) * double(x.scale) + farthest(z) * double(z.scale)) / unit + 2, a.multipliers.out);
    std::tie(a.lo, a.hi) = bounds(s.lo, s.hi, value);
    return a;
  }

  // All but the weights, which the caller sets in its layout: code(tap * c + channel, output channel).
  IntWeights weighted(const Stage& s, int value, std::vector<int>& codes) const {
    IntWeights w;
    const Quantization &x = q_of(s.in[0]), &y = q_of(value);
    w.g = geometry(s), w.zero_in = x.zero, w.zero_out = y.zero;
    w.accumulators = net.accumulators && value == graph_.output;
    require(!w.accumulators || !s.clamped(), s.name, ": logits of 32 bits cannot be clamped");
    std::tie(w.lo, w.hi) = bounds(s.lo, s.hi, value);
    const std::size_t k = s.bias.size();
    const QuantWeights weights = weights_of(graph_, s, net.options);
    const Scales scales(s, weights, w.accumulators);
    const double pixels = pixels_of(graph_, s, net.fold_mean);
    codes.resize(s.weights.size());
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = weight_code(s.weights[i], scales.of[i % k], weights.bits);
    std::vector<double> sums(k, 0);
    for (std::size_t i = 0; i < codes.size(); ++i) sums[i % k] += std::abs(codes[i]);
    const bool as_tensorflow = net.options.rounding == Rounding::twofold && weights.per == Granularity::tensor &&
                               std::holds_alternative<Stage::Linear>(s.op);
    for (std::size_t c = 0; c < k; ++c) {
      const double step = bias_scale(x.scale, scales.of[c]) / pixels, b = bias_code(s.bias[c], step);
      const double d = accumulator_factor(x.scale, scales.of[c], y.scale, as_tensorflow) / pixels;
      const Multiplier m = encode_multiplier(d, net.options.rounding);
      const double products = sums[c] * farthest(x) * pixels, most = std::abs(b) + products;
      check_sum(s, c, products, b, step, pixels);
      if (!w.accumulators) check_codes(s.name + ": channel " + std::to_string(c), value, most, m);
      w.bias.push_back(std::int32_t(b)), w.multipliers.push_back(m), w.bound.push_back(most);
    }
    return w;
  }

  // Throws unless the products of a channel, at most `products`, fit into 32 bits, and with them its bias of so many steps.
  void check_sum(const Stage& s, std::size_t channel, double products, double bias, double step, double pixels) const {
    const std::size_t weights = s.weights.size() / s.bias.size();
    require(products <= kMaxInt, s.name, ": channel ", channel, ": the products of ", weights, " weights",
            pixels > 1 ? " at every pixel" : "", " may add up to ", products, ", more than 32 bits (", long(kMaxInt), "); ",
            pixels > 1 ? "do not fold the mean, or " : "", "use fewer inputs or narrower weights (--weight-bits)");
    if (std::abs(bias) + products <= kMaxInt) return;
    const IntValue& in = net.values[std::size_t(s.in[0])];
    const double most = kMaxInt - products;
    const auto refuse = [&](const auto&... cause) {
      fail(s.name, ": channel ", channel, ": the bias ", s.bias[channel], " is ", bias, " steps of input times weight, at most ",
           long(most), " fit into 32 bits: ", cause..., ", or clip the bias to +-", most * step);
    };
    if (std::abs(bias_code(s.bias[channel], bias_scale(in.q.scale, weight_scale(0)) / pixels)) <= kMaxInt)
      refuse("the weights that share its scale are too small; set them to 0");
    refuse("the range [", in.lo, ", ", in.hi, "] of its input is too narrow; calibrate with another observer or on other images");
  }
  // Throws unless sums of at most `most` become codes within 32 bits.
  void check_codes(const std::string& where, int value, double most, Multiplier m) const {
    const IntValue& v = net.values[std::size_t(value)];
    const double codes = std::ldexp(most * m.m, m.e - 31);
    require(codes + 129 <= kMaxInt, where, ": its sums may reach ", codes, " steps of its range [", v.lo, ", ", v.hi,
            "], more than 32 bits (", long(kMaxInt),
            "): that is too narrow; calibrate with another observer, a larger --fixed or on other images");
    check_shift(where, most, m);
  }
  // What requantize_double asks for; `most` may be 0.
  void check_shift(const std::string& where, double most, Multiplier m) const {
    const double shifted = std::ldexp(std::max(most, 1.), std::max(m.e, 0));
    require(net.options.rounding == Rounding::single || shifted <= kMaxInt, where, ": rounded twice, its sums may reach ", shifted,
            ", more than 32 bits (", long(kMaxInt), "); use --rounding single, or a wider range of its output");
  }

  IntConv conv(const Stage& s, int value) const {
    std::vector<int> codes;
    IntConv out{weighted(s, value, codes), folded_mean(graph_, s, net.fold_mean) != nullptr};
    const std::size_t k = s.bias.size(), window = codes.size() / k;
    for (std::size_t o = 0; o < k; ++o)
      for (std::size_t i = 0; i < window; ++i) out.weights.push_back(std::int8_t(codes[i * k + o]));
    return out;
  }
  IntDepthwise depthwise(const Stage& s, int value) const {
    std::vector<int> codes;
    IntDepthwise out{weighted(s, value, codes)};
    out.weights.assign(codes.begin(), codes.end());
    return out;
  }

  const Graph& graph_;
};

}  // namespace

const IntWeights* IntStage::weighted() const {
  if (const auto* conv = std::get_if<IntConv>(&op)) return conv;
  return std::get_if<IntDepthwise>(&op);
}
long IntStage::macs() const {
  const IntWeights* w = weighted();
  return w ? long(w->g.oh) * w->g.ow * long(w->weights.size()) : 0;
}
long IntStage::constant_bytes() const {
  const IntWeights* w = weighted();
  if (!w) return 0;
  const long weights = long(w->weights.size());
  return (w->packed ? (weights + 1) / 2 : weights) + long(w->bias.size()) * (w->accumulators ? 4 : 9);
}

void pack_weights(IntNetwork& net) {
  const int widest = std::max(net.options.weights.bits, net.options.edge_bits);
  require(widest == 4, "packing: two weights of ", widest,
          " bits do not fit into a byte; train or quantise with 4 bits (--weight-bits 4)");
  const auto pack = []<class Op>(Op& op) {
    if constexpr (std::is_base_of_v<IntWeights, Op>) op.packed = true;
  };
  for (IntStage& s : net.stages) std::visit(pack, s.op);
}

IntNetwork quantize(const Graph& graph, const std::vector<Range>& ranges, const QuantOptions& options, bool accumulators,
                    bool fold_mean) {
  require(!fold_mean || options.rounding == Rounding::single,
          "quantize: a mean folded into the linear layer behind it needs sums that are rounded once");
  return Quantizer(stored(graph), ranges, options, accumulators, fold_mean).net;
}

Graph with_quantized_weights(const Graph& graph, const IntNetwork& net) {
  Graph out = stored(graph);
  for (Stage& s : out.stages) {
    if (s.weights.empty()) continue;
    const bool shared = net.accumulators && &s == &out.stages[std::size_t(out.output) - 1];
    const QuantWeights weights = weights_of(out, s, net.options);
    const Scales scales(s, weights, shared);
    const std::size_t k = s.bias.size();
    const float in = net.values[std::size_t(s.in[0])].q.scale;
    const double pixels = pixels_of(out, s, net.fold_mean);
    for (std::size_t i = 0; i < s.weights.size(); ++i)
      s.weights[i] = weight_code(s.weights[i], scales.of[i % k], weights.bits) * double(scales.of[i % k]);
    for (std::size_t c = 0; c < k; ++c)
      s.bias[c] = bias_code(s.bias[c], bias_scale(in, scales.of[c]) / pixels) * bias_scale(in, scales.of[c]) / pixels;
  }
  return out;
}

}  // namespace six
