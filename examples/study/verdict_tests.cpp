// Which differences the study tests.
#include <algorithm>
#include <cmath>
#include <limits>

#include "../../core/error.h"
#include "../../core/rng.h"
#include "verdict.h"

namespace six::study {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kAlpha = 0.05;

// Whether the sign-flip test of n values could pass Holm over five tests: its smallest p is 2^(1 - n).
bool decidable(std::size_t n) { return 5 * std::ldexp(1.0, 1 - int(n)) < kAlpha; }

std::string verdict_of(const Test& t) {
  const bool is_primary = t.family == Family::primary;
  if (t.d.size() < 2 || (is_primary && !decidable(t.d.size()))) return "not tested";
  if (identical(t.d) && std::fabs(t.mean) < 1e-9) return "identical runs";
  const bool different = !t.t95.contains(0) && (is_primary && t.name != "H1" ? t.p_holm : t.p_flip) < kAlpha;
  const bool equivalent = t.t90.within(t.margin) && (!is_primary || t.name != "H1" || t.p_holm < kAlpha);
  if (t.name == "H1" && equivalent) return "equivalent";  // the registered question
  return different ? "difference" : equivalent ? "equivalent" : "undecided";
}

// b - a.
BySeed minus(const BySeed& b, const BySeed& a) {
  BySeed d;
  for (const auto& [seed, value] : b)
    if (const auto at = a.find(seed); at != a.end()) d[seed] = value - at->second;
  return d;
}

Test test_of(std::string name, std::string what, const BySeed& differences, Family family = Family::exploratory) {
  Test t{.name = std::move(name), .what = std::move(what), .family = family};
  for (const auto& [seed, value] : differences) t.seeds.push_back(seed), t.d.push_back(value);
  return t;
}

// D = L(ReLU) - L(ReLU6).
Test loss_test(const StudyData& data, std::string name, std::string what, const QuantCell& relu, const QuantCell& relu6,
               Family family = Family::exploratory) {
  return test_of(std::move(name), std::move(what),
                 minus(data.quantised("main", "relu", relu, "loss_pp"), data.quantised("main", "relu6", relu6, "loss_pp")), family);
}

QuantCell cell(int w, const std::string& per, int a, const std::string& observer, const std::string& policy) {
  return {.w_bits = w, .w_per = per, .a_bits = a, .observer = observer, .range_policy = policy};
}
QuantCell relu_at(int w, const std::string& per, int a, const std::string& observer = kMinmax) {
  return cell(w, per, a, observer, "");
}
QuantCell relu6_at(int w, const std::string& per, int a) { return cell(w, per, a, "", "fixed6"); }
QuantCell trained(int bits) { return {.method = "qat", .w_bits = bits, .w_per = "", .a_bits = bits}; }

void primary(const StudyData& d, std::vector<Test>& tests) {
  const Family f = Family::primary;
  const BySeed relu = d.accuracy(d.runs_of("main", "relu")), relu6 = d.accuracy(d.runs_of("main", "relu6"));
  tests.push_back(test_of("H1", "accuracy in fp32, ReLU6 - ReLU", minus(relu6, relu), f));
  tests.push_back(loss_test(d, "H2a", "D of W8A8, weights per tensor, PTQ", relu_at(8, "tensor", 8), relu6_at(8, "tensor", 8), f));
  tests.push_back(
      loss_test(d, "H2b", "D of W8A8, weights per channel, PTQ", relu_at(8, "channel", 8), relu6_at(8, "channel", 8), f));
  tests.push_back(loss_test(d, "H3", "D of A4, W8 per channel, PTQ", relu_at(8, "channel", 4), relu6_at(8, "channel", 4), f));
  tests.push_back(loss_test(d, "H5", "D of W4A4, QAT", trained(4), trained(4), f));
}

void quantisation(const StudyData& d, std::vector<Test>& tests) {
  const std::string channel = "channel";
  for (int a : {8, 6, 5, 4}) {
    const std::string bits = "A" + std::to_string(a), what = "D of " + bits + ", W8 per channel, ";
    const QuantCell relu6 = relu6_at(8, channel, a);
    if (a == 6 || a == 5) tests.push_back(loss_test(d, "D " + bits, what + "PTQ", relu_at(8, channel, a), relu6));
    for (const char* observer : {"p99.9", "p99.99", "mse"})
      tests.push_back(
          loss_test(d, "D " + bits + ' ' + observer, what + "ReLU with " + observer, relu_at(8, channel, a, observer), relu6));
    tests.push_back(loss_test(d, "D " + bits + " observed", what + "both arms with observed min-max", relu_at(8, channel, a),
                              cell(8, channel, a, kMinmax, "observed")));
  }
  for (int w : {6, 5, 4}) {
    const std::string bits = "W" + std::to_string(w);
    tests.push_back(
        loss_test(d, "D " + bits, "D of " + bits + " per channel, A8, PTQ", relu_at(w, channel, 8), relu6_at(w, channel, 8)));
  }
  QuantCell relu = relu_at(4, channel, 4), relu6 = relu6_at(4, channel, 4);
  tests.push_back(loss_test(d, "D W4A4", "D of W4A4 per channel, PTQ", relu, relu6));
  relu.edges8 = relu6.edges8 = true;
  tests.push_back(loss_test(d, "D W4A4 edges8", "D of W4A4, first and last layer at 8 bits", relu, relu6));
  tests.push_back(loss_test(d, "D W8A8 QAT", "D of W8A8, QAT", trained(8), trained(8)));
  relu = relu_at(8, channel, 8), relu6 = relu6_at(8, channel, 8);
  relu.rounding = relu6.rounding = "double";
  tests.push_back(loss_test(d, "D W8A8 twofold", "D of W8A8 per channel, rounded twice", relu, relu6));
  const QuantCell bf16{.method = "bf16", .w_bits = 0, .w_per = "", .a_bits = 0, .rounding = ""};
  tests.push_back(loss_test(d, "D bf16", "D of bf16", bf16, bf16));
}

void functions(const StudyData& d, std::vector<Test>& tests) {
  const auto arm = [&](const char* part, const std::string& name) { return d.accuracy(d.runs_of(part, name)); };
  tests.push_back(test_of("no BN", "fp32 without batch norm, ReLU6 - ReLU", minus(arm("nobn", "relu6"), arm("nobn", "relu"))));
  tests.push_back(test_of("pact", "fp32, PACT - ReLU6", minus(arm("pact", "pact"), arm("main", "relu6"))));
  for (const std::string n : {"relu1", "relu2", "relu4"})
    tests.push_back(test_of(n, "fp32, clip at " + n.substr(4) + " - ReLU", minus(arm("clip", n), arm("main", "relu"))));
  const QuantCell swap{.method = "swap", .w_bits = 32, .w_per = "", .a_bits = 32, .rounding = ""};
  for (const auto& [own, other] : {std::pair("relu", "ReLU6"), {"relu6", "ReLU"}}) {
    const BySeed loss = d.quantised("main", own, swap, "loss_pp");
    BySeed gain;
    for (const auto& [seed, pp] : loss) gain[seed] = -pp;
    tests.push_back(test_of(std::string("swap ") + own,
                            std::string("fp32, weights of ") + own + " under " + other + " - under their own", gain));
  }
}

// How delta changes from input scale 1 to k: negative where ReLU6 loses more.
void scales(const StudyData& d, std::vector<Test>& tests) {
  for (const std::string mode : {"shift", "retrain"})
    for (bool bn : {true, false})
      for (double k : {0.25, 4.0, 16.0}) {
        const auto delta = [&](double at) { return minus(d.scaled(mode, "relu6", bn, at), d.scaled(mode, "relu", bn, at)); };
        const std::string name = scale_test(mode, bn, k);
        tests.push_back(test_of(name, name + ": delta at k - delta at 1", minus(delta(k), delta(1))));
      }
}

void kinks(const StudyData& d, std::vector<Test>& tests) {
  for (const std::string arm : {"relu", "relu6"})
    for (const std::string bn : {"1", "0"})
      for (const std::string k : {"0.5", "1"}) {
        const auto at = [&](const std::string& kink) {
          return d.accuracy(d.runs_of("kink", arm, {{"bn", bn}, {"at_kink", kink}}));
        };
        tests.push_back(test_of("kink " + arm + (bn == "1" ? " BN " : " no BN ") + k,
                                "fp32, " + arm + (bn == "1" ? ", BN" : ", no BN") + ": derivative " + k + " at the kinks - 0",
                                minus(at(k), at("0"))));
      }
}

}  // namespace

std::string scale_test(const std::string& mode, bool bn, double k) {
  return "scale " + mode + (bn ? " BN" : " no BN") + " k=" + Cell(k).text();
}

std::vector<Test> tests_of(const StudyData& data) {
  std::vector<Test> tests;
  for (auto add : {primary, quantisation, functions, scales, kinks}) add(data, tests);
  std::erase_if(tests, [](const Test& t) { return t.family != Family::primary && t.d.empty(); });
  for (Test& t : tests) t.margin = data.margin();
  evaluate(tests);
  return tests;
}

void evaluate(std::vector<Test>& tests) {
  std::vector<double> p;
  std::vector<Test*> family;
  for (Test& t : tests) {
    const std::size_t n = t.d.size();
    t.mean = n ? mean(t.d) : kNan, t.sd = n > 1 ? sd(t.d) : kNan, t.p_holm = kNan;
    t.t95 = t.t90 = t.bca = {kNan, kNan};
    t.p_flip = n ? sign_flip_p(t.d) : kNan, t.p_tost = kNan;
    if (n > 1)
      t.t95 = t_interval(t.d, 0.95), t.t90 = t_interval(t.d, 0.90), t.bca = bca_interval(t.d, 0.95),
      t.p_tost = tost_p(t.d, t.margin);
    for (double v : t.d) ++(std::fabs(v) < 1e-9 ? t.ties : v > 0 ? t.wins : t.losses);
    if (t.family != Family::primary) continue;
    family.push_back(&t);
    p.push_back(n < 2 ? 1 : t.name == "H1" ? t.p_tost : t.p_flip);  // H1 is a test of equivalence
  }
  const std::vector<double> adjusted = holm(p);
  for (std::size_t i = 0; i < family.size(); ++i) family[i]->p_holm = adjusted[i];
  for (Test& t : tests) t.verdict = verdict_of(t);
}

GapClosed gap_closed(const BySeed& relu_minmax, const BySeed& relu_percentile, const BySeed& relu6_fixed) {
  const BySeed gaps = minus(relu6_fixed, relu_minmax), closed = minus(relu_percentile, relu_minmax);
  std::vector<double> gap, part;
  for (const auto& [seed, value] : gaps)
    if (const auto at = closed.find(seed); at != closed.end()) gap.push_back(value), part.push_back(at->second);
  GapClosed g{.n = int(gap.size())};
  if (gap.size() < 2) return g;
  g.defined = !t_interval(gap, 0.95).contains(0);
  if (!g.defined) return g;
  g.percent = 100 * mean(part) / mean(gap);
  constexpr std::size_t kDraws = 10000;
  const Rng rng(1, Purpose::user, 5);
  std::vector<double> ratios;
  for (std::size_t b = 0; b < kDraws; ++b) {
    double over = 0, under = 0;
    for (std::size_t i = 0; i < gap.size(); ++i) {
      const std::size_t s = rng.below(b * gap.size() + i, gap.size());
      over += part[s], under += gap[s];
    }
    if (under != 0) ratios.push_back(100 * over / under);
  }
  std::sort(ratios.begin(), ratios.end());
  g.interval = {ratios[ratios.size() / 40], ratios[ratios.size() - 1 - ratios.size() / 40]};
  return g;
}

GapClosed gap_closed(const StudyData& d) {
  const auto acc = [&](const char* arm, const QuantCell& c) { return d.quantised("main", arm, c, "acc"); };
  return gap_closed(acc("relu", relu_at(8, "channel", 4)), acc("relu", relu_at(8, "channel", 4, kP9999)),
                    acc("relu6", relu6_at(8, "channel", 4)));
}

}  // namespace six::study
