#include <algorithm>
#include <atomic>
#include <exception>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <thread>

#include "../../core/error.h"
#include "../../data/file.h"
#include "../../data/json.h"
#include "progress.h"
#include "study.h"

namespace six::study {
namespace {

// The first images of the training set, by their number; one copy of each.
class Splits {
 public:
  Splits(const Split& train, const std::vector<Run>& runs) {
    for (const Run& r : runs) {
      if (parts_.contains(r.images)) continue;
      const Bytes b = train.bytes(0, r.images);
      parts_[r.images] = {
          train.image, {b.data, b.data + b.shape.size()}, {train.labels.begin(), train.labels.begin() + r.images}, train.classes};
    }
  }
  const Split& operator[](long images) const { return parts_.at(images); }

 private:
  std::map<long, Split> parts_;
};

// What records of older versions do not say.
bool optional_in_records(const std::string& key) { return key == "instruction_set" || key == "precision" || key == "compiler"; }

// Why a record is none of this study: the first setting that differs. Empty if it is one.
std::string difference(const std::string& was, const std::string& is) {
  const Json a = parse_json(was, "record"), b = parse_json(is, "record");
  if (a.at("design") != b.at("design")) return "was made under another design, docs/STUDY_DESIGN.md has changed since";
  for (const auto& [key, value] : b.items())
    if (a.contains(key) ? a.at(key) != value : !optional_in_records(key))
      return "is of another study (" + key + ' ' + (a.contains(key) ? a.at(key).dump() : "unknown") + ", now " + value.dump() + ")";
  for (const auto& [key, value] : a.items())
    if (!b.contains(key)) return "is of another study (" + key + ' ' + value.dump() + ", now unknown)";
  return "";
}

// The run's record if the folder has it; nothing if it is missing or damaged.
std::optional<Record> finished(const std::string& path, const std::string& expected) {
  if (!file_exists(path)) return std::nullopt;
  std::optional<Record> record;
  try {
    record = parse_record(as_text(read_file(path)), path);
  } catch (const std::exception& e) {
    std::printf("%s; it is run again\n", e.what()), std::fflush(stdout);
    return std::nullopt;
  }
  const std::string other = difference(record->about, expected);
  require(other.empty(), path, ": ", other, "; choose another folder with --out");
  return record;
}

}  // namespace

std::vector<Record> carry_out(const Setting& s, const std::vector<Run>& runs, double lr, const std::string& folder, int threads) {
  std::vector<Record> records(runs.size());
  std::vector<std::size_t> open;
  const auto path = [&](const Run& r) { return folder + "/runs/" + r.file() + ".run"; };
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto record = finished(path(runs[i]), about(s, runs[i], lr));
    record ? void(records[i] = std::move(*record)) : open.push_back(i);
  }
  const auto cost = [&](std::size_t i) { return cost_of(s, runs[i]); };
  std::stable_sort(open.begin(), open.end(), [&](std::size_t a, std::size_t b) { return cost(a) > cost(b); });
  const double all = std::accumulate(open.begin(), open.end(), 0., [&](double sum, std::size_t i) { return sum + cost(i); });
  const int workers = int(std::clamp<std::size_t>(open.size(), 1, std::size_t(threads)));
  const Splits splits(s.data.train, runs);
  Progress progress(stdout, long(open.size()), all, workers);
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failed;
  std::mutex failing;
  const auto work = [&](int worker) {
    try {
      for (std::size_t n; (n = next++) < open.size();) {
        const Run& run = runs[open[n]];
        const auto tell = [&](double share) { progress.at(worker, run.name(), cost(open[n]), share); };
        Record r = in_context(run.name(), [&] { return perform(s, run, lr, splits[run.images], tell); });
        write_file_atomic(path(run), record_bytes(r));
        records[open[n]] = std::move(r);
        tell(1);
      }
    } catch (...) {
      const std::lock_guard lock(failing);
      if (!failed) failed = std::current_exception();
      next = open.size();  // the others finish the run they are at
    }
  };
  std::vector<std::thread> crew;
  for (int w = 1; w < workers; ++w) crew.emplace_back(work, w);
  work(0);
  for (std::thread& t : crew) t.join();
  if (failed) std::rethrow_exception(failed);
  return records;
}

double primary_factor(const std::vector<Record>& records) {
  std::map<double, std::pair<double, int>> by_factor;  // sum and number of accuracies
  for (const Record& r : records) {
    if (!r.tables.contains("lr")) continue;
    const Table t = Table::parse(r.tables.at("lr"), r.run);
    auto& [sum, n] = by_factor[t.number(0, "factor")];
    sum += t.number(0, "val_acc"), ++n;
  }
  double best = 1, most = -1;
  for (const auto& [factor, mean] : by_factor)
    if (mean.first / mean.second > most) most = mean.first / mean.second, best = factor;
  return best;
}

}  // namespace six::study
