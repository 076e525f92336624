#pragma once
#include <string>
#include <vector>

#include "plan.h"
#include "record.h"

namespace six::study {

struct StudyOptions {
  Mode mode = Mode::quick;
  std::string data, out;
  int seeds = 0;
  std::vector<std::string> arms = {}, parts = {};
  int threads = 0;        // runs at a time, each on one thread; 0: all processors
  bool no_limit = false;  // a full study may take more than an hour
};

// Runs what the folder does not hold yet, writes its tables, manifest.json and the report, and prints the verdicts. A run that was
// damaged is named and done again. Throws Error if the folder holds runs made otherwise.
void run_study(const StudyOptions& options);

// Trains the pair of the first and of the last seed again and compares the hashes of their parameters. False if one differs.
bool verify_study(const std::string& folder, const std::string& data);

// The records of these runs: read from `folder`/runs, or performed and written there, `threads` at a time.
std::vector<Record> carry_out(const Setting& s, const std::vector<Run>& runs, double lr, const std::string& folder, int threads);

// The factor of the base rate with the best mean validation accuracy over both arms and all seeds, the smallest of equal ones; 1
// without records of the part lr.
double primary_factor(const std::vector<Record>& records);

// What manifest.json says besides the hashes of the files.
struct Manifest {
  Mode mode;
  double lr;  // the primary rate
  std::vector<Run> runs;
};
// runs.csv and its companions, preds.bin, preds.csv, timing.csv and manifest.json.
void write_tables(const Setting& s, const Manifest& m, const std::vector<Record>& records, const std::string& folder);

// Rows of timing.csv: what a small chain with each activation of the pair costs, in ns per element of it.
void measure_costs(Table& timing);

}  // namespace six::study
