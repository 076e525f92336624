#include "distillation.h"

#include <cmath>
#include <filesystem>
#include <utility>

#include "../core/ops/arithmetic.h"
#include "../core/ops/loss.h"
#include "../data/file.h"
#include "../layers/quantized.h"
#include "checkpoint.h"
#include "config.h"

namespace six {
namespace {

constexpr const char* kPlace = "training.distillation.teacher";

// What body throws, with the place of the teacher in front.
template <class Body>
auto about(const std::string& path, Body&& body) {
  return in_context(std::string(kPlace) + ": " + path, std::forward<Body>(body));
}

Model loaded(const std::string& path, const Model& student, int validation) {
  std::error_code error;  // is what Model::load has to say
  require(std::filesystem::exists(path, error) || error, kPlace, ": ", path,
          ": is not there; if it has moved, name its place (--teacher)");
  Model model = in_context(kPlace, [&] { return Model::load(path); });
  about(path, [&] {
    require(!quantized_config(model), "was trained as integers, a teacher must be a float model; name the run it was made of");
    require(model.input_shape() == student.input_shape() && model.output_shape() == student.output_shape(), "goes from ",
            model.input_shape(), " to ", model.output_shape(), ", the model that learns from it from ", student.input_shape(),
            " to ", student.output_shape());
    const int aside = training_of(model).validation;
    require(aside >= validation, "learned from images that this training sets aside for validation: ", aside,
            " were set aside, not ", validation, "; train it with --validation ", validation);
  });
  return model;
}

}  // namespace

Teacher::Teacher(const DistillationOptions& options, const Model& student, int validation, int threads)
    : options_(options),
      model_(loaded(options.teacher, student, validation)),
      inference_(about(options.teacher, [&] { return model_.compile_inference(threads); })) {}

Var Teacher::loss(Var hard, Var logits, Bytes images) {
  const long n = images.shape[0], classes = inference_.classes();
  const real t = real(options_.temperature), w = real(options_.weight);
  Tape& tape = logits.tape();
  const Context c = tape.context();
  const std::span<real> answers(c.memory.fresh<real>(n * classes), std::size_t(n * classes));
  inference_.logits(images, answers);
  for (real& x : answers) x /= t;
  real* targets = c.memory.fresh<real>(n * classes);
  double* log_sum = c.memory.fresh<double>(n);
  c.kernel.softmax(n, int(classes), answers.data(), targets, log_sum);
  double entropy = 0;
  for (long r = 0; r < n; ++r) {
    entropy += log_sum[r];
    for (long k = r * classes; k < (r + 1) * classes; ++k) entropy -= double(targets[k]) * double(answers[std::size_t(k)]);
  }
  require(std::isfinite(entropy), kPlace, ": ", options_.teacher, ": an answer to this batch is not finite");
  const Var soft = cross_entropy(logits * (1 / t), std::span<const real>(targets, answers.size()));
  return (1 - w) * hard + (w * t * t) * (soft - tape.constant({}, real(entropy / double(n))));
}

std::uint32_t Teacher::digest(std::uint32_t before) const {
  const auto bytes = [](const real* values, long n) {
    return std::span(reinterpret_cast<const std::uint8_t*>(values), std::size_t(n) * sizeof(real));
  };
  const ParamSet& p = model_.params();
  before = crc32(as_bytes(config_text(model_)), before);
  return crc32(bytes(p.buffer_values(), p.buffer_size()), crc32(bytes(p.values(), p.size()), before));
}

}  // namespace six
