// A training step, and inference, on real models.
#include "../core/kernels/dispatch.h"
#include "bench.h"
#include "workload.h"

namespace bench {

Json step(const StepOptions& o) {
  Training training(model_of(o.net), o.batch, o.threads, o.defer);
  double loss = 0;
  time(0, o.warmup, [&] { loss = training.step(); });
  Times t = Times::of(o.steps);
  const long allocations_before = allocations(), faults_before = minor_faults();
  t.add(o.steps, [&] { loss = training.step(); });
  const long allocations_after = allocations(), faults_after = minor_faults();
  return {{"net", o.net},
          {"batch", o.batch},
          {"threads", o.threads},
          {"isa", six::kernels::table().isa},
          {"steps", o.steps},
          {"ms_per_step_median", t.median() * 1e3},
          {"ms_per_step_min", t.min() * 1e3},
          {"ms_per_step_q1", t.at(0.25) * 1e3},
          {"ms_per_step_q3", t.at(0.75) * 1e3},
          {"images_per_second", o.batch / t.median()},
          {"allocations_per_step", double(allocations_after - allocations_before) / o.steps},
          {"minor_faults_per_step", double(faults_after - faults_before) / o.steps},
          {"peak_rss_mb", peak_rss_mb()},
          {"loss", loss}};
}

namespace {
Json latency(const InferOptions& o, auto& inferring, const char* isa) {
  const Times t = time(std::max(3, o.runs / 10), o.runs, [&] { inferring.call(); });
  return {{"net", o.net},
          {"numbers", o.int8 ? "int8" : "float"},
          {"batch", o.batch},
          {"threads", o.threads},
          {"isa", isa},
          {"us_median", t.median() * 1e6},
          {"us_min", t.min() * 1e6},
          {"images_per_second", o.batch / t.median()},
          {"workspace_bytes", inferring.inference().workspace_bytes()}};
}
}  // namespace

Json infer(const InferOptions& o) {
  if (o.int8) {
    IntInferring inferring(model_of(o.net), o.batch, o.threads);
    return latency(o, inferring, inferring.inference().isa());
  }
  Inferring inferring(model_of(o.net), o.batch, o.threads);
  return latency(o, inferring, six::kernels::table().isa);
}

}  // namespace bench
