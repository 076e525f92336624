#pragma once
#include <cstdint>
#include <string>

#include "../data/file.h"
#include "../layers/model.h"
#include "evaluate.h"

namespace six {

// The folder that a training leaves: model.json, model.safetensors (the averages, if there are any), metrics.jsonl, result.json,
// and checkpoints, if there were any.

// Whether any of these is there.
bool holds_run(const std::string& folder);
// Makes the folder ready for a new run, which holds it as long as the lock lives. Throws Error if it cannot be written to, another
// process holds it, or it holds a run and `overwrite` is false; otherwise that run is removed.
[[nodiscard]] FolderLock start_run(const std::string& folder, bool overwrite);
// Makes the folder ready for going on with the run it holds, if any: creates it, and removes what writers that died have left.
// Throws Error if it cannot be written to, another process holds it, or it holds the run of another config; the message names the
// first difference.
[[nodiscard]] FolderLock continue_run(const std::string& folder, const Model& model);
// Whether the run in the folder came to its end: result.json, which is written last, is there. Throws Error if then the weights are
// not.
bool is_finished(const std::string& folder);
// Makes a folder `parent`/<local time>-<name>, with a number behind it if that is there already: nobody else gets the same one.
std::string new_run_folder(const std::string& parent, const std::string& name);

// SHA-256 of the model's JSON, the training included: two runs with the same one are the same training.
std::string config_hash(const Model& model);

// What result.json holds besides the time, memory and library of this process.
struct RunResult {
  double test_accuracy = 0, test_loss = 0;  // the accuracy as a fraction
  double seconds_training = 0;              // without evaluation
  double images_per_second = 0;
  long parameters = 0;
  std::uint64_t seed = 0;
  int threads = 0;
  std::string data_set, config_hash;
};
void write_result(const std::string& folder, const RunResult& result);

}  // namespace six
