#include "diagnose.h"

#include <algorithm>
#include <cmath>

#include "../../core/ops/loss.h"
#include "../../core/quantization.h"
#include "../../layers/graph.h"
#include "activations.h"
#include "observe.h"

namespace six::study {
namespace {

constexpr long kBatch = 125;
constexpr int kShownBins = 64;

// An activation and the parameters of the layers in front of it.
struct Place {
  const Observed* layer;
  int weight = -1, gamma = -1;  // in the ParamSet
};

std::vector<Place> places_of(const Model& model) {
  std::vector<Place> places;
  Place next{nullptr};
  const auto index = [&](const std::string& name) {
    const auto& params = model.params().params();
    const auto at = std::find_if(params.begin(), params.end(), [&](const Param& p) { return p.name == name; });
    return at == params.end() ? -1 : int(at - params.begin());
  };
  for (const AnyLayer& layer : model.layers()) {
    const std::string type = layer->type(), weight = layer->path() + ".weight";
    if (type == "batch_norm")
      next.gamma = index(weight);
    else if (const int i = index(weight); i >= 0)
      next = {nullptr, i, -1};
    if (const auto* observed = dynamic_cast<const Observed*>(&*layer)) next.layer = observed, places.push_back(next);
  }
  return places;
}

// One pass over the images; with gradients in the second.
void pass(const Model& model, const Split& split, bool gradients) {
  Tape tape({.threads = 1, .record = gradients});
  const long n = std::min(kBatch, split.size());
  for (long first = 0; first + n <= std::min(kDiagnosed, split.size()); first += n) {
    tape.reset();
    const Var loss = cross_entropy(model(tape.input(split.bytes(first, n))),
                                   std::span(split.labels).subspan(std::size_t(first), std::size_t(n)));
    if (gradients) tape.backward(loss);
  }
}

double percentile(const Activity& a, double percent) {
  const long enough = long(std::ceil(percent / 100 * double(a.count)));
  long positive = 0;
  for (long n : a.bins) positive += n;
  long seen = a.count - positive;  // zeros and what was below them
  for (int i = 0; i < Activity::kBins; ++i)
    if ((seen += a.bins[std::size_t(i)]) >= enough) return a.largest * (i + 1) / Activity::kBins;
  return std::max(a.largest, 0.);
}

// Of the outputs rounded to codes over [0, R], R the clip or the largest output; in dB.
double sqnr(const Activity& a, int bits) {
  const double top = std::isinf(a.clip) ? a.largest : a.clip;
  if (!(a.largest > 0)) return 0;
  const Quantization q = activation_quantization(0, top, bits, true);
  double signal = 0, noise = 0;
  for (int i = 0; i < Activity::kBins; ++i) {
    const double x = std::min(a.clip, (i + 0.5) * a.largest / Activity::kBins), n = double(a.bins[std::size_t(i)]);
    const double rest = x - q.real_of(activation_code(x / double(q.scale), q.zero, code_range(bits)));
    signal += n * x * x, noise += n * rest * rest;
  }
  return noise > 0 ? 10 * std::log10(signal / noise) : 0;
}

double norm(const real* g, long n, double divisor) {
  double sum = 0;
  for (long i = 0; i < n; ++i) sum += double(g[i]) * double(g[i]);
  return std::sqrt(sum) / divisor;
}

// Largest absolute weight of a channel by the smallest, batch norm folded in; channels of zeros left out.
std::vector<double> range_ratios(const Model& model) {
  std::vector<double> ratios;
  for (const Stage& s : graph_of(model).stages) {
    if (s.weights.empty()) continue;
    const std::size_t k = s.bias.size();
    std::vector<double> most(k, 0);
    for (std::size_t i = 0; i < s.weights.size(); ++i) most[i % k] = std::max(most[i % k], std::abs(s.weights[i]));
    std::erase(most, 0.);
    ratios.push_back(most.empty() ? 0 : *std::max_element(most.begin(), most.end()) / *std::min_element(most.begin(), most.end()));
  }
  return ratios;
}

void add_histogram(Table& table, const std::string& run, const std::string& layer, const Activity& a) {
  constexpr int kTogether = Activity::kBins / kShownBins;
  for (int b = 0; b < kShownBins; ++b) {
    long count = b ? 0 : a.count;
    for (int i = 0; i < (b ? kTogether : Activity::kBins); ++i)  // the first bin holds what is not above 0, too
      count += b ? a.bins[std::size_t(b * kTogether + i)] : i < kTogether ? 0 : -a.bins[std::size_t(i)];
    table.add({run, layer, a.largest * b / kShownBins, a.largest * (b + 1) / kShownBins, count});
  }
}

}  // namespace

void diagnose(const Setting& s, const Run& run, const Model& trained, const std::string& mark, Table& layers, Table* histograms) {
  const Clips clips = clips_of(run, trained);
  const Model model = observed_model(s, run, trained, clips);
  const std::vector<Place> places = places_of(model);
  const double touch = arm_of(run.arm).touch();
  std::vector<Activity> seen;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const double clip = clips.size() == 1 ? clips[0] : clips.at(i);
    seen.push_back({.clip = clip, .touch = clips.size() == 1 ? touch : clip});
  }
  for (std::size_t i = 0; i < places.size(); ++i) places[i].layer->activity = &seen[i];
  pass(model, s.data.train, false);
  for (Activity& a : seen) a.distribution = true;
  pass(model, s.data.train, true);
  const std::vector<double> ratios = range_ratios(with_clips(s, run, trained, clips));
  const ParamSet& p = model.params();
  const long full = std::min(kDiagnosed, s.data.train.size()) / std::min(kBatch, s.data.train.size());
  const double batches = double(full);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Activity& a = seen[i];
    const Place& at = places[i];
    double gamma_max = 0, gamma_mean = 0;
    const long channels = long(a.alive.size());
    for (long c = 0; at.gamma >= 0 && c < channels; ++c)
      gamma_max = std::max(gamma_max, double(p.value(at.gamma)[c])), gamma_mean += double(p.value(at.gamma)[c]) / double(channels);
    const auto share = [&](long n, long of) { return of ? double(n) / double(of) : 0; };
    const long dead = std::count(a.alive.begin(), a.alive.end(), false), always = std::count(a.below.begin(), a.below.end(), false);
    const double grad = norm(p.grad(at.weight), p.params()[std::size_t(at.weight)].shape.size(), batches);
    layers.add({run.name(),
                mark,
                at.layer->path(),
                a.largest,
                percentile(a, 99.9),
                percentile(a, 99.99),
                std::min(a.clip, a.largest) / 6,
                share(a.touching, a.count),
                a.gradient > 0 ? a.cut / a.gradient : 0,
                share(a.zeros, a.count),
                share(dead, channels),
                share(always, channels),
                grad,
                gamma_max,
                gamma_mean,
                ratios.at(i),
                sqnr(a, 8),
                sqnr(a, 6),
                sqnr(a, 5),
                sqnr(a, 4)});
    if (histograms) add_histogram(*histograms, run.name(), at.layer->path(), a);
  }
}

double share_touching(const Model& model, const Split& split, double touch) {
  Tape tape({.threads = 1, .training = false, .record = false});
  Inputs sum;
  const long all = std::min(kCalibration, split.size()), n = std::min(kBatch, all);
  for (long first = 0; first + n <= all; first += n) {
    tape.reset();
    model(tape.input(split.bytes(first, n)));
    const Inputs some = total(observe(tape, touch, Look::counts));
    sum.touching += some.touching, sum.elements += some.elements;
  }
  return double(sum.touching) / double(std::max(sum.elements, 1L));
}

}  // namespace six::study
