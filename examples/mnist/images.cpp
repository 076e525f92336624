#include "images.h"

#include <cstdio>

#include "../../core/error.h"
#include "../../data/download.h"

namespace mnist {

six::Dataset load_images(const six::TrainingConfig& config, const std::string& folder) {
  const bool digits = config.data == six::DataSource::digits;
  six::require(!digits || folder.empty(), "--data ", folder, ": this config is for the embedded digits, which need no folder");
  const auto say = [](const std::string& line) { std::printf("%s\n", line.c_str()), std::fflush(stdout); };
  six::Dataset data = digits ? six::load_digits() : six::load_mnist(six::locate_mnist(folder, true, {.say = say}));
  six::split_validation(data, config.validation);
  return data;
}

}  // namespace mnist
