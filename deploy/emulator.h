#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "int_network.h"

namespace six {

// Runs an integer network as the emitted C file does, in plain loops: the definition of every bit. For one caller at a time.
class Emulator {
 public:
  explicit Emulator(const IntNetwork& network);  // which must outlive it

  // The logits, codes or accumulators; they stay valid until the next run. Throws if the image has not the network's size.
  std::span<const std::int32_t> run(std::span<const std::uint8_t> image);
  // The codes of a value after a run (of the logits only if they are codes).
  std::span<const std::int8_t> codes(int value) const { return values_[std::size_t(network_->storage(value))]; }

 private:
  const IntNetwork* network_;
  std::vector<std::vector<std::int8_t>> values_;
  std::vector<std::int32_t> logits_;
};

// One stage on codes: `out` from `in`; accumulators go to `sums`.
void run_stage(const IntStage& stage, const IntNetwork& network, std::span<const std::int8_t* const> in, std::int8_t* out,
               std::int32_t* sums);

// The class of the largest logit, the first of equal ones.
int argmax(std::span<const std::int32_t> logits);

}  // namespace six
