#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mnist {

// The JSON model of a file, or, by its plain name, of one of the configs that are part of the program ("mobilenet_28").
// Throws Error; if there is no such file, naming the configs.
nlohmann::json find_config(const std::string& file_or_name);

// The names of the configs that are part of the program, with commas between them.
std::string config_names();

}  // namespace mnist
