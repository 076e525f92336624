#include "workload.h"

#include <sys/resource.h>

#include "../core/ops/loss.h"
#include "../data/digits.h"
#include "../deploy/quantize.h"

namespace bench {
namespace {

rusage usage() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  return u;
}

}  // namespace

double peak_rss_mb() { return double(usage().ru_maxrss) / 1024; }
long minor_faults() { return usage().ru_minflt; }

Data::Data(const six::Model& model, long count) : image(model.input_shape()) {
  const six::Digits digits = six::read_embedded_digits();
  const long h = image.rank() == 3 ? image[0] : 1, w = image.rank() == 3 ? image[1] : 1, c = image.channels();
  const int classes = int(model.output_shape().size());
  pixels.reserve(std::size_t(count * image.size()));
  for (long i = 0; i < count; ++i) {
    const long from = i % six::kDigitsTrain;
    const std::uint8_t* digit = digits.pixels.data() + from * six::kDigitsSide * six::kDigitsSide;
    labels.push_back(digits.labels[std::size_t(from)] % classes);
    for (long y = 0; y < h; ++y)
      for (long x = 0; x < w; ++x)
        pixels.insert(pixels.end(), std::size_t(c), digit[y * six::kDigitsSide / h * six::kDigitsSide + x * six::kDigitsSide / w]);
  }
}

six::Bytes Data::images(long first, long n) const {
  const six::Shape shape = image.rank() == 3 ? six::Shape{n, image[0], image[1], image[2]} : six::Shape{n, image.size()};
  return {pixels.data() + first * image.size(), shape};
}

six::Model model_of(const std::string& net) {
  const std::string name = net == "m28" ? "mobilenet_28" : net == "m14" ? "mobilenet_14" : net;
  const bool is_name = name.find_first_of("/{.") == std::string::npos;
  return six::Model::from_json(is_name ? std::string(SIX_CONFIG_DIR) + "/" + name + ".json" : name);
}

Training::Training(six::Model model, int batch, int threads, bool defer)
    : model_(std::move(model)),
      adamw_(model_.params(), {.lr = 1e-3, .weight_decay = 1e-2}),
      tape_({.threads = threads, .defer = defer}),
      data_(model_, long(batch) * kBatches),
      batch_(batch) {}

double Training::step() {
  const long first = next_++ % kBatches * batch_;
  tape_.reset();
  const six::Var logits = model_(tape_.input(data_.images(first, batch_)));
  const six::Var loss = six::cross_entropy(logits, std::span(data_.labels).subspan(std::size_t(first), std::size_t(batch_)));
  tape_.backward(loss);
  adamw_.step();
  return double(tape_.node(loss).view.y[0]);
}

Inferring::Inferring(const six::Model& model, int batch, int threads)
    : inference_(six::graph_of(model), threads),
      data_(model, batch),
      batch_(batch),
      logits_(std::size_t(batch) * std::size_t(inference_.classes())) {}

void Inferring::call() {
  if (batch_ == 1)
    inference_.logits(std::span<const std::uint8_t>(data_.pixels), logits_);
  else
    inference_.logits(data_.images(0, batch_), logits_);
}

namespace {
six::IntNetwork quantized(const six::Model& model, const Data& data) {
  const six::Graph graph = six::graph_of(model);
  return six::quantize(graph, six::calibrate(graph, data.images(0, kCalibration)));
}
}  // namespace

IntInferring::IntInferring(const six::Model& model, int batch, int threads)
    : data_(model, std::max(batch, kCalibration)),
      batch_(batch),
      network_(quantized(model, data_)),
      inference_(network_, threads),
      codes_(std::size_t(batch) * std::size_t(inference_.classes())) {}

void IntInferring::call() {
  if (batch_ == 1)
    inference_.logits(std::span(data_.pixels).first(std::size_t(data_.image.size())), codes_);
  else
    inference_.logits(data_.images(0, batch_), codes_);
}

std::vector<double> IntInferring::logits() const {
  const six::Quantization& q = network_.values[std::size_t(network_.output)].q;
  std::vector<double> out;
  for (const std::int32_t code : codes_) out.push_back(q.real_of(code));
  return out;
}

}  // namespace bench
