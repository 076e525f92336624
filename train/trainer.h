#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "../data/dataset.h"
#include "../layers/model.h"
#include "../optim/ema.h"
#include "../optim/optimizer.h"
#include "../optim/schedule.h"
#include "config.h"
#include "report.h"

namespace six {

// A loss, a gradient or a weight that is NaN or infinite. The message names the step and the first layer whose output is not
// finite; the model is back at the last weights whose loss was finite.
class NonFinite : public Error {
 public:
  NonFinite(const std::string& message, long at) : Error(message), step(at) {}
  int exit_code() const override { return 3; }
  long step;  // the one that failed, from 1
};

// Where a training stands: all of it but the weights, the optimizer's state and the averages. Random numbers are functions of the
// seed and of these counts.
struct TrainerState {
  long epoch = 0,
       batch = 0;    // the next batch to be trained on; `batch` may be the number of batches: the epoch is yet to be reported
  long step = 0;     // steps so far
  long skipped = 0;  // of these, undone because a number was not finite
  // Sums over the epoch so far.
  double loss = 0, grad_norm = 0;
  long correct = 0, images = 0;
};

// What `Trainer::run` calls; empty ones are left out.
struct TrainingCallbacks {
  std::function<void(const StepReport&)> step = {};
  std::function<void(const EpochReport&)> epoch = {};
  std::function<bool()> stop = {};  // asked after each step; true ends the run, which another `run` continues
};

struct TrainingResult {
  bool finished = false;  // false if `stop` ended it
  double seconds = 0;     // of training, without evaluation
  double images_per_second = 0;
};

// Trains a model: the one loop that every program uses. A step is forward, loss, backward, clipping, optimizer and average; from
// the second step on it allocates nothing. The same config gives the same bits for any number of threads.
// A number that is not finite ends it, or, with `skip_non_finite`, undoes the step: then each new set of weights is also tried on
// the batch that led to it.
class Trainer {
 public:
  // Refers to model and data, which must outlive it and stay where they are; the data must have been split as the config says
  // (split_validation). Throws Error if the data do not fit the model or the config, an option is out of range, or there is no such
  // teacher.
  Trainer(Model& model, const Dataset& data, const TrainingConfig& config);

  // Runs from where the training stands to its end. Then the model holds the weights to use: the averages, if there are any.
  // Throws NonFinite.
  TrainingResult run(const TrainingCallbacks& callbacks = {});

  // One step, for loops of one's own; throws NonFinite, and Error if the epoch or the training is over. A step that throws is not
  // counted: the next one takes the same batch again. Weights and moments may be half changed; a checkpoint has the whole ones.
  const StepReport& step();
  bool epoch_over() const { return state_.batch >= batches_per_epoch(); }
  bool over() const { return state_.epoch >= config_.epochs; }
  // Evaluates as the config says, and moves on to the next epoch. Throws Error unless the epoch is over, and NonFinite.
  EpochReport end_epoch();
  // Leaves the weights to use in the model: the averages, if there are any. `run` ends with it.
  void finish();
  // With the weights to use.
  Evaluation evaluate(const Split& split);

  const TrainingConfig& config() const { return config_; }
  const TrainerState& state() const { return state_; }
  void set_state(const TrainerState& state);  // throws Error if it is none of this training
  void require_state(const TrainerState& state) const;
  Model& model() { return model_; }
  // The model's and the training's config as JSON, as they were at the beginning: what a checkpoint is of.
  const std::string& model_text() const { return model_text_; }
  const std::string& training_text() const { return training_text_; }
  const Dataset& data() const { return data_; }
  // Of all that the model learns from: the data set, and the teacher if there is one.
  std::uint32_t data_digest() const { return data_digest_; }
  Optimizer& optimizer() { return *optimizer_; }
  Ema* ema() { return ema_ ? &*ema_ : nullptr; }  // null if the config has none
  long batches_per_epoch() const { return batches_.count(); }
  long total_steps() const { return config_.epochs * batches_per_epoch(); }

  // A copy of everything a step changes before it is known to have gone well.
  struct Weights {
    std::vector<real> values, buffers, averages, slots;
  };
  // The last weights with which a loss was finite, to which NonFinite goes back; without slots. set_state makes them the present
  // ones: who has others sets them after it.
  const Weights& good() const { return good_; }
  void set_good(Weights good) { good_ = std::move(good); }

 private:
  BatchOptions batch_options() const;
  const Batch& next_batch();
  void require_model() const;
  void begin_step();
  void count_step();
  Var record(const Batch& batch);                                      // the loss, on the tape
  Var loss_of(Var logits, Bytes images, std::span<const int> labels);  // what is trained on
  // Forward, backward, update. What of it is not finite, null if all is.
  const char* attempt(const Batch& batch, double& loss, double& norm);
  bool loss_stays_finite(const Batch& batch);
  bool buffers_stay_finite() const;  // those that are finite in good_
  const StepReport& skip(const std::string& why, double loss, double norm);
  void save(Weights& to) const;
  void restore(const Weights& from);
  template <class F>
  auto with_averages(F&& f) {  // f() while the weights to use are the model's
    if (!ema_) return f();
    const auto averages = ema_->swap_in();
    return f();
  }
  [[noreturn]] void stop(long step, const std::string& what, const std::string& where);
  std::string first_non_finite(Bytes images, std::span<const int> labels, bool training);
  std::string first_non_finite(const Batch& batch) { return first_non_finite(batch.images, batch.labels, true); }
  Evaluation evaluate_finite(const Split& split, const std::string& name);
  const StepReport& report(double loss, double grad_norm);

  Model& model_;
  const Dataset& data_;
  TrainingConfig config_;
  std::string model_text_, training_text_;
  TrainerState state_;
  bool positioned_ = false;  // the batches stand at the state
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<Optimizer::Slot> slots_;
  std::optional<Ema> ema_;
  std::optional<Teacher> teacher_;
  std::uint32_t data_digest_;
  Batches batches_;
  Schedule schedule_;
  Tape tape_;
  std::vector<real> logits_, tried_logits_;
  Weights good_;
  Weights before_;  // of the step, if it may be undone
  StepReport report_;
  double seconds_ = 0, epoch_seconds_ = 0;  // of training, in this object's life and in this epoch
  long images_ = 0, epoch_images_ = 0;
};

}  // namespace six
