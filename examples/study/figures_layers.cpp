// Figures 5 to 9: what happens inside of the nets.
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "figures.h"

namespace six::study {
namespace {

void put_drawn(std::vector<std::string>& panels, const Panel& p) {
  if (std::string one = svg(p); !one.empty()) panels.push_back(std::move(one));
}

// Distinct texts of a column, in order of appearance; "layers.10" after "layers.9".
std::vector<std::string> layers_in(const Table& t) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < t.size(); ++i)
    if (std::find(names.begin(), names.end(), t.text(i, "layer")) == names.end()) names.push_back(t.text(i, "layer"));
  const auto digits = [](const std::string& s) {  // numbers padded, so that texts compare as they count
    std::string padded, run;
    for (char c : s + ' ') {
      if (c >= '0' && c <= '9') {
        run += c;
        continue;
      }
      if (!run.empty()) padded += std::string(run.size() < 6 ? 6 - run.size() : 0, '0') + run;
      run.clear(), padded += c;
    }
    return padded;
  };
  std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) { return digits(a) < digits(b); });
  return names;
}

std::string short_name(std::string layer) {
  if (layer.rfind("layers.", 0) == 0) layer = layer.substr(7);
  return layer;
}

void put(Series& s, double x, const std::vector<double>& v) {
  if (v.empty()) return;
  const Interval i = v.size() > 1 ? t_interval(v, 0.95) : Interval{v[0], v[0]};
  s.x.push_back(x), s.y.push_back(mean(v)), s.lo.push_back(i.lo), s.hi.push_back(i.hi);
}

void histograms(const StudyData& d, const std::string& part, std::vector<std::string>& panels) {
  const std::string relu = part + "/relu/1", relu6 = part + "/relu6/1";
  for (const std::string& layer : layers_in(d.histograms)) {
    Panel p{.title = "layer " + short_name(layer) + (part == "main" ? "" : ", no BN"),
            .x = {.title = "", .lo = 0},
            .y = {.title = "count", .lo = 0.5, .log = 10},
            .series = {},
            .at_x = {{6, "6"}},
            .key = "off",
            .width = 330,
            .height = 230};
    for (const auto& [run, pen] : {std::pair(relu, kReluPen), {relu6, kRelu6Pen}}) {
      const Table rows = d.histograms.where({{"run", run}, {"layer", layer}}).sorted();
      Series s{"", without_points(pen), {}, {}};
      s.steps = true;
      for (std::size_t i = 0; i < rows.size(); ++i)
        s.x.push_back(rows.number(i, "hi")), s.y.push_back(std::max(0.5, rows.number(i, "count")));
      if (!s.x.empty()) p.series.push_back(s);
    }
    const Table ends = d.layers.where({{"run", relu}, {"mark", "end"}, {"layer", layer}});
    if (!ends.empty())
      p.at_x.push_back({ends.number(0, "p99_99"), "p99.99", Stroke::dotted}),
          p.at_x.push_back({ends.number(0, "max"), "R", Stroke::dotted});
    put_drawn(panels, p);
  }
}

}  // namespace

FigureOfReport histogram_figure(const StudyData& d) {
  FigureOfReport f{5,
                   "What enters the activations, per layer",
                   "Seed 1 at the end of training, what is above 0, before the clip; counts on a logarithmic axis. Blue: ReLU, "
                   "orange: ReLU6. Lines: 6, and ReLU's p99.99 and largest value R.",
                   {},
                   "histograms.csv is not there"};
  histograms(d, "main", f.panels), histograms(d, "nobn", f.panels);
  return f;
}

FigureOfReport layers_figure(const StudyData& d) {
  FigureOfReport f{
      6,
      "Per layer over training",
      "Means over seeds at the start (dotted), the middle (dashed) and the end (points with 95 % t-intervals) of training.",
      {},
      "layers.csv is not there"};
  for (const std::string part : {"main", "nobn"}) {
    std::map<std::string, std::string> arm_of;  // of the part's runs
    for (const std::string arm : {"relu", "relu6"}) {
      const Table runs = d.runs_of(part, arm);
      for (std::size_t i = 0; i < runs.size(); ++i) arm_of[runs.text(i, "run")] = arm;
    }
    Table rows(d.layers.columns(), d.layers.name());
    for (std::size_t i = 0; i < d.layers.size(); ++i)
      if (arm_of.count(d.layers.text(i, "run"))) rows.add({d.layers.row(i).begin(), d.layers.row(i).end()});
    const std::vector<std::string> layers = layers_in(rows);
    for (const auto& [column, what] : {std::pair("frac_ge6", "inputs at 6 or above"),
                                       {"frac_grad_cut", "gradient cut by the clip"},
                                       {"frac_zero", "exact zeros"},
                                       {"frac_dead", "dead units"}}) {
      std::map<std::array<std::string, 3>, std::vector<double>> values;  // arm, mark, layer
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (const double v = 100 * rows.number(i, column); std::isfinite(v))
          values[{arm_of[rows.text(i, "run")], rows.text(i, "mark"), rows.text(i, "layer")}].push_back(v);
      Panel p{.title = std::string("% ") + what + (part == "main" ? ", BN" : ", no BN"),
              .x = {.title = "layer", .lo = -0.5, .hi = double(layers.size()) - 0.5},
              .y = {.title = "", .lo = 0},
              .series = {}};
      for (std::size_t l = 0; l < layers.size(); ++l) p.x.ticks.emplace_back(double(l), short_name(layers[l]));
      for (const auto& [arm, pen] : {std::pair("relu", kReluPen), {"relu6", kRelu6Pen}})
        for (const auto& [mark, stroke] : {std::pair("start", Stroke::dotted), {"mid", Stroke::dashed}, {"end", Stroke::solid}}) {
          const bool end = stroke == Stroke::solid;
          Series s{end ? (pen.color ? "ReLU6" : "ReLU") : "", end ? pen : without_points(pen), {}, {}, stroke};
          for (std::size_t l = 0; l < layers.size(); ++l)
            put(s, double(l) + (end ? 0.08 * (2 * pen.color - 1) : 0), values[{arm, mark, layers[l]}]);
          if (!end) s.lo.clear(), s.hi.clear();
          if (!s.x.empty()) p.series.push_back(s);
        }
      double most = 0;
      for (const Series& s : p.series)
        for (double v : s.y) most = std::max(most, v);
      if (most == 0) p.y.hi = 1;
      put_drawn(f.panels, p);
    }
  }
  return f;
}

FigureOfReport scale_figure(const StudyData& d) {
  FigureOfReport f{7,
                   "Input scale and learning rate",
                   "Means over seeds with 95 % t-intervals. Shift: the pixels are multiplied by k at evaluation only; retrained: "
                   "in training too.",
                   {},
                   "scale.csv and lr.csv are not there"};
  struct Line {
    const char* title;
    const char* arm;
    bool bn;
    Pen pen;
    Stroke stroke;
  };
  for (const auto& [mode, title] : {std::pair("shift", "Shifted at evaluation"), {"retrain", "Retrained"}}) {
    Panel p{
        .title = title,
        .x = {.title = "input scale k", .lo = 0.2, .hi = 20, .log = 2, .ticks = {{0.25, "1/4"}, {1, "1"}, {4, "4"}, {16, "16"}}},
        .y = {.title = "test accuracy, %"},
        .series = {}};
    for (const Line& l : {Line{"ReLU, BN", "relu", true, kReluPen, Stroke::solid},
                          {"ReLU6, BN", "relu6", true, kRelu6Pen, Stroke::solid},
                          {"ReLU, no BN", "relu", false, {0, 6}, Stroke::dashed},
                          {"ReLU6, no BN", "relu6", false, {1, 8}, Stroke::dashed}}) {
      Series s{l.title, l.pen, {}, {}, l.stroke};
      for (double k : {0.25, 1., 4., 16.}) put(s, k * (1 + 0.03 * (l.pen.color * 2 - 1)), values(d.scaled(mode, l.arm, l.bn, k)));
      if (!s.x.empty()) p.series.push_back(s);
    }
    put_drawn(f.panels, p);
  }
  Panel p{.title = "Learning rate",
          .x = {.title = "times the base rate",
                .lo = 0.2,
                .hi = 5,
                .log = 2,
                .ticks = {{0.25, "1/4"}, {0.5, "1/2"}, {1, "1"}, {2, "2"}, {4, "4"}}},
          .y = {.title = "validation accuracy, %"},
          .series = {}};
  for (const auto& [title, arm, pen] : {std::tuple("ReLU", "relu", kReluPen), {"ReLU6", "relu6", kRelu6Pen}}) {
    std::map<double, std::vector<double>> by_factor;
    for (std::size_t i = 0; i < d.lr.size(); ++i)
      if (d.lr.text(i, "arm") == arm) by_factor[d.lr.number(i, "factor")].push_back(100 * d.lr.number(i, "val_acc"));
    Series s{title, pen, {}, {}};
    for (const auto& [factor, acc] : by_factor) put(s, factor * (1 + 0.03 * (pen.color * 2 - 1)), acc);
    if (!s.x.empty()) p.series.push_back(s);
  }
  put_drawn(f.panels, p);
  const double relu = d.largest_stable_factor("relu"), relu6 = d.largest_stable_factor("relu6");
  if (relu > 0 && relu6 > 0)
    f.caption +=
        " The largest stable rate (all losses finite, mean accuracy within 1 pp of the arm's best), times the base rate: " +
        Cell(relu).text() + " for ReLU, " + Cell(relu6).text() + " for ReLU6, their ratio " + Cell(relu6 / relu).text() + '.';
  return f;
}

namespace {

Panel ties_panel(const StudyData& d) {
  Panel p{.title = "Inputs exactly at a kink, derivative 0",
          .x = {.title = "step", .log = 10, .ticks = {{1, "1"}, {10, "10"}, {100, "100"}, {1000, "1000"}}},
          .y = {.title = "share", .log = 10},
          .series = {},
          .key = "outside bottom center vertical maxrows 4",
          .height = 340};
  for (const auto& [net, bn] : {std::pair("BN", true), {"no BN", false}})
    for (const auto& [column, pen] : {std::pair("ties_at_0", kReluPen), {"ties_at_6", kRelu6Pen}})
      for (const auto& [precision, stroke] : {std::pair("fp32", Stroke::solid), {"bf16", Stroke::dashed}}) {
        std::map<double, std::array<double, 2>> sums;
        const Table rows = d.ties.where({{"precision", precision}});
        for (std::size_t i = 0; i < rows.size(); ++i) {
          const std::string& run = rows.text(i, "run");
          if (run.find(bn ? "/bn/" : "/nobn/") == run.npos || run.find("/k0/") == run.npos) continue;
          auto& [n, of] = sums[rows.number(i, "step")];
          n += rows.number(i, column), of += rows.number(i, "elements");
        }
        Series s{std::string("at ") + column[8] + ' ' + precision + ", " + net,
                 {pen.color + (stroke == Stroke::dashed ? 2 : 0), bn ? pen.marker : pen.marker - 1},
                 {},
                 {},
                 stroke};
        for (const auto& [step, n] : sums)
          if (n[0] > 0) s.x.push_back(step), s.y.push_back(n[0] / n[1]);
        if (!s.x.empty()) p.series.push_back(s);
      }
  return p;
}

}  // namespace

FigureOfReport kink_figure(const StudyData& d, const Findings& findings) {
  FigureOfReport f{8,
                   "The derivative at the kinks",
                   "Ties: inputs of exactly 0 (or 6) as a share of all inputs of activations, over all runs, in fp32 and after "
                   "rounding to bf16. Filled: BN, open: no BN; "
                   "circles: ReLU (in the first panel: at 0), triangles: ReLU6 (at 6).",
                   {},
                   "no runs of part kink"};
  put_drawn(f.panels, ties_panel(d));
  const Axis x{.title = "derivative at the kinks", .lo = -0.5, .hi = 7.5};
  Panel first{.title = "First step that differs from derivative 0",
              .x = x,
              .y = {.title = "step",
                    .lo = 0.3,
                    .hi = 1000,
                    .log = 10,
                    .ticks = {{0.5, "never"}, {1, "1"}, {10, "10"}, {100, "100"}, {1000, "1000"}}},
              .series = {}};
  Panel delta{.title = "Accuracy less that with derivative 0",
              .x = x,
              .y = {.title = "pp"},
              .series = {},
              .at_y = {{0, "", Stroke::solid}}};
  int column = 0;
  for (const auto& [arm, pen] : {std::pair("relu", kReluPen), {"relu6", kRelu6Pen}})
    for (const auto& [bn, net] : {std::pair("1", "BN"), {"0", "no BN"}}) {
      Series steps{(pen.color ? "ReLU6, " : "ReLU, ") + std::string(net),
                   {pen.color, *bn == '1' ? pen.marker : pen.marker - 1},
                   {},
                   {},
                   Stroke::none},
          change = steps;
      for (const std::string k : {"0.5", "1"}) {
        const Table runs = d.runs_of("kink", arm, {{"bn", bn}, {"at_kink", k}});
        for (std::size_t i = 0; i < runs.size(); ++i) {
          const double step = runs.number(i, "first_divergence_step");
          steps.x.push_back(column + 0.08 * (double(i) - double(runs.size() - 1) / 2)), steps.y.push_back(step > 0 ? step : 0.5);
        }
        for (const Test& t : findings.tests)
          if (t.name == std::string("kink ") + arm + ' ' + net + ' ' + k && t.d.size() > 1)
            change.x.push_back(column), change.y.push_back(t.mean), change.lo.push_back(t.t95.lo), change.hi.push_back(t.t95.hi);
        first.x.ticks.emplace_back(column++, k);
      }
      first.series.push_back(steps);
      if (!change.x.empty()) delta.series.push_back(change);
    }
  delta.x.ticks = first.x.ticks;
  put_drawn(f.panels, first), put_drawn(f.panels, delta);
  return f;
}

FigureOfReport divergence_figure(const StudyData& d) {
  FigureOfReport f{9,
                   "When the arms part",
                   "Up to the first input at or above 6 (touch) the two arms are the same numbers; they part at the first step "
                   "whose parameters differ. Right: loss of ReLU6 less that of ReLU, each seed.",
                   {},
                   "no pairs of runs"};
  const Table runs = d.runs_of("main", "relu6");
  Series touch{"first touch", {0, 6}, {}, {}, Stroke::none}, part{"first difference", kRelu6Pen, {}, {}, Stroke::none};
  Panel loss{.title = "Loss, ReLU6 - ReLU",
             .x = {.title = "step"},
             .y = {.title = ""},
             .series = {},
             .at_y = {{0, "", Stroke::solid}},
             .key = "off"};
  double seeds = 0, last = 20;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const double seed = runs.number(i, "seed");
    seeds = std::max(seeds, seed), last = std::max(last, 1.2 * runs.number(i, "steps"));
    touch.x.push_back(runs.number(i, "first_touch_step")), touch.y.push_back(seed);
    part.x.push_back(runs.number(i, "first_divergence_step")), part.y.push_back(seed);
    const Table six = d.trace.where({{"run", runs.text(i, "run")}}).sorted(),
                plain = d.trace.where({{"run", "main/relu/" + runs.text(i, "seed")}});
    std::map<double, double> at;
    for (std::size_t r = 0; r < plain.size(); ++r) at[plain.number(r, "step")] = plain.number(r, "loss");
    Series s{"", {kGrey, 0}, {}, {}};
    s.width = 0.8;
    for (std::size_t r = 0; r < six.size(); ++r)
      if (const auto same = at.find(six.number(r, "step")); same != at.end())
        s.x.push_back(same->first), s.y.push_back(six.number(r, "loss") - same->second);
    loss.series.push_back(s);
  }
  touch.point = 1;
  for (Series* s : {&touch, &part})
    for (double& x : s->x)
      if (x < 1) x = std::nan("");  // never
  put_drawn(
      f.panels,
      {.title = "First touch and first difference",
       .x = {.title = "step", .lo = 0.8, .hi = last, .log = 10, .ticks = {{1, "1"}, {10, "10"}, {100, "100"}, {1000, "1000"}}},
       .y = {.title = "seed", .lo = 0, .hi = seeds + 1},
       .series = {touch, part}});
  put_drawn(f.panels, loss);
  return f;
}

}  // namespace six::study
