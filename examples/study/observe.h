#pragma once
#include <string>
#include <vector>

#include "../../core/tape.h"

namespace six::study {

// What enters one activation.
struct Inputs {
  std::string layer;  // its path
  long elements = 0, touching = 0, at_0 = 0, at_touch = 0;
  long bf16_at_0 = 0, bf16_at_touch = 0;  // after rounding to bfloat16
  double largest = 0;
};
enum class Look { largest, counts, bf16 };  // each more than the one before
// Reads the inputs of every activation (clamps and PACT) off a tape, between forward and backward: no kernel runs slower for it.
// `touch`: the upper clip that is looked for. What was not looked at stays 0.
std::vector<Inputs> observe(const Tape& tape, double touch, Look look);
// All layers together.
Inputs total(const std::vector<Inputs>& layers);

}  // namespace six::study
