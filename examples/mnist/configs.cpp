#include "configs.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "../../core/error.h"
#include "../../data/file.h"
#include "../../data/json.h"
#include "../../layers/config.h"

// Written by the build from examples/configs: names and texts; the last name is null.
struct EmbeddedConfig {
  const char* name;
  const unsigned char* text;
  unsigned long size;
};
extern const EmbeddedConfig six_embedded_configs[];

namespace mnist {
namespace {

std::vector<std::string_view> names() {
  std::vector<std::string_view> all;
  for (const EmbeddedConfig* c = six_embedded_configs; c->name; ++c) all.push_back(c->name);
  return all;
}

}  // namespace

std::string config_names() {
  std::string text;
  for (std::string_view name : names()) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

nlohmann::json find_config(const std::string& file_or_name) {
  for (const EmbeddedConfig* c = six_embedded_configs; c->name; ++c)
    if (file_or_name == c->name) return six::parse_json(six::as_text({c->text, c->size}), file_or_name);
  std::error_code unknown;  // then the next says why
  six::require(!std::filesystem::is_directory(file_or_name, unknown), file_or_name,
               ": is a folder, not a config; a run is gone on with by --resume --out, its model trained on by --from");
  if (!six::file_exists(file_or_name)) {
    std::string_view near = six::nearest(file_or_name, names());
    if (!near.starts_with(file_or_name[0])) near = "";  // another word rather than a slip: of four letters two may differ
    six::fail(file_or_name, ": there is no such file, and no config of this name (", config_names(), ")",
              near.empty() ? "" : "; did you mean ", near, near.empty() ? "" : "?");
  }
  nlohmann::json config = six::read_json(file_or_name);
  six::require(config.is_object(), file_or_name, ": must be a JSON object, got ", six::shown(config));
  return config;
}

}  // namespace mnist
