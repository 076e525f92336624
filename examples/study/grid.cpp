#include "grid.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "../../core/error.h"
#include "../../deploy/graph_values.h"
#include "../../deploy/int_inference.h"
#include "../../deploy/quantize.h"
#include "../../deploy/quantized_model.h"
#include "../../train/evaluate.h"
#include "diagnose.h"

namespace six::study {
namespace {

constexpr double kTuningRate = 0.01;  // of the float peak rate

struct Observing {
  const char* name;
  Observer observer;
  double percentile = 99.99;
};
constexpr Observing kMinMax{"minmax", Observer::minmax};
constexpr Observing kObservers[] = {
    kMinMax, {"p99.9", Observer::percentile, 99.9}, {"p99.99", Observer::percentile, 99.99}, {"mse", Observer::mse}};

// One way of making integers.
struct Config {
  const char* method = "ptq";
  int w_bits = 8, a_bits = 8;
  Granularity per = Granularity::channel;
  Observing observing = kMinMax;
  bool fixed = true;  // the clip, where there is one, is the range
  Rounding rounding = Rounding::single;
  bool edges8 = false;
};

std::vector<Config> configs_of(bool clipped, Grid grid) {
  std::vector<Config> all = {{}, {.per = Granularity::tensor}, {.a_bits = 4}, {.w_bits = 4, .a_bits = 4}};
  for (int bits : {8, 4}) all.push_back({.a_bits = bits, .observing = kObservers[2], .fixed = false});
  if (grid == Grid::primary) return all;
  all.push_back({.rounding = Rounding::twofold});
  for (int bits : {6, 5}) all.push_back({.a_bits = bits});
  for (int bits : {6, 5, 4}) all.push_back({.w_bits = bits});
  all.push_back({.w_bits = 4, .edges8 = true});
  all.push_back({.w_bits = 4, .a_bits = 4, .edges8 = true});
  for (int bits : {8, 6, 5, 4})
    for (const Observing& o : kObservers)
      if (o.observer == Observer::minmax ? clipped : o.percentile != 99.99 || o.observer == Observer::mse || bits == 6 || bits == 5)
        all.push_back({.a_bits = bits, .observing = o, .fixed = false});
  return all;
}

QuantOptions options_of(const Config& c) {
  QuantOptions q;
  q.weights = {c.w_bits, c.per};
  q.activations = {c.a_bits, c.observing.observer, c.observing.percentile};
  q.relu6_range = c.fixed ? ClampRange::fixed6 : ClampRange::observed, q.rounding = c.rounding;
  q.edge_bits = c.edges8 ? 8 : 0;
  return q;
}

// Weights and the result of every stage rounded to bfloat16, sums exact.
std::vector<double> bf16_logits(Graph graph, const Split& split) {
  const auto round = [](double x) { return double(bf16(float(x))); };
  for (Stage& s : graph.stages)
    for (std::vector<double>* numbers : {&s.weights, &s.bias})
      std::transform(numbers->begin(), numbers->end(), numbers->begin(), round);
  std::vector<std::vector<double>> values;
  for (std::size_t v = 0; v <= graph.stages.size(); ++v) values.emplace_back(std::size_t(graph.shape(int(v)).size()));
  std::vector<double> logits;
  for (long n = 0; n < split.size(); ++n) {
    const std::uint8_t* image = split.bytes(n, 1).data;
    for (std::size_t i = 0; i < values[0].size(); ++i) values[0][i] = round(image[i] / 255.);
    for (std::size_t i = 0; i < graph.stages.size(); ++i) {
      const Stage& s = graph.stages[i];
      const double* in[2] = {};
      for (std::size_t k = 0; k < s.in.size(); ++k) in[k] = values[std::size_t(s.in[k])].data();
      evaluate(graph, s, in, values[i + 1].data());
      std::transform(values[i + 1].begin(), values[i + 1].end(), values[i + 1].begin(), round);
    }
    const std::vector<double>& last = values[std::size_t(graph.output)];
    logits.insert(logits.end(), last.begin(), last.end());
  }
  return logits;
}

// One run's rows.
struct Rows {
  const Setting& setting;
  const Run& run;
  Quantised& to;

  std::string policy(const Config& c, const Arm& arm) const {
    return !c.fixed || !arm.clipped() ? "observed" : arm.clip == 6 && !arm.learned ? "fixed6" : "clip";
  }
  // Measures the integers that `make` gives; if it cannot make any (a dead layer), the row goes to the omitted ones.
  template <class Make>
  void add(const Config& c, const Arm& arm, const Verdicts& exact, Make&& make) {
    const std::string per = c.per == Granularity::tensor ? "tensor" : "channel",
                      rounding = c.rounding == Rounding::single ? "single" : "double";
    const std::string config = std::string(c.method) + "/W" + std::to_string(c.w_bits) + 'A' + std::to_string(c.a_bits) + '/' +
                               per + '/' + c.observing.name + '/' + policy(c, arm) +
                               (c.rounding == Rounding::single ? "" : "/double") + (c.edges8 ? "/edges8" : "");
    std::optional<IntNetwork> net;
    try {
      net = make();
    } catch (const Error& e) {
      std::string reason = e.what();
      std::replace_if(
          reason.begin(), reason.end(), [](char x) { return x == ',' || x == '"' || x == '\n' || x == '\r'; }, ' ');
      to.omitted.add({run.name(), config, reason});
      return;
    }
    const Split& test = setting.data.test;
    put(config, c.method, c.w_bits, per, c.a_bits, c.observing.name, policy(c, arm), rounding,
        verdicts_of(integer_logits(*net, test.bytes(0, test.size()), 1), test), exact);
  }
  void add_float(const std::string& config, const char* method, int bits, const Verdicts& got, const Verdicts& exact) {
    put(config, method, bits, "-", bits, "-", "-", "-", got, exact);
  }
  void put(const std::string& config, const std::string& method, int w_bits, const std::string& per, int a_bits,
           const std::string& observer, const std::string& range, const std::string& rounding, const Verdicts& got,
           const Verdicts& exact) {
    to.rows.add({run.name(), config, method, w_bits, per, a_bits, observer, range, rounding, got.accuracy,
                 100 * (exact.accuracy - got.accuracy), flips(got, exact), got.ties});
    to.predictions[config] = got.classes;
  }
};

// A net with its present weights at every width.
void integers(Rows& rows, const Graph& graph, const Arm& arm, const std::vector<Config>& configs, const Verdicts& exact) {
  const bool histograms =
      std::any_of(configs.begin(), configs.end(), [](const Config& c) { return c.observing.observer != Observer::minmax; });
  const Observations seen(graph, rows.setting.data.train.bytes(0, std::min(kCalibration, rows.setting.data.train.size())),
                          histograms, 1);
  for (const Config& c : configs) {
    const QuantOptions q = options_of(c);
    rows.add(c, arm, exact, [&] { return quantize(graph, seen.ranges(q), q); });
  }
}

}  // namespace

template <class Logit>
Verdicts verdicts_of(const std::vector<Logit>& logits, const Split& split) {
  Verdicts v;
  const int classes = split.classes;
  std::vector<real> row(static_cast<std::size_t>(classes));
  long right = 0;
  for (long i = 0; i < split.size(); ++i) {
    const Logit* from = logits.data() + i * classes;
    std::copy(from, from + classes, row.begin());
    const int best = six::argmax(row.data(), classes), label = split.labels[std::size_t(i)];
    real other = -kInf;
    bool tie = false;
    for (int c = 0; c < classes; ++c) {
      if (c != label) other = std::max(other, row[std::size_t(c)]);
      tie |= c != best && row[std::size_t(c)] == row[std::size_t(best)];
    }
    v.classes.push_back(std::uint8_t(best)), right += best == label, v.ties += tie;
    v.margin += double(row[std::size_t(label)] - other), v.loss += cross_entropy_of(row.data(), classes, label);
  }
  const double n = double(split.size());
  v.accuracy = double(right) / n, v.margin /= n, v.loss /= n;
  return v;
}
template Verdicts verdicts_of(const std::vector<real>&, const Split&);
template Verdicts verdicts_of(const std::vector<std::int32_t>&, const Split&);
template Verdicts verdicts_of(const std::vector<double>&, const Split&);

Verdicts evaluate_float(const Model& model, const Split& split) {
  return verdicts_of(model.logits(split.bytes(0, split.size()), 1), split);
}

long flips(const Verdicts& a, const Verdicts& b) {
  long n = 0;
  for (std::size_t i = 0; i < a.classes.size(); ++i) n += a.classes[i] != b.classes[i];
  return n;
}

void quantised_grid(const Setting& s, const Run& run, const Model& trained, const Verdicts& exact, Quantised to) {
  if (run.grid == Grid::none) return;
  Rows rows{s, run, to};
  const Arm& arm = arm_of(run.arm);
  const Model model = with_clips(s, run, trained, clips_of(run, trained));
  integers(rows, graph_of(model), arm, configs_of(arm.clipped(), run.grid), exact);
  if (run.grid != Grid::all) return;
  rows.add_float("bf16", "bf16", 16, verdicts_of(bf16_logits(graph_of(model), s.data.test), s.data.test), exact);
  const Arm& other = arm_of(arm.clipped() ? "relu" : "relu6");
  const Model swapped = with_clips(s, run, trained, {other.clip});
  rows.add_float("swap/fp32", "swap", 32, evaluate_float(swapped, s.data.test), exact);
  std::vector<Config> configs = configs_of(other.clipped(), Grid::primary);
  for (Config& c : configs) c.method = "swap";
  integers(rows, graph_of(swapped), other, configs, exact);
}

void quantised_training(const Setting& s, const Run& run, const Model& trained, const Split& split, const Schooling& how,
                        Quantised to) {
  Rows rows{s, run, to};
  const Arm& arm = arm_of(run.arm);
  const long steps = std::max(1L, split.size() / how.batch / 2);
  Schooling tuning = how;
  tuning.lr *= kTuningRate;
  Model longer = with_clips(s, run, trained, clips_of(run, trained));
  fine_tune(longer, split, tuning, steps);
  const Verdicts exact = evaluate_float(longer, s.data.test);
  rows.add_float("qat/fp32", "qat", 32, exact, exact);
  const Bytes images = s.data.train.bytes(0, std::min(kCalibration, s.data.train.size()));
  for (int bits : {8, 4}) {
    const Config c{.method = "qat", .w_bits = bits, .a_bits = bits};
    const QuantOptions q = options_of(c);
    rows.add(c, arm, exact, [&] {
      Model model = quantized_model(with_clips(s, run, trained, clips_of(run, trained)), q, images, steps, 1);
      fine_tune(model, split, tuning, steps);
      const Graph graph = graph_of(model);
      return quantize(graph, calibrate(graph, images, q, 1), q);
    });
  }
}

}  // namespace six::study
