#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "columns.h"
#include "stats.h"
#include "table.h"

namespace six::study {

using BySeed = std::map<long, double>;

// What identifies a row of quant.csv, besides its run. An empty word and 0 bits are any.
struct QuantCell {
  std::string method = "ptq";
  int w_bits = 8;
  std::string w_per = "channel";
  int a_bits = 8;
  std::string observer{}, range_policy{};
  bool edges8 = false;
  std::string rounding = "single";
};
inline const std::string kMinmax = "minmax", kP9999 = "p99.99";

// The tables of a study folder. A missing one is empty.
struct StudyData {
  Table runs{kRuns, "runs.csv"}, quant{kQuant, "quant.csv"}, omitted{kOmitted, "omitted.csv"}, layers{kLayers, "layers.csv"},
      trace{kTrace, "trace.csv"}, scale{kScale, "scale.csv"}, lr{kLr, "lr.csv"}, histograms{kHistograms, "histograms.csv"},
      ties{kTies, "ties.csv"}, timing{kTiming, "timing.csv"}, preds{kPreds, "preds.csv"};
  std::vector<std::uint8_t> classes;  // preds.bin
  std::string manifest;               // manifest.json as it stands

  std::string dataset() const;                                                  // throws unless all runs have the same
  double margin() const { return dataset() == "fashion-mnist" ? 0.30 : 0.10; }  // of equivalence, in pp
  // Rows of runs.csv of a part and an arm, and with further equal fields.
  Table runs_of(const std::string& part, const std::string& arm, std::vector<std::pair<std::string, std::string>> more = {}) const;
  // Test accuracy in percent, by seed.
  BySeed accuracy(const Table& some_runs) const;
  // A column of quant.csv by seed. Throws if two rows of a run fit.
  BySeed quantised(const std::string& part, const std::string& arm, const QuantCell& cell, const std::string& column) const;
  // Accuracy in percent at input scale k, by seed.
  BySeed scaled(const std::string& mode, const std::string& arm, bool bn, double k) const;
  // Of lr.csv, times the base rate: the largest at which every loss is finite and the mean accuracy within 1 pp of the arm's best;
  // NaN if there is none.
  double largest_stable_factor(const std::string& arm) const;
  // Predicted classes; empty if they were not kept.
  std::span<const std::uint8_t> predictions(const std::string& run, const std::string& config) const;

  static StudyData read(const std::string& directory);
};

// The values in the order of their seeds.
std::vector<double> values(const BySeed& a);

}  // namespace six::study
