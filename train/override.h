#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace six {

// Sets one value of a JSON document. `assignment` is PATH=VALUE: keys and array indices (from 0) joined by dots, as in
// training.optimizer.lr=0.01 or layers.3.out_channels=64; the value is JSON, or else taken as a string. Objects on the way that are
// missing are those of `defaults`, the document with its defaults written out (but not around a new "type", whose settings are
// others), or are made: what reads the document rejects keys it does not know. Throws Error naming the part of the path that fails.
void apply_override(nlohmann::json& document, const std::string& assignment, const nlohmann::json& defaults = {});

}  // namespace six
