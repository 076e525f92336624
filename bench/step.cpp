// A training step, and inference, on real models.
#include <sys/resource.h>


#include "../core/kernels/dispatch.h"
#include "../core/rng.h"
#include "../layers/inference.h"
#include "../layers/model.h"
#include "../optim/adam.h"
#include "bench.h"

namespace bench {
namespace {

rusage usage() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u;
}

// Images like handwriting: mostly background, all of them different.
std::vector<std::uint8_t> images(const six::Shape& shape, int count) {
  const long n = shape.size() * count;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(n));
  const six::Rng rng(7, six::Purpose::user);
  for (long i = 0; i < n; ++i) pixels[std::size_t(i)] = rng.uniform(2 * std::uint64_t(i)) < 0.8 ? 0 : std::uint8_t(rng.below(2 * std::uint64_t(i) + 1, 256));
  return pixels;
}

six::Shape batched(long n, const six::Shape& s) { return s.rank() == 3 ? six::Shape{n, s[0], s[1], s[2]} : six::Shape{n, s.size()}; }

}  // namespace

std::string config_path(const std::string& net) {
  const std::string name = net == "m28" ? "mobilenet_28" : net == "m14" ? "mobilenet_14" : net;
  const bool is_name = name.find_first_of("/{.") == std::string::npos;
  return is_name ? std::string(SIX_CONFIG_DIR) + "/" + name + ".json" : name;
}

Json step(const StepOptions& o) {
  six::Model model = six::Model::from_json(config_path(o.net));
  six::AdamW adamw(model.params(), {.lr = 1e-3, .weight_decay = 1e-2});
  six::Tape tape({.threads = o.threads, .defer = o.defer});
  constexpr int kBatches = 8;
  const std::vector<std::uint8_t> pixels = images(model.input_shape(), o.batch * kBatches);
  std::vector<int> labels(static_cast<std::size_t>(o.batch));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = int(i % std::size_t(model.output_shape().size()));
  int batch = 0;
  long before = 0, faults = 0;
  double loss = 0;
  const auto one = [&] {
    if (batch == o.warmup) before = allocations(), faults = usage().ru_minflt;
    const std::uint8_t* first = pixels.data() + (batch++ % kBatches) * long(o.batch) * model.input_shape().size();
    tape.reset();
    const six::Var l = six::cross_entropy(model(tape.input(six::Bytes{first, batched(o.batch, model.input_shape())})), labels);
    tape.backward(l);
    adamw.step();
    loss = double(tape.node(l).view.y[0]);
  };
  const Times t = time(o.warmup, o.steps, one);
  const long allocations_after = allocations(), faults_after = usage().ru_minflt;
  return {{"net", o.net}, {"batch", o.batch}, {"threads", o.threads}, {"isa", six::kernels::table().isa}, {"steps", o.steps},
          {"ms_per_step_median", t.median() * 1e3}, {"ms_per_step_min", t.min() * 1e3}, {"ms_per_step_q1", t.at(0.25) * 1e3},
          {"ms_per_step_q3", t.at(0.75) * 1e3}, {"images_per_second", o.batch / t.median()},
          {"allocations_per_step", double(allocations_after - before - 1) / o.steps},
          {"minor_faults_per_step", double(faults_after - faults) / o.steps}, {"peak_rss_mb", double(usage().ru_maxrss) / 1024}, {"loss", loss}};
}

Json infer(const InferOptions& o) {
  const six::Model model = six::Model::from_json(config_path(o.net));
  const six::Inference inference(six::graph_of(model), o.threads);
  const std::vector<std::uint8_t> pixels = images(model.input_shape(), o.batch);
  std::vector<six::real> out(std::size_t(o.batch) * std::size_t(inference.classes()));
  const std::span<const std::uint8_t> image(pixels.data(), std::size_t(model.input_shape().size()));
  const Times t = time(std::max(3, o.runs / 10), o.runs, [&] {
    if (o.batch == 1)
      inference.logits(image, out);
    else
      inference.logits(six::Bytes{pixels.data(), batched(o.batch, model.input_shape())}, out);
  });
  return {{"net", o.net}, {"batch", o.batch}, {"threads", o.threads}, {"isa", six::kernels::table().isa}, {"us_median", t.median() * 1e6},
          {"us_min", t.min() * 1e6}, {"images_per_second", o.batch / t.median()}, {"workspace_bytes", inference.workspace_bytes()}};
}

}  // namespace bench
