// The side of sixgrad in a comparison with other frameworks; bench/peers has the other sides.
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>

#include "../core/error.h"
#include "../core/kernels/dispatch.h"
#include "bench.h"
#include "workload.h"

namespace bench {
namespace {

constexpr int kStepsBeforeExport = 20, kLosses = 3, kImagesChecked = 4;

#ifdef __clang__
constexpr const char* kCompiler = __VERSION__;  // "Debian Clang 14.0.6"
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

void write(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  six::require(bool(file.flush()), path, ": cannot be written");
}

six::Model started(const WorkerOptions& o) {
  six::Model model = model_of(o.net);
  if (!o.folder.empty()) model.load_weights(o.folder + "/model.safetensors");
  return model;
}

// The run over and over, and the values by which it can be compared.
struct Task {
  std::function<void()> once;
  std::function<std::vector<double>()> check;
};

Task task_of(const WorkerOptions& o) {
  if (o.task == "probe") return {[] {}, [] { return std::vector<double>(); }};
  if (o.task == "step") {
    const auto training = std::make_shared<Training>(started(o), o.batch, o.threads, true);
    return {[training] { training->step(); },
            [training] {
              std::vector<double> losses(kLosses);
              for (double& loss : losses) loss = training->step();
              return losses;
            }};
  }
  const auto inference = [&]<class I>(std::shared_ptr<I> inferring) -> Task {
    return {[inferring] { inferring->call(); },
            [inferring, checked = std::min(o.batch, kImagesChecked)] {
              inferring->call();
              const auto logits = inferring->logits();
              return std::vector<double>(logits.begin(), logits.begin() + checked * inferring->inference().classes());
            }};
  };
  if (o.task == "int8") return inference(std::make_shared<IntInferring>(started(o), o.batch, o.threads));
  return inference(std::make_shared<Inferring>(started(o), o.batch, o.threads));
}

Json run(const Task& task, int warmup, int count) {
  time(0, warmup, task.once);
  Times t = Times::of(count);
  const long before = minor_faults();
  t.add(count, task.once);
  const long after = minor_faults();
  return {{"seconds", t.seconds}, {"minor_faults", after - before}, {"peak_rss_mb", peak_rss_mb()}};
}

Json answer(const std::string& line, const Task& task, int threads) {
  std::istringstream words(line);
  std::string request;
  int warmup = 0, count = 0;
  words >> request;
  if (request == "check") return {{"values", task.check()}};
  if (request == "probe") return probe(threads);
  six::require(request == "run" && words >> warmup >> count && warmup >= 0 && count > 0, "worker: cannot read the request ", line);
  return run(task, warmup, count);
}

}  // namespace

void export_start(const std::string& net, int batch, const std::string& folder) {
  Training training(model_of(net), batch, six::hardware_threads(), true);
  for (int i = 0; i < kStepsBeforeExport; ++i) training.step();
  training.model().save(folder + "/model.safetensors");
  write(folder + "/images.u8", training.data().pixels);
  write(folder + "/labels.u8", {training.data().labels.begin(), training.data().labels.end()});
}

void worker(const WorkerOptions& o) {
  const Task task = task_of(o);
  std::cout << Json{{"name", "sixgrad"}, {"version", SIX_VERSION}, {"compiler", kCompiler}, {"cpu_features", six::cpu_features()}}
            << std::endl;
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(line, task, o.threads) << std::endl;
}

}  // namespace bench
