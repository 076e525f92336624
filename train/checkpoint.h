#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "../data/safetensors.h"
#include "trainer.h"

namespace six {

// What a checkpoint says besides weights, optimizer state and averages.
struct CheckpointInfo {
  TrainerState state = {};
  std::uint64_t seed = 0;         // of order, augmentation and dropout
  std::uint32_t data_digest = 0;  // Trainer::data_digest
  std::int64_t log_offset = 0;    // bytes of the log that belong to it
  std::string training = {};      // the training's config as JSON text; may be empty
  // Who wrote it; set by saving.
  std::string instruction_set = {}, written_by = {};
};

// The objects whose numbers a checkpoint holds: parameters and running statistics; slots, count of steps and learning rate;
// averages and count of updates. A trainer's also holds the last weights with which a loss was finite.
// Saving and loading throw Error if they are not of one model, or while averages are swapped in.
struct CheckpointParts {
  Model& model;
  Optimizer& optimizer;
  Ema* ema = nullptr;
};

// Writes all that a training needs to go on to the same bits, as one safetensors file with a checksum; replaces the file
// atomically. Throws Error naming the path; then an older file of that name is whole.
void save_checkpoint(const std::string& path, const CheckpointParts& parts, const CheckpointInfo& info);
void save_checkpoint(const std::string& path, Trainer& trainer, std::int64_t log_offset = 0);

// Reads it back. Throws Error if the file is damaged, is of another model, precision or kind of optimizer, or if `accept` throws;
// then nothing has changed.
CheckpointInfo load_checkpoint(const std::string& path, const CheckpointParts& parts,
                               const std::function<void(const CheckpointInfo&)>& accept = {});
// The same for a trainer, whose config, seed and data must be those of the checkpoint, but for the number of threads.
CheckpointInfo load_checkpoint(const std::string& path, Trainer& trainer);

// The same in memory.
Safetensors checkpoint_of(const CheckpointParts& parts, const CheckpointInfo& info);
CheckpointInfo load_checkpoint(const Safetensors& file, const CheckpointParts& parts,
                               const std::function<void(const CheckpointInfo&)>& accept = {});
Safetensors checkpoint_of(Trainer& trainer, std::int64_t log_offset = 0);
CheckpointInfo load_checkpoint(const Safetensors& file, Trainer& trainer);

// A checkpoint whose content is damaged, as opposed to one of another training or one that cannot be read: an older one may do.
class DamagedCheckpoint : public Error {
  using Error::Error;
};

// In a folder, checkpoints are called checkpoint-<step>.safetensors, damaged ones that were set aside end in .damaged.
std::vector<std::string> checkpoints_in(const std::string& folder, bool damaged = false);  // their paths, the newest first
// Saves there and keeps the newest before it, no others. Returns the path.
std::string add_checkpoint(const std::string& folder, Trainer& trainer, std::int64_t log_offset = 0);
// Loads the newest that is not damaged; nothing if there is none at all. Damaged ones that are passed over get a name that ends in
// ".damaged": `say`, or else stderr, is told of them, and if the bits may differ because other kernels or another version wrote it.
// Throws Error if all are damaged, or one is of another training, or the folder or a file cannot be read.
std::optional<CheckpointInfo> load_newest_checkpoint(const std::string& folder, Trainer& trainer,
                                                     const std::function<void(const std::string&)>& say = {});

// A model's config without its training, on one line.
std::string config_text(const Model& model);
// The path of the first member in which two JSON texts differ, and both values: `training.epochs is 3, not 4`; empty if they are
// equal.
std::string first_difference(const std::string& is, const std::string& expected);

}  // namespace six
