#include "report_data.h"

#include <cmath>

#include "../../core/error.h"
#include "../../data/file.h"

namespace six::study {

std::string StudyData::dataset() const {
  require(!runs.empty(), runs.name(), ": there are no runs");
  const std::string& first = runs.text(0, "dataset");
  for (std::size_t i = 1; i < runs.size(); ++i)
    require(runs.text(i, "dataset") == first, runs.name(), ": line ", i + 2, " is of data ", printable(runs.text(i, "dataset")),
            ", line 2 of ", printable(first), "; a folder holds the runs of one");
  return first;
}

Table StudyData::runs_of(const std::string& part, const std::string& arm,
                         std::vector<std::pair<std::string, std::string>> more) const {
  if (!arm.empty()) more.emplace_back("arm", arm);
  const Table fitting = runs.where(more);
  Table t(fitting.columns(), fitting.name());
  for (std::size_t i = 0; i < fitting.size(); ++i)
    if (part_of(fitting.text(i, "run")) == part) t.add({fitting.row(i).begin(), fitting.row(i).end()});
  return t;
}

BySeed StudyData::accuracy(const Table& some_runs) const {
  BySeed acc;
  for (std::size_t i = 0; i < some_runs.size(); ++i) {
    const long seed = long(some_runs.number(i, "seed"));
    require(acc.emplace(seed, 100 * some_runs.number(i, "test_acc")).second, some_runs.name(), ": run ", some_runs.text(i, "run"),
            " repeats seed ", seed);
  }
  return acc;
}

BySeed StudyData::quantised(const std::string& part, const std::string& arm, const QuantCell& cell,
                            const std::string& column) const {
  const Table some = runs_of(part, arm);
  std::map<std::string, long> seed_of;
  for (std::size_t i = 0; i < some.size(); ++i) seed_of[some.text(i, "run")] = long(some.number(i, "seed"));
  const auto bits = [](int b) { return b ? std::to_string(b) : ""; };
  std::vector<std::pair<std::string, std::string>> equals;
  for (const auto& [name, word] : std::vector<std::pair<std::string, std::string>>{{"method", cell.method},
                                                                                   {"w_bits", bits(cell.w_bits)},
                                                                                   {"w_per", cell.w_per},
                                                                                   {"a_bits", bits(cell.a_bits)},
                                                                                   {"observer", cell.observer},
                                                                                   {"range_policy", cell.range_policy},
                                                                                   {"rounding", cell.rounding}})
    if (!word.empty()) equals.emplace_back(name, word);
  const Table rows = quant.where(equals);
  BySeed found;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto at = seed_of.find(rows.text(i, "run"));
    const bool edges = rows.text(i, "config").find("edges8") != std::string::npos;
    if (at == seed_of.end() || edges != cell.edges8) continue;
    require(found.emplace(at->second, rows.number(i, column)).second, rows.name(), ": run ", at->first, " has two rows that fit ",
            rows.text(i, "config"));
  }
  return found;
}

BySeed StudyData::scaled(const std::string& mode, const std::string& arm, bool bn, double k) const {
  std::map<std::string, long> seed_of;
  const Table some = runs.where({{"arm", arm}, {"bn", bn ? "1" : "0"}});
  for (std::size_t i = 0; i < some.size(); ++i) seed_of[some.text(i, "run")] = long(some.number(i, "seed"));
  BySeed found;
  for (std::size_t i = 0; i < scale.size(); ++i)
    if (const auto at = seed_of.find(scale.text(i, "run"));
        at != seed_of.end() && scale.text(i, "mode") == mode && scale.number(i, "k") == k)
      found[at->second] = 100 * scale.number(i, "acc");
  return found;
}

double StudyData::largest_stable_factor(const std::string& arm) const {
  const Table rows = lr.where({{"arm", arm}});
  std::map<double, std::vector<double>> by_factor;  // accuracies in pp; of one that is not finite NaN
  for (std::size_t i = 0; i < rows.size(); ++i)
    by_factor[rows.number(i, "factor")].push_back(rows.text(i, "finite") == "1" ? 100 * rows.number(i, "val_acc") : std::nan(""));
  double best = 0, largest = std::nan("");
  for (const auto& [factor, accuracies] : by_factor) best = std::fmax(best, mean(accuracies));
  for (const auto& [factor, accuracies] : by_factor)
    if (mean(accuracies) >= best - 1) largest = factor;
  return largest;
}

std::span<const std::uint8_t> StudyData::predictions(const std::string& run, const std::string& config) const {
  const Table row = preds.where({{"run", run}, {"config", config}});
  if (row.empty()) return {};
  const double offset = row.number(0, "offset"), images = row.number(0, "images");
  require(offset >= 0 && images >= 0 && offset + images <= double(classes.size()), row.name(), ": run ", run, " ends at byte ",
          offset + images, ", preds.bin has ", classes.size());
  return std::span(classes).subspan(std::size_t(offset), std::size_t(images));
}

StudyData StudyData::read(const std::string& directory) {
  StudyData d;
  const auto path = [&](const Table& t) { return directory + '/' + t.name(); };
  for (Table* t :
       {&d.runs, &d.quant, &d.omitted, &d.layers, &d.trace, &d.scale, &d.lr, &d.histograms, &d.ties, &d.timing, &d.preds})
    if (t == &d.runs || file_exists(path(*t))) *t = Table::read(path(*t), t->columns());
  if (file_exists(directory + "/preds.bin")) d.classes = read_file(directory + "/preds.bin");
  if (file_exists(directory + "/manifest.json")) d.manifest = read_text(directory + "/manifest.json");
  return d;
}

std::vector<double> values(const BySeed& a) {
  std::vector<double> v;
  for (const auto& [seed, value] : a) v.push_back(value);
  return v;
}

}  // namespace six::study
