#include "report.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <nlohmann/json.hpp>

#include "../train/evaluate.h"
#include "../train/metrics_log.h"
#include "c_layers.h"
#include "emulator.h"
#include "graph_values.h"
#include "int_inference.h"
#include "quantized_model.h"

namespace six {
namespace {

constexpr long kLookedAt = 64;  // images on which layers are compared

std::string formatted(const char* pattern, ...) __attribute__((format(printf, 1, 2)));
std::string formatted(const char* pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);  // NOLINT: clang-tidy 14 does not see va_start
  va_end(arguments);
  return text;
}

double decibels(double signal, double noise) { return 10 * std::log10(signal / noise); }

// The signal and the noise of a layer.
struct Power {
  double signal = 0, noise = 0;
  void add(double x, double rounded) { signal += x * x, noise += (x - rounded) * (x - rounded); }
};

std::pair<int, int> clamp_codes(const IntStage& s) {
  struct {
    std::pair<int, int> operator()(const IntWeights& w) const { return {w.lo, w.hi}; }
    std::pair<int, int> operator()(const IntAdd& a) const { return {a.lo, a.hi}; }
    std::pair<int, int> operator()(const IntAvgPool& p) const { return {p.lo, p.hi}; }
    std::pair<int, int> operator()(const IntMaxPool&) const { return {-128, 127}; }
    std::pair<int, int> operator()(const IntClamp& c) const { return {c.lo, c.hi}; }
  } ends;
  return std::visit(ends, s.op);
}

// Codes of a float value of the graph.
std::vector<std::int8_t> rounded(std::span<const double> x, const Quantization& q, CodeRange range) {
  std::vector<std::int8_t> codes;
  for (double v : x) codes.push_back(std::int8_t(activation_code(v / double(q.scale), q.zero, range)));
  return codes;
}

void look_at_layers(DeployReport& r, const Graph& graph, const IntNetwork& net, const Split& split) {
  const long n = std::min(kLookedAt, split.size());
  GraphValues exact(graph);
  Emulator emulator(net);
  std::vector<Power> local(net.stages.size()), all(net.stages.size());
  std::vector<long> at_min(net.stages.size()), at_max(net.stages.size());
  std::vector<std::int32_t> sums(std::size_t(net.classes()));
  for (long i = 0; i < n; ++i) {
    const std::span<const std::uint8_t> image(split.bytes(i, 1).data, std::size_t(split.image.size()));
    exact.run(image);
    const std::span<const std::int32_t> logits = emulator.run(image);
    for (std::size_t s = 0; s < net.stages.size(); ++s) {
      const IntStage& stage = net.stages[s];
      const bool accumulators = stage.weighted() && stage.weighted()->accumulators;
      std::vector<std::int8_t> in[2], out(std::size_t(net.shape(stage.out).size()));
      const std::int8_t* pointers[2] = {};
      for (std::size_t k = 0; k < stage.in.size(); ++k) {
        const IntValue& from = net.values[std::size_t(stage.in[k])];
        in[k] = rounded(exact[stage.in[k]], from.q, code_range(from.bits));
        pointers[k] = in[k].data();
      }
      run_stage(stage, net, pointers, out.data(), sums.data());
      const std::span<const double> x = exact[stage.out];
      const auto [lo, hi] = clamp_codes(stage);
      for (std::size_t e = 0; e < x.size(); ++e) {
        if (accumulators) {
          const double step = double(net.values[std::size_t(stage.out)].q.scale);  // d * acc, in steps of the 8-bit logits
          const Multiplier m = stage.weighted()->multipliers[e];
          const double scale = std::ldexp(double(m.m), m.e - 31) * step;
          local[s].add(x[e], sums[e] * scale), all[s].add(x[e], logits[e] * scale);
          continue;
        }
        const Quantization& q = net.values[std::size_t(stage.out)].q;
        const int code = emulator.codes(stage.out)[e];
        local[s].add(x[e], q.real_of(out[e])), all[s].add(x[e], q.real_of(code));
        at_min[s] += code == lo, at_max[s] += code == hi;
      }
    }
  }
  for (std::size_t s = 0; s < net.stages.size(); ++s) {
    LayerReport& l = r.layers[s];
    const double count = double(n) * double(net.shape(net.stages[s].out).size());
    l.sqnr_local = decibels(local[s].signal, local[s].noise), l.sqnr = decibels(all[s].signal, all[s].noise);
    l.at_min = double(at_min[s]) / count, l.at_max = double(at_max[s]) / count;
  }
}

// Of a fake-quantised model, those of the weights before rounding.
std::vector<real> float_logits(const Model& model, const Graph& graph, Bytes images, int threads) {
  if (!graph.quant) return model.logits(images, threads);
  Graph plain = graph;
  plain.quant.reset();
  std::vector<real> out(std::size_t(images.shape.samples() * graph.shape(graph.output).size()));
  Inference(plain, threads).logits(images, out);
  return out;
}

std::vector<real> fake_logits(const Model& model, const Graph& graph, const IntNetwork& net, Bytes images, int threads) {
  if (graph.quant) return model.logits(images, threads);
  std::vector<Range> ranges;
  for (const IntValue& v : net.values) ranges.push_back({v.lo, v.hi});
  return quantized_model(model, net.options, ranges).logits(images, threads);
}

void count_predictions(DeployReport& r, const Model& model, const Graph& graph, const IntNetwork& net, const Split& split,
                       int threads, long checked) {
  const long n = split.size();
  const std::size_t classes = std::size_t(net.classes());
  const Bytes images = split.bytes(0, n);
  const std::vector<real> exact = float_logits(model, graph, images, threads),
                          fake = fake_logits(model, graph, net, images, threads);
  const std::vector<std::int32_t> integer = integer_logits(net, images, threads, checked);
  long right = 0, fake_right = 0, integer_right = 0;
  for (std::size_t i = 0; i < std::size_t(n); ++i) {
    const std::span<const std::int32_t> logits(integer.data() + i * classes, classes);
    const int label = split.labels[i], chosen = argmax(logits), predicted = argmax(exact.data() + i * classes, int(classes));
    right += predicted == label, integer_right += chosen == label, r.flipped += chosen != predicted;
    fake_right += argmax(fake.data() + i * classes, int(classes)) == label;
    r.ties += std::count(logits.begin(), logits.end(), logits[std::size_t(chosen)]) > 1;
  }
  const double all = double(n);
  r.images = n, r.float_accuracy = double(right) / all, r.fake_accuracy = double(fake_right) / all;
  r.integer_accuracy = double(integer_right) / all;
}

// Without the type, for tables of 80 columns: "layers.3.depthwise 3x3/2, 28x28x16 -> 14x14x16".
std::string brief(std::string text) {
  if (const std::size_t type = text.find(" ("); type != text.npos) text.erase(type, text.find(')', type) + 1 - type);
  const std::size_t stride = text.find(" stride ");
  if (stride != text.npos && text.find('x') < stride) text.replace(stride, 8, "/");
  return text;
}
std::size_t widest(const std::vector<std::string>& names) {
  std::size_t wide = std::string_view("all, and the arena").size();
  for (const std::string& name : names) wide = std::max(wide, name.size());
  return wide;
}
std::string padded(const std::string& name, std::size_t wide) { return name + std::string(wide - name.size(), ' '); }

std::string decibel_text(double x) { return std::isfinite(x) ? formatted("%6.1f", x) : x > 0 ? " exact" : "     -"; }

}  // namespace

DeployReport make_plan_report(const IntNetwork& net, const MemoryPlan& plan) {
  DeployReport r;
  for (std::size_t i = 0; i < net.stages.size(); ++i) {
    const IntStage& s = net.stages[i];
    const IntValue& v = net.values[std::size_t(s.out)];
    LayerReport l{.name = s.name,
                  .shape = description(s, net) + (plan.fused[i] ? ", fused" : ""),
                  .macs = s.macs(),
                  .constants = s.constant_bytes(),
                  .live = live_bytes(net, plan, i),
                  .lo = v.lo,
                  .hi = v.hi};
    if (const IntWeights* w = s.weighted()) {
      l.accumulator_bits = std::floor(std::log2(std::max(1., *std::max_element(w->bound.begin(), w->bound.end())))) + 2;
      const auto value = [](const Multiplier& m) { return std::ldexp(double(m.m), m.e); };
      const auto [least, most] = std::minmax_element(w->multipliers.begin(), w->multipliers.end(),
                                                     [&](const Multiplier& a, const Multiplier& b) { return value(a) < value(b); });
      l.weight_ratio = value(*most) / value(*least);
    }
    r.flash += l.constants, r.macs += l.macs;
    r.layers.push_back(std::move(l));
  }
  r.arena = plan.size;
  return r;
}

DeployReport make_report(const Model& model, const Graph& graph, const IntNetwork& network, const MemoryPlan& plan,
                         const Split& split, int threads, long checked) {
  require_fits(model, split, "test images");
  DeployReport r = make_plan_report(network, plan);
  r.warnings = graph.warnings;
  look_at_layers(r, graph, network, split);
  count_predictions(r, model, graph, network, split, threads, checked);
  return r;
}

std::string plan_text(const DeployReport& r) {
  std::vector<std::string> names;
  for (const LayerReport& l : r.layers) names.push_back(brief(l.shape));
  const std::size_t wide = widest(names);
  const auto row = [&](const std::string& name, const std::string& macs, const std::string& flash, const std::string& live) {
    return padded(name, wide) + formatted("  %9s  %6s  %6s\n", macs.c_str(), flash.c_str(), live.c_str());
  };
  std::string out = row("layer", "MACs", "flash", "alive");
  for (std::size_t i = 0; i < names.size(); ++i)
    out += row(names[i], std::to_string(r.layers[i].macs), std::to_string(r.layers[i].constants), std::to_string(r.layers[i].live));
  return out + row("all, and the arena", std::to_string(r.macs), std::to_string(r.flash), std::to_string(r.arena)) +
         "alive: bytes of values while a layer runs; they may share bytes of the arena\n";
}

std::string report_text(const DeployReport& r) {
  std::string out;
  for (const std::string& warning : r.warnings) out += "warning: " + warning + '\n';
  out += formatted("%ld test images: float %.2f %%, fake-quantised %.2f %%, integer %.2f %%\n", r.images, 100 * r.float_accuracy,
                   100 * r.fake_accuracy, 100 * r.integer_accuracy);
  out +=
      formatted("%ld predictions flipped against float (%.1f per 10,000)\n", r.flipped, 1e4 * double(r.flipped) / double(r.images));
  out += formatted("%ld images with two equal largest logits\n\n", r.ties);
  std::vector<std::string> names;
  for (const LayerReport& l : r.layers) names.push_back(brief(l.name));
  const std::size_t wide = widest(names);
  out += padded("layer", wide) + "    SQNR   alone  range               at ends, %  weights sum\n";
  for (std::size_t i = 0; i < names.size(); ++i) {
    const LayerReport& l = r.layers[i];
    out += padded(names[i], wide) + "  " + decibel_text(l.sqnr) + "  " + decibel_text(l.sqnr_local);
    out += formatted("  [%7.3g, %7.3g]  %5.1f %5.1f", l.lo, l.hi, 100 * l.at_min, 100 * l.at_max);
    out += l.accumulator_bits > 0 ? formatted("  %5.1fx  %2.0f\n", l.weight_ratio, l.accumulator_bits) : "\n";
  }
  return out + "\nSQNR: signal by quantisation noise in dB, of all layers up to this one and of\nthis one alone, on the first " +
         std::to_string(std::min(kLookedAt, r.images)) +
         " images. At ends: codes at the lower\nand the upper end of the clamp. Weights: the largest scale of a channel by the\n"
         "smallest. Sum: the bits of the largest accumulator.\n";
}

OrderedJson report_json(const DeployReport& r) {
  OrderedJson layers = OrderedJson::array();
  for (const LayerReport& l : r.layers)
    layers.push_back({{"name", l.name},
                      {"description", l.shape},
                      {"macs", l.macs},
                      {"constant_bytes", l.constants},
                      {"live_bytes", l.live},
                      {"accumulator_bits", l.accumulator_bits},
                      {"range", {l.lo, l.hi}},
                      {"range_by_6", l.hi / 6},
                      {"sqnr_local_db", json_number(l.sqnr_local)},
                      {"sqnr_cumulative_db", json_number(l.sqnr)},
                      {"codes_at_min", l.at_min},
                      {"codes_at_max", l.at_max},
                      {"weight_range_ratio", l.weight_ratio}});
  return {{"images", r.images},
          {"accuracy", {{"float", r.float_accuracy}, {"fake_quantized", r.fake_accuracy}, {"integer", r.integer_accuracy}}},
          {"flipped", r.flipped},
          {"flipped_per_10000", r.images ? 1e4 * double(r.flipped) / double(r.images) : 0},
          {"logit_ties", r.ties},
          {"calibration_images", r.calibration_images},
          {"flash_bytes", r.flash},
          {"arena_bytes", r.arena},
          {"macs", r.macs},
          {"warnings", r.warnings},
          {"layers", layers}};
}

}  // namespace six
