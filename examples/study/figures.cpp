// Figures 1 to 4: the functions, the primary tests, accuracy by bits, the prediction of what range costs.
#include "figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../../core/ops/activation.h"
#include "../../data/file.h"
#include "../../train/plot.h"

namespace six::study {
namespace {

// Both functions, and both derivatives, by the code that draws the figure of relu6_plot.
std::string curves(const std::string& title, std::vector<double> Samples::*what) {
  const Samples plain = sample([](Var v) { return relu(v); }, -2, 8, 1000),
                six = sample([](Var v) { return relu6(v); }, -2, 8, 1000);
  const Samples kinks = sample([](Var v) { return relu6(v); }, std::vector<real>{0, 6});
  const Figure figure{.title = title,
                      .curves = {{"ReLU", plain.x, plain.*what, "#0072b2", true},
                                 {"ReLU6", six.x, six.*what, "#d55e00"},
                                 {"kinks of ReLU6", kinks.x, kinks.*what, "#000000", false, 7}},
                      .width = 440,
                      .height = 320,
                      .font = 12,
                      .key = "outside bottom center horizontal"};
  const std::vector<std::uint8_t> made = draw(figure, FigureFormat::svg);
  return themed(std::string(as_text(made)), title);
}

std::vector<std::string> drawn(std::initializer_list<Panel> panels) {
  std::vector<std::string> all;
  for (const Panel& p : panels)
    if (std::string one = svg(p); !one.empty()) all.push_back(std::move(one));
  return all;
}

// A point of a series: the mean over seeds with its interval.
void put(Series& s, double x, const BySeed& by_seed) {
  if (by_seed.empty()) return;
  const std::vector<double> v = values(by_seed);
  const Interval i = v.size() > 1 ? t_interval(v, 0.95) : Interval{v[0], v[0]};
  s.x.push_back(x), s.y.push_back(mean(v)), s.lo.push_back(i.lo), s.hi.push_back(i.hi);
}

}  // namespace

FigureOfReport functions_figure() {
  return {1,
          "ReLU, ReLU6 and their derivatives",
          "As the library computes them: the forward pass, and the backward pass of the sum. At the kinks, 0 and 6, the derivative "
          "is a setting; by default it is 0.",
          {curves("Function", &Samples::y), curves("Derivative", &Samples::derivative)}};
}

FigureOfReport forest_figure(const Findings& f) {
  FigureOfReport figure{2,
                        "The primary tests",
                        "Mean, 95 % t-interval and every seed, in percentage points; positive favours ReLU6. The grey band is the "
                        "margin of equivalence. "
                        "Left all of it, right the middle.",
                        {},
                        "no pair of runs with the same seed"};
  Series means{"mean and 95 % interval", {1, 13}, {}, {}, Stroke::none}, seeds{"seeds", {0, 7}, {}, {}, Stroke::none};
  means.across = true, means.point = 0.9, seeds.point = 0.45, means.width = 2;
  Axis y{.title = "", .lo = 0.4, .hi = 5.6};
  double margin = 0.1, far = 0;
  for (std::size_t i = 0; i < f.tests.size() && f.tests[i].family == Family::primary; ++i) {
    const Test& t = f.tests[i];
    const double row = 5 - double(i);
    y.ticks.emplace_back(row, t.name);
    margin = t.margin;
    if (t.d.empty()) continue;
    means.x.push_back(t.mean), means.y.push_back(row - 0.12), means.lo.push_back(t.t95.lo), means.hi.push_back(t.t95.hi);
    for (std::size_t k = 0; k < t.d.size(); ++k) {
      seeds.x.push_back(t.d[k]), seeds.y.push_back(row + 0.12 + 0.22 * double(k) / double(t.d.size()));
      far = std::max(far, std::fabs(t.d[k]));
    }
  }
  if (means.x.empty()) return figure;
  const double near = 4 * margin;
  for (double end : {std::max(far * 1.08, near), near}) {
    if (end == near && far <= near && !figure.panels.empty()) break;
    Panel p{.title = end == near ? "within +-" + Cell(near).text() + " pp" : "all",
            .x = {.title = "pp, ReLU6 better to the right", .lo = -end, .hi = end},
            .y = y,
            .series = {seeds, means},
            .at_x = {{0, "", Stroke::solid}},
            .band = margin,
            .height = 340};
    for (Series& shown : p.series)
      for (std::size_t i = 0; i < shown.x.size(); ++i) {
        if (std::fabs(shown.x[i]) > end) shown.x[i] = std::nan("");
        if (!shown.lo.empty()) shown.lo[i] = std::max(shown.lo[i], -end), shown.hi[i] = std::min(shown.hi[i], end);
      }
    figure.panels.push_back(svg(p));
  }
  return figure;
}

FigureOfReport bits_figure(const StudyData& d) {
  struct Line {
    std::string title, part, arm, observer, policy;
    Pen pen;
    Stroke stroke;
  };
  const std::vector<Line> lines{{"ReLU min-max", "main", "relu", "minmax", "observed", kReluPen, Stroke::solid},
                                {"ReLU p99.99", "main", "relu", "p99.99", "observed", kThirdPen, Stroke::dashed},
                                {"ReLU MSE", "main", "relu", "mse", "observed", kSixthPen, Stroke::dashed},
                                {"ReLU6 fixed [0, 6]", "main", "relu6", "minmax", "fixed6", kRelu6Pen, Stroke::solid},
                                {"ReLU6 observed", "main", "relu6", "minmax", "observed", kFifthPen, Stroke::dotted},
                                {"PACT", "pact", "pact", "minmax", "clip", kFourthPen, Stroke::solid}};
  const Axis bits{.title = "bits of activations (weights 8, per channel)",
                  .lo = 8.4,
                  .hi = 3.6,
                  .ticks = {{8, "8"}, {6, "6"}, {5, "5"}, {4, "4"}}};
  Panel acc{.title = "Test accuracy after training", .x = bits, .y = {.title = "%"}, .series = {}};
  Panel flips{.title = "Predictions changed", .x = bits, .y = {.title = "of 10,000, against fp32", .log = 10}, .series = {}};
  for (double decade : {1., 10., 100., 1000.})
    for (double n : {1., 2., 5.}) flips.y.ticks.emplace_back(n * decade, Cell(n * decade).text());
  const double images = d.preds.empty() ? 10000 : d.preds.number(0, "images");
  for (std::size_t n = 0; n < lines.size(); ++n) {
    const Line& l = lines[n];
    Series a{l.title, l.pen, {}, {}, l.stroke}, b = a;
    const double aside = 0.05 * (double(n) - 2.5);  // intervals beside each other
    for (int w : {8, 6, 5, 4}) {
      const QuantCell cell{.a_bits = w, .observer = l.observer, .range_policy = l.policy};
      BySeed share = d.quantised(l.part, l.arm, cell, "acc"), changed = d.quantised(l.part, l.arm, cell, "flips");
      for (auto& [seed, v] : share) v *= 100;
      for (auto& [seed, v] : changed) v *= 10000 / images;
      put(a, w + aside, share), put(b, w + aside, changed);
    }
    if (!a.x.empty()) acc.series.push_back(a), flips.series.push_back(b);
  }
  Panel qat = acc;
  qat.title = "Trained for it (QAT), weights and activations", qat.x.title = "bits of weights and activations", qat.series.clear(),
  qat.x.ticks = {{8, "8"}, {4, "4"}};
  for (const auto& [title, part, arm, pen] : {std::tuple("ReLU", "main", "relu", kReluPen),
                                              {"ReLU6", "main", "relu6", kRelu6Pen},
                                              {"PACT", "pact", "pact", kFourthPen}}) {
    Series s{title, pen, {}, {}};
    for (int b : {8, 4}) {
      BySeed share = d.quantised(part, arm, {.method = "qat", .w_bits = b, .w_per = "", .a_bits = b}, "acc");
      for (auto& [seed, v] : share) v *= 100;
      put(s, b + 0.1 * (pen.color - 1), share);
    }
    if (!s.x.empty()) qat.series.push_back(s);
  }
  return {3, "Accuracy against the bits of activations",
          "Means over seeds with 95 % t-intervals. Changed predictions tell more than accuracy: they count both ways.",
          drawn({acc, flips, qat}), "quant.csv has no such rows"};
}

FigureOfReport prediction_figure(const StudyData& d) {
  // Rows of layers.csv at the end of the main runs, by seed and layer.
  std::map<std::pair<long, std::string>, std::array<std::size_t, 2>> rows;
  for (int six : {0, 1}) {
    const Table runs = d.runs_of("main", six ? "relu6" : "relu");
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const Table& l = d.layers;
      for (std::size_t r = 0; r < l.size(); ++r)
        if (l.text(r, "run") == runs.text(i, "run") && l.text(r, "mark") == "end")
          rows[{long(runs.number(i, "seed")), l.text(r, "layer")}][std::size_t(six)] = r + 1;
    }
  }
  Panel p{.title = "Gain of ReLU6 in SQNR, per layer and seed",
          .x = {.title = "6.02 log2(R / 6) in dB, R the largest activation of ReLU"},
          .y = {.title = "SQNR(ReLU6) - SQNR(ReLU) in dB"},
          .series = {}};
  double lo = 0, hi = 0;
  for (const auto& [bits, pen, point] : {std::tuple("8", kReluPen, 0.45), {"4", kRelu6Pen, 0.45}}) {
    Series s{std::string(bits) + " bits", pen, {}, {}, Stroke::none};
    s.point = point;
    for (const auto& [key, at] : rows)
      if (at[0] && at[1]) {
        const double r = d.layers.number(at[0] - 1, "max");
        const std::string column = std::string("sqnr") + bits;
        s.x.push_back(6.02 * std::log2(r / 6)),
            s.y.push_back(d.layers.number(at[1] - 1, column) - d.layers.number(at[0] - 1, column));
        if (std::isfinite(s.x.back())) lo = std::min(lo, s.x.back()), hi = std::max(hi, s.x.back());
      }
    p.series.push_back(s);
  }
  if (hi > lo) p.series.push_back({"predicted: slope 1", without_points({kGrey, 0}), {lo, hi}, {lo, hi}, Stroke::dashed});
  if (rows.empty()) p.series.clear();
  return {4, "Prediction 1: a range that is twice as wide costs one bit",
          "SQNR of the outputs of activations rounded to codes over [0, R] (ReLU) and [0, 6] (ReLU6), 2,000 training images, end "
          "of training. Positive: ReLU6 is finer.",
          drawn({p}), "layers.csv has no pairs of runs"};
}

}  // namespace six::study
