// Benchmarks: what a training step, inference and each kernel cost on this machine.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "../core/error.h"
#include "../core/kernels/dispatch.h"
#include "../examples/command_line.h"
#include "bench.h"

namespace {

// Objects as lines `key  value`, arrays of objects as tables.
void print(const bench::Json& j) {
  for (const auto& [key, value] : j.items()) {
    if (value.is_array() && !value.empty()) {
      std::printf("%s\n", key.c_str());
      for (const auto& [column, unused] : value[0].items()) std::printf("%*s", column == "kernel" ? 28 : 22, column.c_str());
      std::printf("\n");
      for (const bench::Json& row : value) {
        for (const auto& [column, cell] : row.items())
          cell.is_string() ? std::printf("%28s", cell.get<std::string>().c_str()) : std::printf("%22.3f", cell.get<double>());
        std::printf("\n");
      }
    } else {
      std::printf("%-24s %s\n", key.c_str(), value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
    }
  }
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Benchmarks of sixgrad"};
  app.require_subcommand(1);
  bool json = false;
  bench::StepOptions step;
  bench::InferOptions infer;
  bench::WorkerOptions worker;
  int rounds = 40;
  std::string net = "m28";
  auto* s = app.add_subcommand("step", "one training step: forward, loss, backward, AdamW");
  auto* a = app.add_subcommand("augment", "shift, rotation and scale of a batch, as a share of a training step");
  for (CLI::App* sub : {s, a}) {
    sub->add_option("--net", step.net, "m28, m14 or a model file")->capture_default_str();
    sub->add_option("--batch", step.batch, "images a step")->check(CLI::Range(1, 65536))->capture_default_str();
    sub->add_option("--threads", step.threads, "threads")->check(CLI::Range(1, 1024))->capture_default_str();
    sub->add_option("--steps", step.steps, "timed steps")->check(CLI::Range(1, 1000000))->capture_default_str();
  }
  s->add_flag("!--no-defer", step.defer, "write every value out: what deferred epilogues save");
  auto* i = app.add_subcommand("infer", "latency of the compiled inference plan");
  i->add_option("--net", infer.net, "m28, m14 or a model file")->capture_default_str();
  i->add_option("--batch", infer.batch, "images a call")->check(CLI::Range(1, 65536))->capture_default_str();
  i->add_option("--threads", infer.threads, "threads; one image always runs on one")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  i->add_option("--runs", infer.runs, "timed calls")->check(CLI::Range(1, 10000000))->capture_default_str();
  i->add_flag("--int8", infer.int8, "quantised to 8-bit integers, as `deploy` does");
  auto* k = app.add_subcommand("kernels", "GFLOP/s of each kernel and its share of the FMA peak");
  k->add_option("--rounds", rounds, "timed calls of each")->check(CLI::Range(1, 100000))->capture_default_str();
  auto* c = app.add_subcommand("scaling", "threads 1..4, batches 1..512, channels 8..256");
  c->add_option("--net", net, "m28, m14 or a model file")->capture_default_str();
  auto* e = app.add_subcommand("export", "the weights and images that a comparison starts from, see bench/peers");
  e->add_option("--net", worker.net, "m28, m14 or a model file")->capture_default_str();
  e->add_option("--batch", worker.batch, "images a step")->check(CLI::Range(1, 65536))->capture_default_str();
  e->add_option("--folder", worker.folder, "where to, a folder that exists")->required();
  auto* w = app.add_subcommand("worker", "answers requests on stdin, see bench/bench.h");
  w->add_option("--net", worker.net, "m28, m14 or a model file")->capture_default_str();
  w->add_option("--task", worker.task, "step, infer, int8 (inference in integers), or probe: nothing but to answer that")
      ->check(CLI::IsMember({"step", "infer", "int8", "probe"}))
      ->capture_default_str();
  w->add_option("--folder", worker.folder, "of `export`: start from its weights");
  w->add_option("--batch", worker.batch, "images a step or call")->check(CLI::Range(1, 65536))->capture_default_str();
  w->add_option("--threads", worker.threads, "threads")->check(CLI::Range(1, 1024))->capture_default_str();
  for (CLI::App* sub : {s, a, i, k, c}) sub->add_flag("--json", json, "print one JSON object");
  if (const auto code = six::parse_arguments(app, argc, argv)) return *code;
  if (*e) return bench::export_start(worker.net, worker.batch, worker.folder), 0;
  if (*w) return bench::worker(worker), 0;
  if (!json) std::printf("%s\n", six::cpu_features().c_str());
  const bench::Json result = *s   ? bench::step(step)
                             : *a ? bench::augment(step)
                             : *i ? bench::infer(infer)
                             : *k ? bench::kernels(rounds)
                                  : bench::scaling(net);
  json ? void(std::printf("%s\n", result.dump().c_str())) : print(result);
  return 0;
} catch (const std::exception& e) {
  return six::report("bench", e);
}
