#pragma once
#include <optional>
#include <string>
#include <vector>

#include "evaluate.h"

namespace six {

// What a training says after each step.
struct StepReport {
  long epoch = 0, epochs = 0;     // the one this step belongs to, from 1
  long batch = 0, batches = 0;    // of the epoch, from 1
  long step = 0;                  // of the training, from 1
  double batch_loss = 0;          // of this step
  double loss = 0, accuracy = 0;  // means over the epoch so far
  double lr = 0, grad_norm = 0;   // of this step; the norm before clipping
  double images_per_second = 0, seconds_left = 0;
  std::string skipped = {};  // why the step was undone; then its loss and norm are those that failed
};

// The share of a clamp's values that are at one of its bounds, where no gradient passes.
struct ClosedGates {
  std::string layer = {};  // its path in the model
  real lo = 0, hi = kInf;  // the bounds; an infinite one is none
  double at_lo = 0, at_hi = 0;
};

// What a training says after each epoch.
struct EpochReport {
  long epoch = 0, epochs = 0;
  long step = 0;                              // steps taken so far
  double loss = 0, accuracy = 0;              // means over the epoch's own batches, as they were trained on
  double lr = 0;                              // of the last step
  double grad_norm = 0;                       // mean over the steps, before clipping
  double images_per_second = 0, seconds = 0;  // training alone, without evaluation
  std::vector<ClosedGates> closed_gates = {};
  std::string split = {};                     // "validation" or "test", what `evaluation` is of
  std::optional<Evaluation> evaluation = {};  // absent in epochs that are not evaluated
  double evaluation_seconds = 0;
};

}  // namespace six
