#pragma once
#include <vector>

#include "int_network.h"

namespace six {

struct MemoryOptions {
  // A value may lie over one that is read for the last time while it is written, in so far as every byte has been read before it
  // is overwritten: a pointwise convolution creeps over its own input, an addition runs in place.
  bool overlap = true;
  // A depthwise convolution may run inside the pointwise one behind it, pixel by pixel, where that makes the arena smaller.
  bool fuse = false;
};

// Where the values of an integer network lie in one arena. The image and the logits are the caller's and not in it.
struct MemoryPlan {
  std::vector<long> offset;    // of each value; -1: not in the arena
  std::vector<bool> backward;  // of each stage: whether it runs from its last output to its first
  std::vector<bool> fused;     // of each stage: whether it runs inside the next one; of its value there is one pixel at a time
  long size = 0;
};

// By lifetime.
MemoryPlan plan_memory(const IntNetwork& network, const MemoryOptions& options = {});

// How far in front of its input (or, running backward, behind it) a stage's output must begin so that it overwrites no byte that
// is yet to be read; the order is rows, columns, channels of the output.
long creep(const IntStage& stage, const IntNetwork& network, std::size_t input, bool backward);

// Bytes alive while a stage runs.
long live_bytes(const IntNetwork& network, const MemoryPlan& plan, std::size_t stage);

}  // namespace six
