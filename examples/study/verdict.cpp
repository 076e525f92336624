#include "verdict.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "../../core/error.h"

namespace six::study {
namespace {

const char* const kClaims[] = {"the bounded range is robust in low precision",     "it suits quantised and mobile nets",
                               "it keeps ReLU's sparsity and cheap gradient",      "it saturates: no gradient above 6",
                               "it limits the output range and can lose accuracy", "it is sensitive to the input's scale",
                               "the derivative at the kinks is a choice"};

std::string text_of(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string effect_of(const std::string& name, const Test& t) {
  if (t.d.empty()) return name + ": no runs";
  return name + " = " + signed_pp(t.mean) + " pp" + (t.d.size() > 1 ? ' ' + interval_text(t.t95) : "") +
         ", n = " + std::to_string(t.d.size());
}
std::string p_of(const Test& t) { return "p_holm = " + text_of("%.4f", t.p_holm); }

bool positive(const Test& t) { return t.differs() && t.mean > 0; }
bool negative(const Test& t) { return t.tested() && t.t95.hi <= 0 && !t.same(); }

const Test* test_or_none(const Findings& f, const std::string& name) {
  const auto at = std::find_if(f.tests.begin(), f.tests.end(), [&](const Test& t) { return t.name == name; });
  return at == f.tests.end() ? nullptr : &*at;
}

// The common rule of two tests of which one is enough.
std::string word_of(const Test& a, const Test& b) {
  if (!a.tested() && !b.tested()) return "NOT TESTED";
  const auto all = [&](auto holds) { return (holds(a) || !a.tested()) && (holds(b) || !b.tested()); };
  if (positive(a) || positive(b)) return "SUPPORTED";
  if (all(negative)) return "REFUTED";
  if (all([](const Test& t) { return t.same(); })) return "EQUIVALENT";
  return "UNDECIDED";
}

void low_precision(const Findings& f, Claim& c) {
  const Test &h3 = f.test("H3"), &h5 = f.test("H5");
  const Test* calibrated = test_or_none(f, "D A4 p99.99");
  const bool as_good = calibrated && calibrated->tested() && calibrated->t90.hi < calibrated->margin;
  c.word = word_of(h3, h5);
  if (c.word == "SUPPORTED" && !positive(h5) && as_good) c.but = "but explained by calibration";
  c.effect = effect_of("D(A4)", h3);
  c.evidence = p_of(h3) + "; " + effect_of("D(W4A4 QAT)", h5) + ", " + p_of(h5);
  if (calibrated) c.evidence += "; " + effect_of("against ReLU + p99.99", *calibrated);
  if (f.gap.defined) c.evidence += "; p99.99 closes " + text_of("%.0f", f.gap.percent) + " % of the gap";
}

void eight_bits(const Findings& f, Claim& c) {
  const Test &a = f.test("H2a"), &b = f.test("H2b");
  c.word = word_of(a, b);
  if (c.word == "EQUIVALENT") c.but = "(convention, not need)";
  c.effect = effect_of("D(W8A8 per tensor)", a);
  c.evidence = p_of(a) + "; " + effect_of("per channel", b) + ", " + p_of(b);
}

// Mean over seeds of a column of layers.csv, by layer (and mark).
std::map<std::string, double> by_layer(const StudyData& d, const std::string& part, const std::string& arm,
                                       const std::string& column, const std::string& mark) {
  std::set<std::string> runs;
  const Table some = d.runs_of(part, arm);
  for (std::size_t i = 0; i < some.size(); ++i) runs.insert(some.text(i, "run"));
  std::map<std::string, std::pair<double, int>> sums;
  for (std::size_t i = 0; i < d.layers.size(); ++i)
    if (runs.count(d.layers.text(i, "run")) && (mark.empty() || d.layers.text(i, "mark") == mark)) {
      auto& [sum, n] = sums[d.layers.text(i, "layer") + (mark.empty() ? " at the " + d.layers.text(i, "mark") : "")];
      const double value = d.layers.number(i, column);
      if (!std::isnan(value)) sum += value, ++n;
    }
  std::map<std::string, double> means;
  for (const auto& [layer, sum] : sums)
    if (sum.second) means[layer] = sum.first / sum.second;
  return means;
}

void sparsity_and_cost(const StudyData& d, Claim& c) {
  const auto relu = by_layer(d, "main", "relu", "frac_zero", "end"), relu6 = by_layer(d, "main", "relu6", "frac_zero", "end");
  double apart = 0;
  std::string where;
  for (const auto& [layer, zeros] : relu)
    if (const auto at = relu6.find(layer); at != relu6.end() && std::fabs(at->second - zeros) >= std::fabs(apart))
      apart = at->second - zeros, where = layer;
  double cost = 0;
  int costs = 0;
  const Table plain = d.timing.where({{"kind", "cost"}, {"arm", "relu"}}),
              clipped = d.timing.where({{"kind", "cost"}, {"arm", "relu6"}});
  for (std::size_t i = 0; i < plain.size(); ++i)
    if (const Table same = clipped.where({{"name", plain.text(i, "name")}}); !same.empty()) {
      const double change = same.number(0, "value") / plain.number(i, "value") - 1;
      ++costs, cost = std::fabs(change) >= std::fabs(cost) ? change : cost;
    }
  const bool sparse = std::fabs(apart) <= 0.02, cheap = std::fabs(cost) <= 0.05;
  const bool known = !where.empty() && costs;
  c.word = (!where.empty() && !sparse) || (costs && !cheap) ? "REFUTED" : known ? "SUPPORTED" : "NOT TESTED";
  c.effect = where.empty() ? "no layer was looked at"
                           : "share of zeros in a layer differs by at most " + signed_pp(100 * apart) + " pp (" + where + ")";
  c.evidence =
      !costs ? "cost not measured" : std::string("time per element ") + (cheap ? "within" : "not within") + " 5 % (timing.csv)";
  if (costs) c.times = text_of("%+.1f", 100 * cost) + " % at most in " + std::to_string(costs) + " cases";
}

void saturation(const StudyData& d, const Findings& f, Claim& c) {
  struct Net {
    const char *name, *part, *test;
  };
  std::vector<std::string> seen;
  std::vector<std::string> words;
  for (const Net& net : {Net{"with BN", "main", "H1"}, Net{"without BN", "nobn", "no BN"}}) {
    const auto cut = by_layer(d, net.part, "relu6", "frac_grad_cut", "");
    const Test* delta = test_or_none(f, net.test);
    if (cut.empty() || !delta || delta->d.empty()) continue;
    const auto most = std::max_element(cut.begin(), cut.end(), [](auto& a, auto& b) { return a.second < b.second; });
    const bool reached = most->second > 0.01;
    words.push_back(!delta->tested()    ? "NOT TESTED"
                    : !reached          ? "VOID"
                    : delta->t95.hi < 0 ? "SUPPORTED"
                    : delta->t95.lo > 0 ? "REFUTED"
                    : delta->same()     ? "EQUIVALENT"
                                        : "UNDECIDED");
    seen.push_back(std::string(net.name) + " up to " + text_of("%.2f", 100 * most->second) + " % of a layer's gradient is cut (" +
                   most->first + "), " + effect_of("delta", *delta));
  }
  c.word = "NOT TESTED", c.effect = seen.empty() ? "no layer was looked at" : seen[0], c.evidence = seen.size() > 1 ? seen[1] : "";
  for (const char* word : {"SUPPORTED", "REFUTED", "EQUIVALENT", "UNDECIDED", "VOID"})
    if (const auto at = std::find(words.begin(), words.end(), word); at != words.end()) {
      c.word = word;
      if (words.size() == 2 && words[0] != words[1]) c.but = at == words.begin() ? "with BN" : "without BN";
      return;
    }
}

void accuracy(const Findings& f, Claim& c) {
  const Test& h1 = f.test("H1");
  c.word = !h1.tested()    ? "NOT TESTED"
           : h1.same()     ? "EQUIVALENT"
           : h1.t95.hi < 0 ? "SUPPORTED"
           : h1.t95.lo > 0 ? "REFUTED"
                           : "UNDECIDED";
  if (h1.verdict == "identical runs") c.but = "(identical runs)";
  c.effect = effect_of("delta(fp32)", h1);
  c.evidence = "TOST at +-" + text_of("%.2f", h1.margin) + " pp: " + p_of(h1);
}

void input_scale(const Findings& f, Claim& c) {
  const Test* strongest = nullptr;
  bool reached = false, decided = true, any = false, normed_too = false;
  const auto drop = [](const Test* t) { return t && t->tested() && t->mean <= -1 && t->t95.hi < 0; };
  for (const std::string mode : {"shift", "retrain"})
    for (double k : {4.0, 16.0}) {
      const Test *plain = test_or_none(f, scale_test(mode, false, k)), *normed = test_or_none(f, scale_test(mode, true, k));
      if (!plain || plain->d.empty()) continue;
      any = any || plain->tested();
      const bool drops = drop(plain);
      normed_too = normed_too || drop(normed);
      decided = decided && (drops || plain->t95.lo > -1);
      if (drops && (!reached || plain->mean < strongest->mean)) {
        strongest = plain, c.evidence = normed ? effect_of("with BN", *normed) : "";
      } else if (!reached && (!strongest || plain->mean < strongest->mean)) {
        strongest = plain, c.evidence = normed ? effect_of("with BN", *normed) : "";
      }
      reached = reached || drops;
    }
  if (reached && normed_too) c.but = "and with BN too";  // registered: without BN alone
  c.word = reached ? normed_too ? "UNDECIDED" : "SUPPORTED" : !any ? "NOT TESTED" : decided ? "REFUTED" : "UNDECIDED";
  c.effect = strongest ? effect_of("change of delta, " + strongest->name.substr(6), *strongest) : "no pairs without BN";
}

void kink_derivative(const StudyData& d, const Findings& f, Claim& c) {
  int diverged = 0, compared = 0;
  for (std::size_t i = 0; i < d.runs.size(); ++i)
    if (part_of(d.runs.text(i, "run")) == "kink" && d.runs.text(i, "at_kink") != "0")
      ++compared, diverged += d.runs.number(i, "first_divergence_step") > 0;
  double ties = 0;
  for (const Table* t : {&d.trace, &d.ties})
    for (std::size_t i = 0; i < t->size(); ++i)
      for (const char* column : {"ties_at_0", "ties_at_6"})
        if (const double n = t->number(i, column); n > 0 && (t == &d.trace || t->text(i, "precision") == "fp32")) ties += n;
  c.word = diverged ? "SUPPORTED" : !compared ? "NOT TESTED" : ties > 0 ? "REFUTED" : "VOID";
  c.effect = std::to_string(diverged) + " of " + std::to_string(compared) + " runs leave those with derivative 0 at the kinks";
  const Test* largest = nullptr;
  for (const Test& t : f.tests)
    if (t.name.rfind("kink ", 0) == 0 && t.tested() && (!largest || std::fabs(t.mean) > std::fabs(largest->mean))) largest = &t;
  if (largest)
    c.evidence = effect_of("largest change of accuracy (" + largest->name.substr(5) + ")", *largest) + ", " + largest->verdict;
}

}  // namespace

std::string signed_pp(double value) { return text_of("%+.2f", value + 0.0 == 0 ? 0.0 : value); }
std::string interval_text(const Interval& i) { return '[' + signed_pp(i.lo) + ", " + signed_pp(i.hi) + ']'; }

const Test& Findings::test(const std::string& name) const {
  const Test* t = test_or_none(*this, name);
  require(t != nullptr, "findings: no test ", name);
  return *t;
}

Findings find(const StudyData& data) {
  Findings f{.tests = tests_of(data), .gap = gap_closed(data)};
  for (int i = 0; i < 7; ++i) f.claims.push_back({.id = 'C' + std::to_string(i + 1), .claim = kClaims[i]});
  low_precision(f, f.claims[0]);
  eight_bits(f, f.claims[1]);
  sparsity_and_cost(data, f.claims[2]);
  saturation(data, f, f.claims[3]);
  accuracy(f, f.claims[4]);
  input_scale(f, f.claims[5]);
  kink_derivative(data, f, f.claims[6]);
  return f;
}

Table stats_table(const Findings& findings, const std::string& dataset) {
  Table t(kStats, "stats.csv");
  for (const Test& x : findings.tests)
    t.add({x.name, dataset, x.d.size(), x.mean, x.sd, x.t95.lo, x.t95.hi, x.bca.lo, x.bca.hi, x.p_flip, x.p_holm, x.t90.lo,
           x.t90.hi, x.margin, x.wins, x.ties, x.losses, x.verdict});
  const GapClosed& g = findings.gap;
  const double none = std::nan("");
  t.add({"H4", dataset, g.n, g.defined ? g.percent : none, none, none, none, g.defined ? g.interval.lo : none,
         g.defined ? g.interval.hi : none, none, none, none, none, none, 0, 0, 0,
         g.defined ? "percent of the gap closed" : "not tested"});
  return t;
}

}  // namespace six::study
