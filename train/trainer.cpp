#include "trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "../core/ops/loss.h"
#include "../data/json.h"
#include "../optim/clip_norm.h"
#include "checkpoint.h"
#include "closed_gates.h"

namespace six {
namespace {

constexpr long kProbed = 32;  // training images on which closed gates are counted: few, since their tape comes on top of the other

TrainingConfig checked_config(TrainingConfig config, const Model& model, const Dataset& data) {
  check_training(config);
  require_fits(model, data.train, "training images");
  require_fits(model, data.test, "test images");
  require(config.validation == data.validation.size(), "trainer: the config sets ", config.validation,
          " images aside for validation, the data set has ", data.validation.size(),
          "; call split_validation(data, config.validation)");
  require(config.batch <= data.train.size(), "trainer: batch size ", config.batch, " exceeds the ", data.train.size(),
          " training images", config.validation ? " that validation leaves; a smaller batch or validation" : "; a smaller batch",
          " is needed");
  if (config.threads == 0) config.threads = hardware_threads();
  return config;
}

// Sixteen running sums of 0 * x, which stay 0 if all numbers are finite: the compiler may not reorder one alone.
bool all_finite(const real* x, long n) {
  real zero[16] = {};
  long i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; ++j) zero[j] += 0 * x[i + j];
  for (; i < n; ++i) zero[0] += 0 * x[i];
  return std::all_of(zero, zero + 16, [](real z) { return z == 0; });
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Trainer::Trainer(Model& model, const Dataset& data, const TrainingConfig& config)
    : model_(model),
      data_(data),
      config_(checked_config(config, model, data)),
      model_text_(config_text(model)),
      training_text_(training_identity(config_)),
      optimizer_(make_optimizer(config_.optimizer, config_.clip_norm, model.params())),
      slots_(optimizer_->state()),
      batches_(data.train, config_.batch, batch_options()),
      schedule_(learning_rate(config_.optimizer), resolved(config_.schedule, total_steps())),
      tape_({.threads = config_.threads, .seed = config_.seed}),
      logits_(std::size_t(config_.batch) * std::size_t(data.train.classes)) {
  if (!config_.distillation.teacher.empty()) teacher_.emplace(config_.distillation, model, config_.validation, config_.threads);
  data_digest_ = teacher_ ? teacher_->digest(data.digest) : data.digest;  // once: saving a checkpoint writes no JSON
  if (config_.ema.decay > 0) ema_.emplace(model.params(), config_.ema);
  const ParamSet& p = model.params();
  good_.values.resize(std::size_t(p.size()));
  good_.buffers.resize(std::size_t(p.buffer_size()));
  good_.averages.resize(ema_ ? std::size_t(p.size()) : 0);
  save(good_);
  if (config_.skip_non_finite) {
    before_ = good_;
    before_.slots.resize(slots_.size() * std::size_t(p.size()));
    tried_logits_ = logits_;
  }
}

BatchOptions Trainer::batch_options() const {
  return {.shuffle_seed = config_.seed,
          .epoch = std::uint64_t(state_.epoch),
          .augment = config_.augmentation,
          .threads = config_.threads,
          .first_batch = state_.batch};
}

void Trainer::require_state(const TrainerState& state) const {
  require(state.epoch >= 0 && state.epoch <= config_.epochs && state.batch >= 0 && state.batch <= batches_per_epoch() &&
              state.step == state.epoch * batches_per_epoch() + state.batch && state.skipped >= 0 &&
              state.skipped <= std::min<long>(state.step, config_.skip_non_finite),
          "trainer: epoch ", state.epoch, ", batch ", state.batch, ", step ", state.step, ", skipped ", state.skipped,
          " is no point of a training of ", config_.epochs, " epochs of ", batches_per_epoch(), " batches");
  require(state.images >= 0 && state.images <= state.batch * config_.batch && state.correct >= 0 && state.correct <= state.images &&
              std::isfinite(state.loss) && std::isfinite(state.grad_norm),
          "trainer: sums of ", state.images, " images, ", state.correct, " of them right, loss ", state.loss, ", norm ",
          state.grad_norm, " cannot be those of ", state.batch, " batches of ", config_.batch);
}

// What was made for the model fits no other that was assigned to it, and averages swapped in are not what is trained.
void Trainer::require_model() const {
  optimizer_->require_unchanged();  // before the model is asked, which may be gone
  optimizer_->require_over(model_.params());
  model_.params().require_not_lent("trainer: used");
}

void Trainer::set_state(const TrainerState& state) {
  require_model();
  require_state(state);
  state_ = state, positioned_ = false;
  begin_step();
  save(good_);
}

const Batch& Trainer::next_batch() {
  if (!std::exchange(positioned_, false)) batches_.restart(batch_options());  // true again once the step has counted it
  return *batches_.next();
}

void Trainer::count_step() { ++state_.batch, ++state_.step, positioned_ = true; }

Var Trainer::record(const Batch& batch) {
  tape_.reset();
  tape_.set_step(std::uint64_t(state_.step));
  const Var logits = model_(tape_.input(batch.images));
  const Var loss = loss_of(logits, batch.images, batch.labels);
  logits.copy_values(logits_);
  return loss;
}

Var Trainer::loss_of(Var logits, Bytes images, std::span<const int> labels) {
  const Var loss = cross_entropy(logits, labels, {.label_smoothing = config_.label_smoothing});
  return teacher_ ? teacher_->loss(loss, logits, images) : loss;
}

// What a step that failed half way has left of gradients and counts is nothing to this one.
void Trainer::begin_step() {
  model_.params().mark_grads_used();
  optimizer_->set_steps(state_.step - state_.skipped);
  if (ema_) ema_->set_updates(state_.step - state_.skipped);
}

const char* Trainer::attempt(const Batch& batch, double& loss, double& norm) {
  begin_step();
  const Var loss_var = record(batch);
  loss = loss_var.item();
  if (!std::isfinite(loss)) return "the loss";
  if (!buffers_stay_finite()) return "a running statistic";
  save(good_);
  tape_.backward(loss_var);
  norm = grad_norm(model_.params());
  if (!std::isfinite(norm)) return "the norm of the gradients";
  optimizer_->set_lr(std::ldexp(schedule_(state_.step), -int(state_.skipped)));
  optimizer_->step();
  if (!all_finite(model_.params().values(), model_.params().size())) return "a weight after the update";
  if (ema_) ema_->update();
  return config_.skip_non_finite == 0 || loss_stays_finite(batch) ? nullptr : "the loss after the update";
}

// Batch norm divides by what overflows, so that the loss stays finite; ranges of quantisation are NaN until something was seen.
bool Trainer::buffers_stay_finite() const {
  const real* now = model_.params().buffer_values();
  return std::equal(good_.buffers.begin(), good_.buffers.end(), now,
                    [](real before, real after) { return std::isfinite(after) || !std::isfinite(before); });
}

bool Trainer::loss_stays_finite(const Batch& batch) {
  const std::vector<real>&logits = logits_, &buffers = good_.buffers;
  std::copy(logits.begin(), logits.end(), tried_logits_.begin());
  const bool finite = std::isfinite(record(batch).item()) && buffers_stay_finite();
  std::copy(tried_logits_.begin(), tried_logits_.end(), logits_.begin());
  std::copy(buffers.begin(), buffers.end(), model_.params().buffer_values());
  return finite;
}

const StepReport& Trainer::step() {
  require(!over(), "trainer: the training of ", config_.epochs, " epochs is over");
  require(!epoch_over(), "trainer: epoch ", state_.epoch + 1, " is over; call end_epoch before the next step");
  require_model();
  const auto begin = std::chrono::steady_clock::now();
  const Batch& batch = next_batch();
  const bool may_skip = state_.skipped < config_.skip_non_finite;
  if (may_skip) save(before_);
  double loss = 0, norm = 0;
  if (const char* what = attempt(batch, loss, norm)) {
    const std::string where = first_non_finite(batch);
    if (!may_skip) stop(state_.step + 1, what, where);
    return skip(std::string(what) + " is not finite" + (where.empty() ? "" : ": ") + where, loss, norm);
  }
  const int classes = data_.train.classes;
  for (std::size_t i = 0; i < batch.labels.size(); ++i)
    state_.correct += argmax(logits_.data() + long(i) * classes, classes) == batch.labels[i];
  const long n = long(batch.labels.size());
  state_.images += n, state_.loss += loss * double(n), state_.grad_norm += norm;
  count_step();
  images_ += n, epoch_images_ += n;
  const double seconds = seconds_since(begin);
  seconds_ += seconds, epoch_seconds_ += seconds;
  return report(loss, norm);
}

const StepReport& Trainer::skip(const std::string& why, double loss, double norm) {
  restore(before_), begin_step();
  count_step(), ++state_.skipped;
  report(loss, norm);
  report_.skipped = why;
  return report_;
}

const StepReport& Trainer::report(double loss, double norm) {
  const double images = double(std::max(state_.images, 1L));  // none if all steps were skipped
  return report_ = {.epoch = state_.epoch + 1,
                    .epochs = config_.epochs,
                    .batch = state_.batch,
                    .batches = batches_per_epoch(),
                    .step = state_.step,
                    .batch_loss = loss,
                    .loss = state_.loss / images,
                    .accuracy = double(state_.correct) / images,
                    .lr = optimizer_->lr(),
                    .grad_norm = norm,
                    .images_per_second = epoch_seconds_ > 0 ? double(epoch_images_) / epoch_seconds_ : 0,
                    .seconds_left =
                        seconds_ / double(std::max(images_, 1L)) * double(config_.batch) * double(total_steps() - state_.step)};
}

EpochReport Trainer::end_epoch() {
  require(!over() && epoch_over(), "trainer: epoch ", state_.epoch + 1, " is not over, ", batches_per_epoch() - state_.batch,
          " batches are left");
  require_model();
  const double images = double(std::max(state_.images, 1L));
  EpochReport r{.epoch = state_.epoch + 1,
                .epochs = config_.epochs,
                .step = state_.step,
                .loss = state_.loss / images,
                .accuracy = double(state_.correct) / images,
                .lr = std::ldexp(schedule_(state_.step - 1), -int(state_.skipped)),
                .grad_norm = state_.grad_norm / (images / double(config_.batch)),
                .images_per_second = epoch_seconds_ > 0 ? double(epoch_images_) / epoch_seconds_ : 0,
                .seconds = epoch_seconds_};
  const auto begin = std::chrono::steady_clock::now();
  const bool last = state_.epoch + 1 == config_.epochs;
  r.split = config_.validation ? "validation" : "test";
  if (last || (config_.eval_every && (state_.epoch + 1) % config_.eval_every == 0))
    r.evaluation = evaluate_finite(config_.validation ? data_.validation : data_.test, r.split);
  const Bytes some = data_.train.bytes(0, std::min(kProbed, data_.train.size()));
  r.closed_gates = with_averages([&] { return closed_gates(model_, some, config_.threads); });
  r.evaluation_seconds = seconds_since(begin);
  state_ = {.epoch = state_.epoch + 1, .step = state_.step, .skipped = state_.skipped};
  positioned_ = false, epoch_seconds_ = 0, epoch_images_ = 0;
  return r;
}

Evaluation Trainer::evaluate(const Split& split) {
  return with_averages([&] { return six::evaluate(model_, split, config_.threads); });
}

Evaluation Trainer::evaluate_finite(const Split& split, const std::string& name) {
  Evaluation e = evaluate(split);
  if (std::isfinite(e.loss)) return e;
  std::string where;
  for (long first = 0; first < split.size() && where.empty(); first += config_.batch) {
    const long n = std::min<long>(config_.batch, split.size() - first);
    const auto labels = std::span(split.labels).subspan(std::size_t(first), std::size_t(n));
    where = with_averages([&] { return first_non_finite(split.bytes(first, n), labels, false); });
  }
  stop(state_.step, "the loss on the " + name + " images", where);
}

TrainingResult Trainer::run(const TrainingCallbacks& callbacks) {
  const auto result = [&](bool finished) {
    return TrainingResult{finished, seconds_, seconds_ > 0 ? double(images_) / seconds_ : 0};
  };
  while (!over()) {
    while (!epoch_over()) {
      const StepReport& r = step();
      if (callbacks.step) callbacks.step(r);
      if (callbacks.stop && callbacks.stop()) return result(false);
    }
    const EpochReport r = end_epoch();
    if (callbacks.epoch) callbacks.epoch(r);
  }
  finish();
  return result(true);
}

void Trainer::finish() {
  require_model();
  if (ema_) std::copy_n(ema_->values(), model_.params().size(), model_.params().values());
}

void Trainer::save(Weights& to) const {
  const ParamSet& p = model_.params();
  std::copy_n(p.values(), p.size(), to.values.begin());
  std::copy_n(p.buffer_values(), p.buffer_size(), to.buffers.begin());
  if (ema_) std::copy_n(ema_->values(), p.size(), to.averages.begin());
  if (!to.slots.empty())
    for (std::size_t i = 0; i < slots_.size(); ++i) std::copy_n(slots_[i].values, p.size(), to.slots.begin() + long(i) * p.size());
}

void Trainer::restore(const Weights& from) {
  ParamSet& p = model_.params();
  p.mark_grads_used();  // what a step that is taken back has left in them
  std::copy(from.values.begin(), from.values.end(), p.values());
  std::copy(from.buffers.begin(), from.buffers.end(), p.buffer_values());
  if (ema_) std::copy(from.averages.begin(), from.averages.end(), ema_->values());
  if (!from.slots.empty())
    for (std::size_t i = 0; i < slots_.size(); ++i)
      std::copy_n(from.slots.begin() + long(i) * p.size(), p.size(), slots_[i].values);
}

// Where NaN or infinity comes from: records the batch again, with the weights as the failed step found or left them, and looks at
// every value and gradient. Empty if all are finite.
std::string Trainer::first_non_finite(Bytes images, std::span<const int> labels, bool training) {
  Tape tape({.threads = config_.threads, .training = training, .check_finite = true, .seed = config_.seed});
  try {
    tape.set_step(std::uint64_t(state_.step));
    tape.backward(loss_of(model_(tape.input(images)), images, labels));
  } catch (const Error& e) {
    return e.what();
  }
  const ParamSet& set = model_.params();
  for (int i = 0; i < int(set.params().size()); ++i) {
    const Param& p = set.params()[std::size_t(i)];
    if (!all_finite(set.value(i), p.shape.size())) return "parameter " + p.name + " is not finite";
  }
  for (int i = 0; training && i < int(set.buffers().size()); ++i) {
    const Buffer& b = set.buffers()[std::size_t(i)];
    const real* before = good_.buffers.data() + b.offset;
    if (all_finite(before, b.shape.size()) && !all_finite(set.buffer(i), b.shape.size())) return b.name + " is not finite";
  }
  return {};
}

void Trainer::stop(long step, const std::string& what, const std::string& where) {
  restore(good_);
  std::ostringstream text;
  text << "step " << step << " (epoch " << state_.epoch + 1 << "): " << what << " is not finite" << (where.empty() ? "" : ": ")
       << where;
  if (config_.skip_non_finite) text << "; " << state_.skipped << " of " << config_.skip_non_finite << " skips were spent";
  text << "; the model is back at its last good weights (a lower learning rate or clip_norm may help)";
  throw NonFinite(text.str(), step);
}

}  // namespace six
