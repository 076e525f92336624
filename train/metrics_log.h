#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "../data/file.h"
#include "../layers/config.h"
#include "report.h"

namespace six {

// The log of a training, one JSON object a line. First a header (config hash, seed, threads, precision, instruction set, library);
// then for each epoch a line of split "train" and, if it was evaluated, one of split "validation" or "test". Numbers have the
// digits that read back the same; NaN and infinities, which JSON lacks, are the strings "nan", "inf", "-inf". Each line is written
// whole.
class MetricsLog {
 public:
  struct Header {
    std::string config_hash;
    std::uint64_t seed = 0;
    int threads = 0;
  };
  // A new log, in place of whatever the file holds; or, with the offset where a checkpoint was made, its continuation.
  // Throws Error if that part of the file is not there, or is not the header and whole lines.
  MetricsLog(const std::string& path, const Header& header, std::optional<std::int64_t> offset = std::nullopt);

  void epoch(const EpochReport& report);
  void evaluation(const EpochReport& after, const std::string& split, const Evaluation& evaluation, double seconds);
  void sync() { file_.sync(); }  // before a checkpoint that refers to the offset
  std::int64_t offset() const { return file_.offset(); }

 private:
  AppendFile file_;
};

// A number as JSON, or the string "nan", "inf" or "-inf".
OrderedJson json_number(double value);

}  // namespace six
