#include "run_folder.h"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "../data/file.h"
#include "../data/json.h"
#include "../data/sha256.h"
#include "checkpoint.h"
#include "config.h"
#include "environment.h"
#include "metrics_log.h"

namespace six {
namespace {

constexpr const char* kFiles[] = {"result.json", "metrics.jsonl", "model.safetensors", "model.json"};

std::vector<std::string> files_of(const std::string& folder) {
  std::vector<std::string> files = checkpoints_in(folder);
  for (std::string& path : checkpoints_in(folder, true)) files.push_back(std::move(path));
  for (const char* file : kFiles)
    if (file_exists(folder + '/' + file)) files.push_back(folder + '/' + file);
  return files;
}

// What is seen in the folder from then on, no other run changes any more.
FolderLock locked_folder(const std::string& folder) {
  namespace fs = std::filesystem;
  make_folder(folder);
  for (const char* file : kFiles) {
    const std::string path = folder + '/' + file;
    std::error_code unknown;  // then opening it says why
    const fs::file_status status = fs::status(path, unknown);
    require(!fs::exists(status) || fs::is_regular_file(status), path,
            ": is no regular file, and stands where the run will write one; remove it, or choose another folder");
  }
  return FolderLock(folder);
}

}  // namespace

bool holds_run(const std::string& folder) { return !files_of(folder).empty(); }

FolderLock start_run(const std::string& folder, bool overwrite) {
  FolderLock lock = locked_folder(folder);
  const std::vector<std::string> files = files_of(folder);
  require(overwrite || files.empty(), folder, ": holds a run already; choose another folder, or give --overwrite to replace it");
  for (const std::string& path : files) require(file_calls().remove(path.c_str()) == 0, path, ": cannot be removed");
  return lock;
}

FolderLock continue_run(const std::string& folder, const Model& model) {
  FolderLock lock = locked_folder(folder);
  const std::string path = folder + "/model.json";
  if (file_exists(path)) {
    const auto identity = [](Json json) {
      const JsonGuard guard{json};
      if (json.is_object() && json.contains("training")) json["training"] = Json::parse(training_identity(json["training"]));
      return json.dump();
    };
    const Json begun = read_json(path);
    const std::string is = in_context(path, [&] { return identity(begun); });
    const std::string difference = first_difference(is, identity(Json::parse(model.to_json())));
    require(difference.empty(), folder, ": holds the run of another config: ", difference,
            "; to go on, give the settings it was begun with, or --out and --resume alone");
  }
  return lock;
}

bool is_finished(const std::string& folder) {
  if (!file_exists(folder + "/result.json")) return false;
  const std::string weights = folder + "/model.safetensors";
  require(file_exists(weights), weights, ": is no file, though the run is finished, as its result.json says; remove that, then ",
          "--resume goes on from the last checkpoint, or give --overwrite");
  return true;
}

std::string new_run_folder(const std::string& parent, const std::string& name) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
  std::string word = name;  // a model's name is free text, a part of a path is not
  std::replace_if(
      word.begin(), word.end(), [](unsigned char c) { return !std::isalnum(c) && c != '_' && c != '-'; }, '-');
  make_folder(parent);
  const std::string first = parent + '/' + text + '-' + word;
  std::string folder = first;
  for (int i = 2; !make_new_folder(folder); ++i) folder = first + '-' + std::to_string(i);
  return folder;
}

std::string config_hash(const Model& model) { return sha256(as_bytes(model.to_json())); }

void write_result(const std::string& folder, const RunResult& r) {
  const OrderedJson result = {{"test_accuracy", json_number(r.test_accuracy)},
                              {"test_loss", json_number(r.test_loss)},
                              {"seconds_total", json_number(seconds_since_start())},
                              {"seconds_training", json_number(r.seconds_training)},
                              {"images_per_second", json_number(r.images_per_second)},
                              {"parameters", r.parameters},
                              {"peak_rss_mb", json_number(peak_rss_mb())},
                              {"seed", r.seed},
                              {"threads", r.threads},
                              {"data_set", r.data_set},
                              {"config_hash", r.config_hash},
                              {"version", library_version()}};
  write_file_atomic(folder + "/result.json", result.dump(2) + '\n');
}

}  // namespace six
