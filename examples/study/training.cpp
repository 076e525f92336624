#include "training.h"

#include <cmath>
#include <cstring>

#include "../../core/ops/loss.h"
#include "../../optim/adam.h"
#include "../../optim/schedule.h"
#include "../../optim/sgd.h"

namespace six::study {
namespace {

constexpr double kDecay = 1e-2;
constexpr long kAfterTouch = 16;  // steps that are observed from the first touch on: the nets differ soon

constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

// The images of a batch as the net sees them: bytes, or numbers times k.
struct Input {
  double k;
  std::vector<real> numbers = {};
  Var on(Tape& tape, const Batch& batch) {
    if (k == 1) return tape.input(batch.images);
    numbers.resize(std::size_t(batch.images.shape.size()));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = real(k) * (real(batch.images.data[i]) / 255);
    return tape.input(numbers.data(), batch.images.shape);
  }
};

class Watch {
 public:
  Watch(const Schooling& how, long steps, Course& course) : how_(how), steps_(steps), course_(course) {}

  void look(const Tape& tape, long step) {
    const bool ties = how_.ties && (step == 1 || step == 10 || step == 100 || step == steps_);
    const bool touched = course_.first_touch >= 0, keep = ties || is_marked(step) || (touched && step <= until_);
    if (touched && !keep) return;
    std::vector<Inputs> layers = observe(tape, how_.touch, ties ? Look::bf16 : keep ? Look::counts : Look::largest);
    Observation seen{step, total(layers)};
    if (!touched && seen.all.largest >= how_.touch) {
      course_.first_touch = step, until_ = step + kAfterTouch;
      if (!keep) seen.all = total(layers = observe(tape, how_.touch, Look::counts));
    }
    if (ties) seen.layers = std::move(layers);
    if (keep || course_.first_touch == step) course_.observed.push_back(std::move(seen));
  }

 private:
  const Schooling& how_;
  long steps_, until_ = 0;
  Course& course_;
};

}  // namespace

bool is_marked(long step) { return step <= 200 || step % 50 == 0; }

std::uint64_t hash_of(const ParamSet& params) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(params.values());
  const std::size_t n = std::size_t(params.size()) * sizeof(real);
  std::uint64_t hash = n, word = 0;
  for (std::size_t i = 0; i < n; i += sizeof word, word = 0) {
    std::memcpy(&word, bytes + i, std::min(sizeof word, n - i));
    hash = mix(hash, word);
  }
  return hash;
}

long first_divergence(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  for (std::size_t i = 1; i < std::min(a.size(), b.size()); ++i)
    if (a[i] != b[i]) return long(i);
  return -1;
}

Course train(Model& model, const Split& split, const Schooling& how, const std::function<void(long, long)>& progress) {
  AdamW adamw(model.params(), {.lr = how.lr, .weight_decay = kDecay, .decay = Decay::weights});
  Batches batches(split, how.batch, {.shuffle_seed = how.seed});
  const long steps = how.epochs * batches.count();
  const Schedule schedule(how.lr, OneCycleLR{.total_steps = int(steps)});
  Tape tape({.threads = 1, .defer = how.fused, .seed = how.seed});
  Course course;
  course.hashes.push_back(hash_of(model.params()));
  Watch watch(how, steps, course);
  Input input{how.input_scale};
  for (int epoch = 0; epoch < how.epochs; ++epoch) {
    batches.restart({.shuffle_seed = how.seed, .epoch = std::uint64_t(epoch)});
    double sum = 0;
    while (const Batch* batch = batches.next()) {
      const long step = course.steps();
      if (progress) progress(step, steps);
      for (std::uint32_t sample : batch->samples) course.order_hash = mix(course.order_hash, sample);
      tape.reset();
      const Var loss = cross_entropy(model(input.on(tape, *batch)), batch->labels);
      const double value = loss.item();
      course.losses.push_back(float(value)), sum += value;
      watch.look(tape, step + 1);
      if (!std::isfinite(value)) {
        course.finite = false, course.last_epoch_loss = value, course.hashes.push_back(hash_of(model.params()));
        return course;
      }
      tape.backward(loss);
      adamw.set_lr(schedule(step));
      adamw.step();
      course.hashes.push_back(hash_of(model.params()));
    }
    course.last_epoch_loss = sum / double(batches.count());
  }
  return course;
}

void fine_tune(Model& model, const Split& split, const Schooling& how, long steps) {
  SGD sgd(model.params(), {.lr = how.lr, .momentum = 0.9});
  Batches batches(split, how.batch, {.shuffle_seed = how.seed, .epoch = std::uint64_t(how.epochs)});
  const Schedule schedule(how.lr, CosineAnnealingLR{.t_max = int(steps)});
  Tape tape({.threads = 1, .seed = how.seed});
  for (long step = 0; step < steps; ++step) {
    const Batch* batch = batches.next();
    if (!batch) batches.restart({.shuffle_seed = how.seed, .epoch = std::uint64_t(how.epochs + 1)}), batch = batches.next();
    tape.reset();
    tape.backward(cross_entropy(model(tape.input(batch->images)), batch->labels));
    sgd.set_lr(schedule(step));
    sgd.step();
  }
}

}  // namespace six::study
