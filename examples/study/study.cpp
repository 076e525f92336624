#include "study.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <future>
#include <nlohmann/json.hpp>
#include <numeric>

#include "../../core/error.h"
#include "../../core/parallel.h"
#include "../../data/file.h"
#include "../../data/json.h"
#include "../../train/environment.h"
#include "../../train/progress.h"
#include "activations.h"
#include "report.h"

namespace six::study {
namespace {

constexpr double kLimit = 3600;
constexpr long kTimedSteps = 50;

// Images per second of one thread while all are at work.
double measured_rate(const Setting& s, int threads) {
  Run run{.arm = "relu6", .images = std::min(kTimedSteps * s.batch, s.data.train.size())};
  Schooling how = schooling_of(s, run, s.lr);
  how.epochs = int((kTimedSteps * s.batch + run.images - 1) / run.images);
  const Bytes b = s.data.train.bytes(0, run.images);
  const Split split{s.data.train.image,
                    {b.data, b.data + b.shape.size()},
                    {s.data.train.labels.begin(), s.data.train.labels.begin() + run.images},
                    s.data.train.classes};
  const auto begin = std::chrono::steady_clock::now();
  const auto work = [&] {
    Model model = make_model(s, run);
    train(model, split, how);
  };
  std::vector<std::future<void>> crew;  // what they throw comes out of get
  crew.reserve(std::size_t(threads));
  for (int t = 0; t < threads; ++t) crew.push_back(std::async(std::launch::async, work));
  for (std::future<void>& f : crew) f.get();
  return double(run.images * how.epochs) / std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void check_time(const Setting& s, const std::vector<Run>& runs, const StudyOptions& o, int threads) {
  double cost = 0;
  for (const Run& r : runs)
    if (!file_exists(o.out + "/runs/" + r.file() + ".run")) cost += cost_of(s, r);
  if (cost == 0) return;
  const double rate = measured_rate(s, threads), seconds = cost / rate / threads;
  std::printf("%s images a second on each of %d threads; this takes about %s\n", grouped(std::lround(rate)).c_str(), threads,
              clock_text(seconds).c_str());
  std::fflush(stdout);
  require(o.no_limit || o.mode == Mode::quick || seconds <= kLimit, "a full study would take ", clock_text(seconds),
          " here, more than an hour; choose fewer with --arms or --seeds, or lift the limit with --no-limit");
}

// A member of the manifest. Throws if it is not there.
const Json& member(const Json& manifest, const char* key) {
  require(manifest.contains(key), "damaged: there is no \"", key, "\"");
  return manifest.at(key);
}

// A whole number of runs.csv. Throws unless it lies in [lo, hi].
long whole(const Table& t, std::size_t row, const char* column, long lo, long hi) {
  const double v = t.number(row, column);
  require(v >= double(lo) && v <= double(hi) && v == std::floor(v), t.name(), ": line ", row + 2, ", column ", column,
          ": must be a whole number from ", lo, " to ", hi, ", got ", v);
  return long(v);
}

}  // namespace

void run_study(const StudyOptions& o) {
  register_activations();
  design_hash();
  require(o.seeds >= 0, "--seeds ", o.seeds, ": at least one seed is needed");
  const Setting s = load_setting(o.data);
  const std::vector<Run> runs = plan({.mode = o.mode,
                                      .digits = s.dataset == "digits",
                                      .train_images = s.data.train.size(),
                                      .seeds = o.seeds,
                                      .arms = o.arms,
                                      .parts = o.parts});
  const int threads = o.threads ? o.threads : hardware_threads();
  std::printf("%s: %s, %zu runs of %s\n", o.out.c_str(), o.mode == Mode::quick ? "quick" : "full", runs.size(), s.dataset.c_str());
  check_time(s, runs, o, threads);
  make_folder(o.out + "/runs");
  std::vector<Run> rates, others;
  for (const Run& r : runs) (r.part == "lr" ? rates : others).push_back(r);
  std::vector<Record> records = carry_out(s, rates, s.lr, o.out, threads);
  const double lr = s.lr * primary_factor(records);
  for (Record& r : carry_out(s, others, lr, o.out, threads)) records.push_back(std::move(r));
  rates.insert(rates.end(), others.begin(), others.end());
  write_tables(s, {o.mode, lr, rates}, records, o.out);
  for (const Record& r : records)
    if (r.tables.contains("omitted")) {
      const Table t = Table::parse(r.tables.at("omitted"), r.run);
      for (std::size_t i = 0; i < t.size(); ++i)
        std::printf("%s, %s: no integers: %s\n", r.run.c_str(), t.text(i, "config").c_str(), t.text(i, "reason").c_str());
    }
  for (const std::string& verdict : write_report(o.out)) std::printf("%s\n", verdict.c_str());
  std::printf("%s: report.html, stats.csv, manifest.json and the tables they come from\n", o.out.c_str());
}

bool verify_study(const std::string& folder, const std::string& data) {
  register_activations();
  const std::string path = folder + "/manifest.json";
  const Json manifest = read_json(path);
  return in_context(path, [&] {
    require(manifest.is_object() && manifest.contains("format") && is_text(manifest.at("format"), "sixgrad-study"),
            "no manifest of a study");
    require(is_text(member(manifest, "design_sha256"), design_hash()),
            "the study was made under another design, docs/STUDY_DESIGN.md has changed since");
    const Setting s = load_setting(data, data.empty() && is_text(member(manifest, "dataset"), "digits"));
    require(member(manifest, "data_sha256") == Json(s.file_hashes), "the study is of other images (", manifest.at("dataset").dump(),
            "), name their folder with --data");
    const Table t = Table::read(folder + "/runs.csv", {"run", "final_hash"});
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < t.size(); ++i)
      if (t.text(i, "run").starts_with("main/")) rows.push_back(i);
    require(!rows.empty(), "runs.csv holds no run of the pair");
    const auto seed = [&](std::size_t i) { return int(whole(t, i, "seed", 0, 1000000)); };
    const auto [least, most] = std::minmax_element(rows.begin(), rows.end(), [&](auto a, auto b) { return seed(a) < seed(b); });
    const int first = seed(*least), last = seed(*most);
    std::erase_if(rows, [&](std::size_t i) { return seed(i) != first && seed(i) != last; });
    bool same = true;
    for (std::size_t i : rows) {
      Run run{.arm = t.text(i, "arm"),
              .seed = seed(i),
              .epochs = int(whole(t, i, "epochs", 1, 10000)),
              .images = whole(t, i, "train_images", 1, s.data.train.size())};
      const double lr = t.number(i, "lr");
      require(lr > 0 && std::isfinite(lr), t.name(), ": line ", i + 2, ", column lr: must be above 0 and finite, got ", lr);
      const Bytes b = s.data.train.bytes(0, run.images);
      const Split split{s.data.train.image,
                        {b.data, b.data + b.shape.size()},
                        {s.data.train.labels.begin(), s.data.train.labels.begin() + run.images},
                        s.data.train.classes};
      Model model = make_model(s, run);
      const std::string hash = hex(train(model, split, schooling_of(s, run, lr)).hashes.back());
      const bool equal = hash == t.text(i, "final_hash");
      std::printf("%s: %s, %s\n", run.name().c_str(), hash.c_str(),
                  equal ? "the same" : ("was " + t.text(i, "final_hash")).c_str());
      std::fflush(stdout);
      same &= equal;
    }
    return same;
  });
}

}  // namespace six::study
