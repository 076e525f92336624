#pragma once
#include <string>
#include <vector>

#include "int8.h"
#include "table.h"

namespace six::kernels {

// The table for this machine: the widest instruction set it has, or the one named by the environment variable SIX_ISA
// (baseline, v3, v4). Chosen once. Throws Error if the name is unknown or the machine lacks it.
const Table& table();

// Every table this machine can run, narrowest first.
const std::vector<const Table*>& tables();

// The same for integer inference; VNNI is a table of its own.
const std::vector<const Int8Table*>& int8_tables();

}  // namespace six::kernels

namespace six {

// One line: the instruction set in use, its vector width and those available.
std::string cpu_features();

}  // namespace six
