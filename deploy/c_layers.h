#pragma once
#include <string>

#include "int_network.h"

namespace six {

// What one stage needs in C: its constants, and a function `static void layer_N(inputs..., output)`.
struct CLayer {
  std::string tables, function;
};
struct CLayerOptions {
  int number = 0;  // of the stage, from 1
  bool backward = false, avr = false;
};
CLayer c_layer(const IntStage& stage, const IntNetwork& network, const CLayerOptions& options);

// "layers.3 (conv2d): 3x3 stride 2, 28x28x1 -> 14x14x16", for comments and tables.
std::string description(const IntStage& stage, const IntNetwork& network);

}  // namespace six
