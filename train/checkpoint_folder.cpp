// Which checkpoints a folder holds, which are kept, and which of them is gone on from.
#include <algorithm>
#include <charconv>
#include <cstdio>

#include "../data/file.h"
#include "checkpoint.h"
#include "environment.h"

namespace six {
namespace {

constexpr std::string_view kPrefix = "checkpoint-", kSuffix = ".safetensors", kDamaged = ".safetensors.damaged";

struct Found {
  long step;
  std::string path;
};

std::string path_of(const std::string& folder, long step, std::string_view suffix = kSuffix) {
  return folder + '/' + std::string(kPrefix) + std::to_string(step) + std::string(suffix);
}

// The newest first.
std::vector<Found> find_checkpoints(const std::string& folder, std::string_view suffix = kSuffix) {
  std::vector<Found> found;
  for (const std::string& name : names_in(folder)) {
    if (!name.starts_with(kPrefix) || !name.ends_with(suffix)) continue;
    const char *first = name.data() + kPrefix.size(), *last = name.data() + name.size() - suffix.size();
    long step = 0;
    if (first >= last || std::from_chars(first, last, step).ptr != last || path_of(folder, step, suffix) != folder + '/' + name)
      continue;
    found.push_back({step, path_of(folder, step, suffix)});
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.step > b.step; });
  return found;
}

}  // namespace

std::vector<std::string> checkpoints_in(const std::string& folder, bool damaged) {
  std::vector<std::string> paths;
  for (Found& f : find_checkpoints(folder, damaged ? kDamaged : kSuffix)) paths.push_back(std::move(f.path));
  return paths;
}

std::string add_checkpoint(const std::string& folder, Trainer& trainer, std::int64_t log_offset) {
  const long step = trainer.state().step;
  std::string path = path_of(folder, step);
  save_checkpoint(path, trainer, log_offset);
  // Those of later steps are from a future that was given up.
  int older = 0;
  for (const Found& f : find_checkpoints(folder))
    if (f.step > step || (f.step < step && ++older > 1)) file_calls().remove(f.path.c_str());
  return path;
}

std::optional<CheckpointInfo> load_newest_checkpoint(const std::string& folder, Trainer& trainer,
                                                     const std::function<void(const std::string&)>& say) {
  const auto tell = [&](const std::string& text) {
    if (say)
      say(text);
    else
      std::fprintf(stderr, "%s\n", text.c_str());
  };
  std::string damaged;
  std::vector<std::string> passed_over;
  for (const std::string& path : checkpoints_in(folder)) {
    try {
      const CheckpointInfo info = load_checkpoint(path, trainer);
      // Under its name it would count as one of the last two, and the one that is gone on from be removed.
      for (const std::string& bad : passed_over)
        tell(file_calls().rename(bad.c_str(), (bad + ".damaged").c_str()) == 0
                 ? bad + ": is now " + bad + ".damaged"
                 : bad + ": cannot be renamed; remove it, or it counts as one of the two that are kept");
      if (info.instruction_set != instruction_set() || info.written_by != library_version())
        tell(path + ": was written by " + printable(info.written_by) + " with the kernels " + printable(info.instruction_set) +
             ", this is " + library_version() + " with " + instruction_set() + ": the results may differ in their last bits");
      return info;
    } catch (const DamagedCheckpoint& e) {
      damaged += (damaged.empty() ? "" : "; ") + std::string(e.what());
      passed_over.push_back(path);
      tell("WARNING: DAMAGED CHECKPOINT: " + std::string(e.what()));
    }
  }
  require(damaged.empty(), damaged, "; no checkpoint in ", folder, " can be read; remove them to begin again");
  return std::nullopt;
}

}  // namespace six
