#include "checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "../data/file.h"
#include "../data/json.h"
#include "../data/safetensors.h"
#include "environment.h"

namespace six {
namespace {

constexpr const char *kCheckpointFormat = "sixgrad-checkpoint", *kVersion = "2", *kBefore = "1";  // without good weights
constexpr std::string_view kModel = "model.", kEma = "ema.", kOptimizer = "optimizer.", kGood = "good.";

std::string exact(double value) {  // by its bits
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, value, std::chars_format::hex).ptr};
}

// The metadata of a file, by key.
class Metadata {
 public:
  explicit Metadata(const std::map<std::string, std::string>& all) : all_(all) {}

  const std::string& text(const char* key) const {
    const auto found = all_.find(key);
    require(found != all_.end(), "the metadata lack ", key);
    return found->second;
  }
  template <class T>
  T count(const char* key) const {
    T value{};
    const std::string& digits = text(key);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    require(error == std::errc{} && end == digits.data() + digits.size() && value >= 0, key, " is ", printable(digits),
            ", must be a number >= 0");
    return value;
  }
  double real_number(const char* key) const {
    double value{};
    const std::string& digits = text(key);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::hex);
    require(error == std::errc{} && end == digits.data() + digits.size(), key, " is ", printable(digits),
            ", must be a hexadecimal number");
    return value;
  }

 private:
  const std::map<std::string, std::string>& all_;
};

void append(std::vector<SavedTensor>& to, std::vector<SavedTensor> more, std::string_view prefix = "") {
  for (SavedTensor& t : more) t.name.insert(0, prefix);
  std::move(more.begin(), more.end(), std::back_inserter(to));
}

std::string slot_prefix(const Optimizer::Slot& slot) { return std::string(kOptimizer) + slot.name + '.'; }

// The tensors whose names begin with `prefix`, which is left out.
std::vector<SavedTensor> below(const std::vector<SavedTensor>& tensors, std::string_view prefix) {
  std::vector<SavedTensor> own;
  for (const SavedTensor& t : tensors) {
    if (!t.name.starts_with(prefix)) continue;
    own.push_back(t);
    own.back().name.erase(0, prefix.size());
  }
  return own;
}

// A slab of the model's layout as the file has it.
std::vector<real> slab_of(const Model& model, const std::vector<SavedTensor>& tensors, const std::string& prefix) {
  std::vector<real> slab(std::size_t(model.params().size()));
  in_context(prefix + '*', [&] { model.set_slab_state(tensors, slab.data(), prefix); });
  return slab;
}

CheckpointInfo info_of(const Metadata& m) {
  CheckpointInfo info;
  info.state = {.epoch = m.count<long>("epoch"),
                .batch = m.count<long>("batch"),
                .step = m.count<long>("step"),
                .skipped = m.count<long>("skipped"),
                .loss = m.real_number("loss"),
                .grad_norm = m.real_number("grad_norm"),
                .correct = m.count<long>("correct"),
                .images = m.count<long>("images")};
  info.seed = m.count<std::uint64_t>("seed");
  info.data_digest = m.count<std::uint32_t>("data_digest");
  info.log_offset = m.count<std::int64_t>("log_offset");
  info.training = m.text("training");
  info.instruction_set = m.text("instruction_set");
  info.written_by = m.text("library");
  return info;
}

// What the file holds that is not the model's, the averages' or a slot's of this optimizer.
void require_all_known(const Safetensors& file, const CheckpointParts& parts, const std::vector<Optimizer::Slot>& slots) {
  for (const SavedTensor& t : file.tensors) {
    const bool known = t.name.starts_with(kModel) || t.name.starts_with(kGood) || (parts.ema && t.name.starts_with(kEma)) ||
                       std::any_of(slots.begin(), slots.end(), [&](const auto& s) { return t.name.starts_with(slot_prefix(s)); });
    require(known, "holds tensor ", printable(t.name),
            ", for which this training has no place (another optimizer, or no averages?)");
  }
}

// The good weights of a training; nothing if the file, of an older version or a loop of one's own, has none.
std::optional<Trainer::Weights> good_of(const Safetensors& file, const CheckpointParts& parts) {
  const std::vector<SavedTensor> tensors = below(file.tensors, kGood);
  if (tensors.empty()) return std::nullopt;
  return in_context("good.*", [&] {
    Model::Slabs slabs = parts.model.read_state(below(tensors, kModel));
    std::vector<real> averages = parts.ema ? slab_of(parts.model, tensors, std::string(kEma)) : std::vector<real>{};
    return Trainer::Weights{std::move(slabs.values), std::move(slabs.buffers), std::move(averages), {}};
  });
}

// Numbers of two models, or values and averages in each other's place, would be a training that never was.
void require_whole(const CheckpointParts& parts) {
  const ParamSet& params = parts.model.params();
  parts.optimizer.require_over(params);
  if (parts.ema) parts.ema->require_over(params);
  params.require_not_lent("checkpoint: asked for");
}

CheckpointInfo load(const Safetensors& file, const CheckpointParts& parts, const std::string& model,
                    const std::function<void(const CheckpointInfo&)>& accept, std::optional<Trainer::Weights>* good = nullptr) {
  require_whole(parts);
  const Metadata m(file.metadata);
  require(m.text("format") == kCheckpointFormat, "format is ", printable(m.text("format")), ", expected \"", kCheckpointFormat,
          '"');
  require(m.text("version") == kVersion || m.text("version") == kBefore, "version is ", printable(m.text("version")),
          ", this library reads versions ", kBefore, " and ", kVersion);
  require(m.text("precision") == precision(), "was written in ", printable(m.text("precision")), ", this program computes in ",
          precision());
  const std::string difference = first_difference(m.text("model"), model);
  require(difference.empty(), "is of another model: ", difference);
  CheckpointInfo info = info_of(m);
  const long steps = m.count<long>("optimizer_steps"), updates = m.count<long>("ema_updates");
  const double lr = m.real_number("lr");
  require(lr >= 0 && std::isfinite(lr), "lr is ", lr, ", must be a number >= 0");
  if (accept) accept(info);

  // All numbers are read before the first is changed.
  const std::vector<Optimizer::Slot> slots = parts.optimizer.state();
  require_all_known(file, parts, slots);
  std::vector<std::vector<real>> slabs;
  slabs.reserve(slots.size());
  for (const Optimizer::Slot& slot : slots) slabs.push_back(slab_of(parts.model, file.tensors, slot_prefix(slot)));
  const bool averaged =
      std::any_of(file.tensors.begin(), file.tensors.end(), [](const auto& t) { return t.name.starts_with(kEma); });
  require(!parts.ema || averaged || parts.model.params().size() == 0, "holds no averages; load it without an Ema");
  const std::vector<real> averages = parts.ema ? slab_of(parts.model, file.tensors, std::string(kEma)) : std::vector<real>{};
  if (good) *good = good_of(file, parts);
  in_context("model.*", [&] { parts.model.set_state(below(file.tensors, kModel)); });
  for (std::size_t i = 0; i < slots.size(); ++i) std::copy(slabs[i].begin(), slabs[i].end(), slots[i].values);
  parts.optimizer.set_steps(steps), parts.optimizer.set_lr(lr);
  if (parts.ema) std::copy(averages.begin(), averages.end(), parts.ema->values()), parts.ema->set_updates(updates);
  return info;
}

CheckpointParts parts_of(Trainer& t) { return {t.model(), t.optimizer(), t.ema()}; }

std::string difference_at(const Json& is, const Json& expected, const std::string& path) {
  if (is == expected) return {};
  const auto inner = [&](const std::string& name) { return path.empty() ? name : path + '.' + name; };
  if (is.is_object() && expected.is_object()) {
    for (const auto& [key, value] : is.items()) {
      const auto other = expected.find(key);
      if (other == expected.end()) return inner(key) + " is " + shown(value) + ", not absent";
      if (value != *other) return difference_at(value, *other, inner(key));
    }
    for (const auto& [key, value] : expected.items())
      if (!is.contains(key)) return inner(key) + " is absent, not " + shown(value);
  }
  if (is.is_array() && is.size() == expected.size())
    for (std::size_t i = 0; i < is.size(); ++i)
      if (is[i] != expected[i]) return difference_at(is[i], expected[i], path + '[' + std::to_string(i) + ']');
  return path + " is " + shown(is) + ", not " + shown(expected);
}

}  // namespace

std::string config_text(const Model& model) {  // without the training, which is compared by itself
  OrderedJson config = model.config();
  const JsonGuard guard{config};
  if (config.contains("training")) release(config["training"]), config.erase("training");
  return config.dump();
}

std::string first_difference(const std::string& is, const std::string& expected) {
  if (is == expected) return {};
  Json a = parse_json(is, "config"), b = parse_json(expected, "config");
  const JsonGuard guard_a{a}, guard_b{b};
  return difference_at(a, b, "");
}

namespace {
Safetensors make(const CheckpointParts& parts, const CheckpointInfo& info, const std::string& model) {
  require_whole(parts);
  Safetensors file;
  append(file.tensors, parts.model.state(), kModel);
  for (const Optimizer::Slot& slot : parts.optimizer.state())
    append(file.tensors, parts.model.slab_state(slot.values, slot_prefix(slot)));
  if (parts.ema) append(file.tensors, parts.model.slab_state(parts.ema->values(), std::string(kEma)));
  const TrainerState& s = info.state;
  file.metadata = {{"format", kCheckpointFormat},
                   {"version", kVersion},
                   {"model", model},
                   {"training", info.training},
                   {"epoch", std::to_string(s.epoch)},
                   {"batch", std::to_string(s.batch)},
                   {"step", std::to_string(s.step)},
                   {"skipped", std::to_string(s.skipped)},
                   {"loss", exact(s.loss)},
                   {"grad_norm", exact(s.grad_norm)},
                   {"correct", std::to_string(s.correct)},
                   {"images", std::to_string(s.images)},
                   {"lr", exact(parts.optimizer.lr())},
                   {"optimizer_steps", std::to_string(parts.optimizer.steps())},
                   {"ema_updates", std::to_string(parts.ema ? parts.ema->updates() : 0)},
                   {"seed", std::to_string(info.seed)},
                   {"data_digest", std::to_string(info.data_digest)},
                   {"log_offset", std::to_string(info.log_offset)},
                   {"precision", precision()},
                   {"instruction_set", instruction_set()},
                   {"library", library_version()}};
  return file;
}
}  // namespace

Safetensors checkpoint_of(const CheckpointParts& parts, const CheckpointInfo& info) {
  return make(parts, info, config_text(parts.model));
}

CheckpointInfo load_checkpoint(const Safetensors& file, const CheckpointParts& parts,
                               const std::function<void(const CheckpointInfo&)>& accept) {
  return load(file, parts, config_text(parts.model), accept);
}

void save_checkpoint(const std::string& path, const CheckpointParts& parts, const CheckpointInfo& info) {
  write_safetensors(path, in_context(path, [&] { return checkpoint_of(parts, info); }), Checksum::required);
}

namespace {
// Runs `load` on the file; what is wrong with it names the path.
template <class Load>
CheckpointInfo from_file(const std::string& path, Load&& load) {
  const std::vector<std::uint8_t> bytes = read_file(path);  // what cannot be read now need not be damaged
  const Safetensors file = [&] {
    try {
      return parse_safetensors(bytes, path, Checksum::required);
    } catch (const Error& e) {
      throw DamagedCheckpoint(e.what());
    }
  }();
  return in_context(path, [&] { return load(file); });
}
}  // namespace

CheckpointInfo load_checkpoint(const std::string& path, const CheckpointParts& parts,
                               const std::function<void(const CheckpointInfo&)>& accept) {
  return from_file(path, [&](const Safetensors& file) { return load_checkpoint(file, parts, accept); });
}

CheckpointInfo load_checkpoint(const std::string& path, Trainer& trainer) {
  return from_file(path, [&](const Safetensors& file) { return load_checkpoint(file, trainer); });
}

Safetensors checkpoint_of(Trainer& trainer, std::int64_t log_offset) {
  Safetensors file = make(parts_of(trainer),
                          {.state = trainer.state(),
                           .seed = trainer.config().seed,
                           .data_digest = trainer.data_digest(),
                           .log_offset = log_offset,
                           .training = trainer.training_text()},
                          trainer.model_text());
  const std::string prefix(kGood);
  const Trainer::Weights& good = trainer.good();
  const Model& model = trainer.model();
  append(file.tensors, model.state(good.values.data(), good.buffers.data()), prefix + std::string(kModel));
  if (trainer.ema()) append(file.tensors, model.slab_state(good.averages.data(), prefix + std::string(kEma)));
  return file;
}

void save_checkpoint(const std::string& path, Trainer& trainer, std::int64_t log_offset) {
  write_safetensors(path, in_context(path, [&] { return checkpoint_of(trainer, log_offset); }), Checksum::required);
}

namespace {
std::string difference_of_trainings(const std::string& is, const std::string& expected) {
  if (is == expected) return "";
  Json training = parse_json(is, "training");
  const JsonGuard guard{training};
  return first_difference(training_identity(training), expected);
}
}  // namespace

CheckpointInfo load_checkpoint(const Safetensors& file, Trainer& trainer) {
  const auto accept = [&](const CheckpointInfo& info) {
    require(!info.training.empty(),
            "was saved by a loop without a trainer; load it with the model and the optimizer it was saved with");
    const std::string difference = difference_of_trainings(info.training, trainer.training_text());
    require(difference.empty(), "is of another training: ", difference);
    require(info.seed == trainer.config().seed, "seed is ", info.seed, ", not ", trainer.config().seed);
    require(info.data_digest == trainer.data_digest(), "was trained on other images or by another teacher: their digest is ",
            info.data_digest, ", not ", trainer.data_digest());
    trainer.require_state(info.state);
  };
  std::optional<Trainer::Weights> good;
  CheckpointInfo info = load(file, parts_of(trainer), trainer.model_text(), accept, &good);
  trainer.set_state(info.state);
  if (good) trainer.set_good(std::move(*good));
  return info;
}

}  // namespace six
