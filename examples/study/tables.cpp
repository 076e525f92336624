#include <algorithm>
#include <nlohmann/json.hpp>

#include "../../core/error.h"
#include "../../core/kernels/dispatch.h"
#include "../../data/file.h"
#include "../../data/sha256.h"
#include "../../train/environment.h"
#include "columns.h"
#include "study.h"

namespace six::study {
namespace {

using Divergences = std::map<std::string, long>;

Divergences divergences(const std::vector<Run>& runs, const std::vector<Record>& records) {
  std::map<std::string, const Record*> by_name;
  for (const Record& r : records) by_name[r.run] = &r;
  Divergences all;
  for (const Run& run : runs) {
    const auto other = by_name.find(reference_of(run));
    all[run.name()] = other == by_name.end() ? -1 : first_divergence(by_name.at(run.name())->hashes, other->second->hashes);
  }
  return all;
}

// runs.csv with the step of divergence, which two runs make together; trace.csv with its steps alone.
Table completed(const Table& t, const Divergences& divergence) {
  Table out(t.columns(), t.name());
  const bool trace = t.columns() == kTrace;
  const std::size_t at = trace ? 0 : t.column("first_divergence_step");
  for (std::size_t i = 0; i < t.size(); ++i) {
    const long step = divergence.at(t.text(i, "run"));
    std::vector<Cell> row(t.row(i).begin(), t.row(i).end());
    if (!trace)
      row[at] = step;
    else if (const long here = long(t.number(i, "step")); !is_marked(here) && here != step)
      continue;
    out.add(row);
  }
  return out;
}

void write_predictions(const Setting& s, const std::vector<Record>& records, const std::string& folder) {
  Table index(kPreds);
  std::string bytes;
  const auto add = [&](const std::string& run, const std::string& config, std::string_view classes) {
    index.add({run, config, bytes.size(), classes.size()});
    bytes += classes;
  };
  const std::vector<std::uint8_t> labels(s.data.test.labels.begin(), s.data.test.labels.end());
  add("labels", "-", as_text(labels));
  std::vector<const Record*> sorted;
  sorted.reserve(records.size());
  for (const Record& r : records) sorted.push_back(&r);
  std::sort(sorted.begin(), sorted.end(), [](const Record* a, const Record* b) { return a->run < b->run; });
  for (const Record* r : sorted)
    for (const auto& [config, classes] : r->predictions) add(r->run, config, as_text(classes));
  write_file_atomic(folder + "/preds.bin", bytes);
  index.write(folder + "/preds.csv");
}

void write_manifest(const Setting& s, const Manifest& m, const std::vector<std::string>& files, const std::string& folder) {
  OrderedJson outputs = OrderedJson::object();
  for (const std::string& f : files) outputs[f] = sha256(read_file(folder + '/' + f));
  std::vector<int> seeds;
  for (const Run& r : m.runs) seeds.push_back(r.seed);
  std::sort(seeds.begin(), seeds.end());
  seeds.erase(std::unique(seeds.begin(), seeds.end()), seeds.end());
  const OrderedJson json = {{"format", "sixgrad-study"},
                            {"version", 1},
                            {"library", library_version()},
                            {"compiler", compiler()},
                            {"flags", SIX_STUDY_FLAGS},
                            {"instruction_set", instruction_set()},
                            {"precision", precision()},
                            {"mode", m.mode == Mode::quick ? "quick" : "full"},
                            {"design_sha256", design_hash()},
                            {"dataset", s.dataset},
                            {"data_sha256", s.file_hashes},
                            {"net", s.net},
                            {"net_sha256", sha256(as_bytes(std::string_view(s.net_text)))},
                            {"batch", s.batch},
                            {"lr", m.lr},
                            {"seeds", seeds},
                            {"runs", m.runs.size()},
                            {"outputs", outputs}};
  write_file_atomic(folder + "/manifest.json", json.dump(2) + '\n');
}

}  // namespace

void write_tables(const Setting& s, const Manifest& m, const std::vector<Record>& records, const std::string& folder) {
  const Divergences divergence = divergences(m.runs, records);
  const std::pair<const char*, const Columns&> kinds[] = {{"runs", kRuns},   {"quant", kQuant},           {"layers", kLayers},
                                                          {"trace", kTrace}, {"scale", kScale},           {"lr", kLr},
                                                          {"ties", kTies},   {"histograms", kHistograms}, {"omitted", kOmitted}};
  std::vector<std::string> files;
  for (const auto& [name, columns] : kinds) {
    Table all(columns, name);
    for (const Record& r : records)
      if (r.tables.contains(name)) all.append(Table::parse(r.tables.at(name), r.run));
    if (&columns == &kRuns || &columns == &kTrace) all = completed(all, divergence);
    files.push_back(std::string(name) + ".csv");
    all.write(folder + '/' + files.back());
  }
  write_predictions(s, records, folder);
  files.insert(files.end(), {"preds.csv", "preds.bin"});
  write_manifest(s, m, files, folder);
  Table timing(kTiming);
  for (const Record& r : records) timing.add({"run", r.run, "-", r.seconds, "s"});
  measure_costs(timing);
  timing.write(folder + "/timing.csv");
}

}  // namespace six::study
