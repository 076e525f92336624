#pragma once
// From the tables of a study to the words of its verdicts. Pure functions; the rules are sections 1 and 5 of docs/STUDY_DESIGN.md.
#include <string>
#include <vector>

#include "report_data.h"

namespace six::study {

enum class Family { primary, secondary, exploratory };

// One test on paired differences in pp.
struct Test {
  std::string name, what;  // "H3", "D of A4, W8 per channel, PTQ"
  Family family = Family::exploratory;
  std::vector<long> seeds{};
  std::vector<double> d{};
  double margin = 0.1;
  // Filled by `evaluate`; NaN where n < 2.
  double mean = 0, sd = 0, p_flip = 1, p_holm = 1, p_tost = 1;
  Interval t95{}, t90{}, bca{};
  int wins = 0, ties = 0, losses = 0;
  std::string verdict{};  // "difference", "equivalent", "undecided", "identical runs", "not tested"

  bool differs() const { return verdict == "difference"; }
  bool same() const { return verdict == "equivalent" || verdict == "identical runs"; }
  bool tested() const { return verdict != "not tested"; }
};

// The share of the accuracy lost at 4 bits that calibration gives back (H4), in percent, with a bootstrap interval over seeds.
struct GapClosed {
  bool defined = false;  // the gap's own interval excludes 0
  double percent = 0;
  Interval interval{};
  int n = 0;
};

struct Claim {
  std::string id, claim;   // "C1", "the bounded range is robust in low precision"
  std::string word{};      // SUPPORTED, REFUTED, EQUIVALENT, UNDECIDED, VOID, NOT TESTED
  std::string but{};       // a qualification, may be empty
  std::string effect{};    // "D(A4) = +0.12 pp [0.05, 0.19]"
  std::string evidence{};  // the rest: n, p, what else was seen
  std::string times{};     // what differs from run to run: for the line alone
  std::string line() const {
    return id + ' ' + word + (but.empty() ? "" : ' ' + but) + ": " + effect + (evidence.empty() ? "" : "; " + evidence) +
           (times.empty() ? "" : ": " + times);
  }
};

struct Findings {
  std::vector<Test> tests;  // the primary ones first: H1, H2a, H2b, H3, H5
  GapClosed gap;
  std::vector<Claim> claims{};  // C1 to C7
  const Test& test(const std::string& name) const;
};

// Fills in the numbers of the tests, Holm over the primary family, and their verdicts. A primary test that no outcome could decide
// (5 * 2^(1 - n) >= 0.05) is "not tested", and so is any with n < 2.
void evaluate(std::vector<Test>& tests);
// Differences of the study: the primary family first, then the exploratory ones of which there are data.
std::vector<Test> tests_of(const StudyData& data);
// The name of the test of ReLU6 at an input scale: "scale shift no BN k=4".
std::string scale_test(const std::string& mode, bool bn, double k);
// H4 from accuracies at 4 bits by seed, in pp or as fractions; over the seeds that all three have.
GapClosed gap_closed(const BySeed& relu_minmax, const BySeed& relu_percentile, const BySeed& relu6_fixed);
GapClosed gap_closed(const StudyData& data);
// All tests, the gap and the words of the seven claims. Throws if the tables contradict themselves.
Findings find(const StudyData& data);
// stats.csv: a row per test, and H4.
Table stats_table(const Findings& findings, const std::string& dataset);

std::string signed_pp(double value);           // "+0.12"
std::string interval_text(const Interval& i);  // "[-0.02, +0.10]"

}  // namespace six::study
