#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "../data/augment.h"
#include "../layers/config.h"
#include "../layers/model.h"
#include "../layers/quant_options.h"
#include "../optim/adam.h"
#include "../optim/ema.h"
#include "../optim/rmsprop.h"
#include "../optim/schedule.h"
#include "../optim/sgd.h"
#include "distillation.h"

namespace six {

// Where a program finds the images: in the four files of MNIST (or of a set stored like it), or in the library.
enum class DataSource { mnist, digits };

// An optimizer by its options; `clip_norm` stands in the training.
using OptimizerOptions = std::variant<SGDOptions, AdamOptions, AdamWOptions, RMSpropOptions>;

// How a model is trained: the member "training" of a JSON model. Steps are batches; a schedule's length of 0 is the rest of the
// training.
struct TrainingConfig {
  DataSource data = DataSource::mnist;
  int epochs = 3, batch = 128;
  std::uint64_t seed = 1;
  OptimizerOptions optimizer = AdamWOptions{};
  Policy schedule = ConstantLR{};
  Augment augmentation = {};
  double label_smoothing = 0;
  DistillationOptions distillation = {};
  EmaOptions ema = {.decay = 0};  // decay 0: none
  double clip_norm = 0;           // 0: no clipping
  int skip_non_finite = 0;        // steps
  int validation = 0, eval_every = 1;
  std::optional<QuantOptions> quant = {};  // quantisation-aware training of a model that was trained before
  int threads = 0;                         // does not change the result

  static void fields(auto& visit, auto& c) {
    visit("data", c.data, "the images: MNIST's four files, or the embedded digits");
    visit("epochs", c.epochs, "passes over the training images", between(1, 1e6));
    visit("batch", c.batch, "images per step; a last batch that is not full is left out", between(1, 1e6));
    visit("seed", c.seed, "of initial weights, order, augmentation and dropout");
    visit("optimizer", c.optimizer, "`{\"type\": ...}`, see below");
    visit("schedule", c.schedule, "of the learning rate: `{\"type\": ...}`, see below");
    visit("augmentation", c.augmentation, "random changes to the training images, see below");
    visit("label_smoothing", c.label_smoothing, "share of each target that is spread over all classes", between(0, 1));
    visit("distillation", c.distillation, "a larger net to learn from, see below");
    visit("ema", c.ema, "exponential moving average of the weights, see below");
    visit("clip_norm", c.clip_norm, "largest norm of all gradients together; 0: no clipping", at_least(0));
    visit("skip_non_finite", c.skip_non_finite,
          "steps that may be undone because a number is not finite, each halving the rate from then on; 0: the first ends the "
          "training",
          between(0, 1000));
    visit("validation", c.validation, "training images set aside for validation", between(0, 1e9));
    visit("eval_every", c.eval_every, "epochs between evaluations (on the validation images, else the test images); 0: at the end",
          at_least(0));
    visit("quant", c.quant, "of a model trained before (`--from`): fine-tune it as integers of a few bits, see below");
    visit("threads", c.threads, "0: all processors; the result is the same for any number", between(0, 1024));
  }
};

// Reads the member "training" of a model; null gives the defaults. Throws Error naming all that is wrong.
TrainingConfig read_training(const Json& training);
TrainingConfig training_of(const Model& model);  // the member "training" of the model's JSON
// Every default written. The same training has the same text: `threads`, which changes nothing, is always 0.
OrderedJson write_training(const TrainingConfig& config);
// The text of what decides a training's result, which two trainings compare: without the path of the teacher, whose layers and
// numbers a checkpoint knows. The JSON may be an older version's: keys that came since have their defaults.
std::string training_identity(TrainingConfig config);
std::string training_identity(const Json& training);
// Throws Error if a setting is out of range, in combination with others too.
void check_training(const TrainingConfig& config);
// The keys and their meaning, of the training and of everything in it, as Markdown tables.
std::string training_table_markdown();

double learning_rate(const OptimizerOptions& options);
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, double clip_norm, ParamSet& params);
// The policy with every length that is 0 set to what is left of `steps` where it begins.
Policy resolved(Policy policy, long steps);

// How these are members of settings (see layers/config.h).
std::span<const char* const> choices_of(DataSource);
std::span<const char* const> choices_of(Decay);

template <class T>
concept TrainingPart = std::same_as<T, OptimizerOptions> || std::same_as<T, Policy> || std::same_as<T, std::vector<Policy>> ||
    std::same_as<T, Augment> || std::same_as<T, EmaOptions>;
template <TrainingPart T>
void read_value(const Json&, T&, const Limits&);
template <TrainingPart T>
void write_value(OrderedJson&, const T&);
template <TrainingPart T>
std::string kind_of(const T&, const Limits&);

}  // namespace six
