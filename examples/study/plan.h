#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace six::study {

// An activation under study: a ReLU with an upper clip, infinite for the plain one, learned for PACT.
struct Arm {
  const char* name;
  double clip;
  bool learned = false;
  bool clipped() const;
  // From where on the arm differs from the plain ReLU; 6 for one that never does.
  double touch() const { return clipped() ? clip : 6; }
};
std::span<const Arm> arms();
const Arm& arm_of(std::string_view name);  // throws, offering the nearest

// How much of the grid of integers a run goes through: nothing, the ranges of the primary tests and their counterfactual,
// everything.
enum class Grid { none, primary, all };

// One training.
struct Run {
  std::string part = "main", arm = "relu";
  bool bn = true;
  double at_kink = 0, input_scale = 1, lr_factor = 1;
  int seed = 1, epochs = 1;
  long images = 0;  // the first of the training set
  Grid grid = Grid::none;
  bool tunes = false;  // quantisation-aware training after it

  std::string name() const;  // "kink/relu6/bn/k0.5/1", see columns.h
  std::string file() const;  // the same with '-' for '/'
};
// The run that `run` is compared with to find the first step at which they differ; its own name if there is none.
std::string reference_of(const Run& run);

enum class Mode { quick, full };
struct PlanOptions {
  Mode mode = Mode::quick;
  bool digits = false;  // the embedded digits instead of MNIST or a set like it
  long train_images = 0;
  int seeds = 0;                                   // of every part, at most; 0: as many as the mode has
  std::vector<std::string> arms = {}, parts = {};  // only these; none given: all
};
// The runs of a study, part by part. Throws if an arm or a part does not exist, or nothing is left to run.
std::vector<Run> plan(const PlanOptions& options);

}  // namespace six::study
