#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "../../data/safetensors.h"
#include "grid.h"
#include "net.h"
#include "table.h"

namespace six::study {

// What a finished run leaves, one file in the folder `runs` of a study.
struct Record {
  std::string run;                                 // its name
  std::string about;                               // all that the result depends on, as JSON
  std::map<std::string, std::string> tables = {};  // "quant" and so on: rows as CSV
  std::vector<std::uint64_t> hashes = {};          // of the parameters, see Course
  Predictions predictions = {};
  std::vector<SavedTensor> weights = {};
  double seconds = 0;
};

std::string record_bytes(const Record& record);
// Throws Error naming `where` if the bytes are damaged.
Record parse_record(std::string_view bytes, const std::string& where);

// Everything that decides the result of a run, as JSON: the design's hash, the data's, the network's, the run's own settings, what
// is measured, and what it is computed with.
std::string about(const Setting& s, const Run& run, double lr);
std::string compiler();  // "g++ 12.2.0"

// Trains one net as the run says and measures what its part asks for.
Record perform(const Setting& s, const Run& run, double lr, const Split& split, const std::function<void(double share)>& progress);
// How the run is trained.
Schooling schooling_of(const Setting& s, const Run& run, double lr);
// What a run costs, in images trained on.
double cost_of(const Setting& s, const Run& run);

// SHA-256 of the registered design. Throws if `text`, what the program holds of docs/STUDY_DESIGN.md, is another.
std::string design_hash(std::string_view text);
std::string design_hash();

std::string hex(std::uint64_t number);

}  // namespace six::study
