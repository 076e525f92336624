#include "../../examples/study/verdict.h"

#include <doctest/doctest.h>

#include <cmath>

#include "../data/support.h"
#include "synthetic.h"

namespace six::study {
namespace {

std::string word(const Planted& planted, int claim) {
  const Findings f = find(synthetic(planted));
  REQUIRE(f.claims.size() == 7);
  return f.claims[std::size_t(claim - 1)].word;
}
std::string line(const Planted& planted, int claim) { return find(synthetic(planted)).claims[std::size_t(claim - 1)].line(); }

TEST_CASE("nothing planted: nothing supported") {
  const Findings f = find(synthetic({}));
  for (const Claim& c : f.claims) {
    INFO(c.line());
    CHECK((c.word == "EQUIVALENT" || c.word == "UNDECIDED" || c.word == "VOID" || c.word == "REFUTED" || c.id == "C3"));
  }
  CHECK_FALSE(f.gap.defined);
}

TEST_CASE("C1: low precision") {
  CHECK(word({.d4 = 1, .d4_calibrated = 1}, 1) == "SUPPORTED");
  CHECK(test::contains(line({.d4 = 1, .d4_calibrated = 0}, 1), {"C1 SUPPORTED but explained by calibration: D(A4) = +", "closes"}));
  CHECK_FALSE(test::contains(line({.d4 = 1, .d4_calibrated = 1}, 1), {"explained"}));
  CHECK(test::contains(line({.qat = 1}, 1), {"C1 SUPPORTED: "}));
  CHECK(word({.d4 = -1, .d4_calibrated = -1, .qat = -1}, 1) == "REFUTED");
  CHECK(word({.noise = 0.01}, 1) == "EQUIVALENT");
  CHECK(word({.noise = 1}, 1) == "UNDECIDED");
  CHECK(word({.seeds = 6, .d4 = 1}, 1) == "NOT TESTED");
}

TEST_CASE("C2: eight bits") {
  CHECK(word({.d8_tensor = 0.4}, 2) == "SUPPORTED");
  CHECK(word({.d8_tensor = -0.4, .d8_channel = -0.4}, 2) == "REFUTED");
  CHECK(test::contains(line({.noise = 0.01}, 2), {"C2 EQUIVALENT (convention, not need): "}));
  CHECK(word({.noise = 1}, 2) == "UNDECIDED");
  CHECK(word({.seeds = 7}, 2) == "NOT TESTED");
}

TEST_CASE("C3: sparsity and cost") {
  CHECK(word({}, 3) == "SUPPORTED");
  CHECK(word({.zeros = 0.03}, 3) == "REFUTED");
  CHECK(word({.cost = 1.06}, 3) == "REFUTED");
  StudyData d = synthetic({});
  d.timing = Table(kTiming, "timing.csv");
  CHECK(find(d).claims[2].word == "NOT TESTED");
}

TEST_CASE("C4: saturation") {
  CHECK(word({.cut = 0.005, .cut_no_bn = 0.005}, 4) == "VOID");
  CHECK(word({.delta = -0.3, .cut = 0.02}, 4) == "SUPPORTED");
  CHECK(word({.delta = 0.3, .cut = 0.02}, 4) == "REFUTED");
  CHECK(word({.noise = 0.01, .cut = 0.02}, 4) == "EQUIVALENT");
  CHECK(word({.noise = 1, .cut = 0.02}, 4) == "UNDECIDED");
  CHECK(test::contains(line({.delta_no_bn = -0.5, .cut_no_bn = 0.05}, 4), {"C4 SUPPORTED without BN: "}));
}

TEST_CASE("C5: accuracy in float") {
  CHECK(word({.delta = -0.3}, 5) == "SUPPORTED");
  CHECK(word({.delta = 0.3}, 5) == "REFUTED");
  CHECK(word({.noise = 0.01}, 5) == "EQUIVALENT");
  CHECK(word({.noise = 0.4}, 5) == "UNDECIDED");
  CHECK(test::contains(line({.noise = 0}, 5), {"EQUIVALENT (identical runs): delta(fp32) = +0.00 pp [+0.00, +0.00], n = 12"}));
}

TEST_CASE("the margin of equivalence: 0.30 pp for Fashion-MNIST alone") {
  StudyData d = synthetic({.seeds = 1, .sub_studies = false});
  for (const auto& [dataset, margin] : {std::pair("mnist", 0.10), {"digits", 0.10}, {"fashion-mnist", 0.30}}) {
    Table runs(kRuns, "runs.csv");
    for (std::size_t i = 0; i < d.runs.size(); ++i) {
      std::vector<std::string> row = d.runs.row(i);
      row[d.runs.column("dataset")] = dataset;
      runs.add({row.begin(), row.end()});
    }
    d.runs = runs;
    CHECK(d.margin() == margin);
  }
}

TEST_CASE("the largest stable rate: all losses finite, within 1 pp of the best mean") {
  StudyData d;
  CHECK(std::isnan(d.largest_stable_factor("relu")));
  const auto add = [&](const char* arm, double factor, double a, double b, bool finite = true) {
    d.lr.add({"lr/1", arm, factor, 1, a, 0.1, true}), d.lr.add({"lr/2", arm, factor, 2, b, 0.1, finite});
  };
  add("relu", 0.5, 0.90, 0.92), add("relu", 1, 0.95, 0.97), add("relu", 2, 0.94, 0.965), add("relu", 4, 0.96, 0.93);
  add("relu6", 0.5, 0.90, 0.92), add("relu6", 1, 0.908, 0.90), add("relu6", 2, 0.99, 0.99, false);
  CHECK(d.largest_stable_factor("relu") == 2);
  CHECK(d.largest_stable_factor("relu6") == 1);
}

TEST_CASE("C6: input scale") {
  CHECK(test::contains(line({.scale_no_bn = 3}, 6), {"C6 SUPPORTED: change of delta, shift no BN k=16 = -"}));
  CHECK(test::contains(line({.scale_no_bn = 3, .scale_bn = 3}, 6), {"C6 UNDECIDED and with BN too: "}));
  CHECK(word({.scale_no_bn = 0.2}, 6) == "REFUTED");
  CHECK(word({.sub_studies = false}, 6) == "NOT TESTED");
}

TEST_CASE("C7: the derivative at the kinks") {
  CHECK(word({.kinks_matter = true}, 7) == "SUPPORTED");
  CHECK(word({.ties = false}, 7) == "VOID");
  CHECK(word({}, 7) == "REFUTED");
  CHECK(word({.sub_studies = false}, 7) == "NOT TESTED");
}

TEST_CASE("the primary family: Holm over five, H1 by its test of equivalence") {
  const Findings f = find(synthetic({.d4 = 1, .d4_calibrated = 0.2, .noise = 0.02}));
  CHECK(f.test("H3").p_flip == 2.0 / 4096);
  CHECK(f.test("H3").p_holm >= 4 * f.test("H3").p_flip);
  CHECK(f.test("H3").wins == 12);
  CHECK(f.test("H1").p_holm >= f.test("H1").p_tost);
  CHECK(f.test("H1").verdict == "equivalent");
  CHECK(f.gap.defined);
  CHECK(f.gap.percent == doctest::Approx(80).epsilon(0.05));
  CHECK(f.gap.interval.lo < f.gap.percent);
  CHECK(f.gap.interval.hi > f.gap.percent);
  const Table stats = stats_table(f, "mnist");
  CHECK(stats.where({{"test", "H3"}}).text(0, "verdict") == "difference");
  CHECK(stats.where({{"test", "H4"}}).number(0, "mean") == f.gap.percent);
  CHECK(std::isnan(stats.where({{"test", "D A4 p99.99"}}).number(0, "p_holm")));
  CHECK(stats.columns() == kStats);
}

TEST_CASE("exchanged labels flip every sign") {
  StudyData d = synthetic({.delta = 0.2, .qat = 0.5});
  d.quant = d.quant.where({{"method", "qat"}});  // the arms differ in their range policies elsewhere
  StudyData other = d;
  Table swapped(kRuns, "runs.csv");
  for (std::size_t i = 0; i < d.runs.size(); ++i) {
    std::vector<std::string> row = d.runs.row(i);
    std::string& arm = row[d.runs.column("arm")];
    arm = arm == "relu" ? "relu6" : arm == "relu6" ? "relu" : arm;
    swapped.add({row.begin(), row.end()});
  }
  other.runs = swapped;
  const Findings a = find(d), b = find(other);
  CHECK(b.test("H1").mean == -a.test("H1").mean);
  CHECK(b.test("H5").mean == -a.test("H5").mean);
  CHECK(b.test("H1").t95.lo == -a.test("H1").t95.hi);
  CHECK(b.test("H1").wins == a.test("H1").losses);
}

TEST_CASE("tables that contradict themselves are one line") {
  StudyData d = synthetic({.seeds = 2});
  d.runs.append(d.runs.where({{"run", "main/relu/1"}}));
  CHECK(test::message_of([&] { find(d); }) == "runs.csv: run main/relu/1 repeats seed 1");
  d = synthetic({.seeds = 2});
  d.quant.append(d.quant.where({{"run", "main/relu6/2"}, {"method", "qat"}}));
  CHECK(test::contains(test::message_of([&] { find(d); }), {"quant.csv: run main/relu6/2 has two rows that fit qat/W4A4"}));
  d = synthetic({.seeds = 1});
  d.classes.resize(10);
  CHECK(test::contains(test::message_of([&] { d.predictions("main/relu/1", "fp32"); }), {"preds.bin has 10"}));
}

}  // namespace
}  // namespace six::study
