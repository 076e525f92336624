#pragma once
#include <string>

#include "int_network.h"

namespace six {

// What one stage needs in C: its constants, and a function `static void layer_N(inputs..., output)`. Fused into the next one it is
// `static void layer_N(input, oy, ox, pixel)`, which the next one, `static void layer_N(input, pixel, output)`, calls.
struct CLayer {
  std::string tables, function;
};
struct CLayerOptions {
  int number = 0;  // of the stage, from 1
  bool backward = false, avr = false;
  bool fused = false;               // into the next stage
  const IntStage* inner = nullptr;  // the stage before, if it is fused into this one
};
CLayer c_layer(const IntStage& stage, const IntNetwork& network, const CLayerOptions& options);

// "layers.3 (conv2d): 3x3 stride 2, 28x28x1 -> 14x14x16", for comments and tables.
std::string description(const IntStage& stage, const IntNetwork& network);

}  // namespace six
