#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <nlohmann/json.hpp>

#include "../../core/error.h"
#include "../../data/download.h"
#include "../../deploy/quantized_model.h"
#include "../../train/checkpoint.h"
#include "../../train/metrics_log.h"
#include "../../train/override.h"
#include "../../train/progress.h"
#include "../../train/run_folder.h"
#include "../../train/trainer.h"
#include "commands.h"
#include "configs.h"
#include "images.h"
#include "interrupt.h"
#include "show.h"

namespace mnist {
namespace {

using six::Json;

// Without a config: the net for MNIST if the images can be had, else the one for the embedded digits. A folder that was named is
// meant, and what is wrong with it an error.
std::string default_config(const TrainOptions& o) {
  const char* named = std::getenv("MNIST_DIR");
  if (!o.data.empty() || (named && *named)) return "mobilenet_28";
  try {
    six::locate_mnist("", true, {.say = [](const std::string& line) { std::printf("%s\n", line.c_str()); }});
    return "mobilenet_28";
  } catch (const six::Error& e) {
    std::printf("%s. Training on the embedded digits instead.\n", e.what());
    return "digits";
  }
}

// The config with every default written out; null if it cannot be read before it is changed.
Json with_defaults(const Json& config) {
  try {
    Json all = Json::parse(six::Model::from_config(config).to_json());
    all["training"] = Json::parse(six::write_training(six::read_training(config.value("training", Json()))).dump());
    return all;
  } catch (const six::Error&) {
    return {};
  }
}

// Flags are overrides of single members, and come last.
void apply_flags(Json& config, const TrainOptions& o) {
  const Json defaults = o.set.empty() ? Json() : with_defaults(config);
  for (const std::string& assignment : o.set) six::apply_override(config, assignment, defaults);
  const auto set = [&](const char* key, std::optional<std::string> value) {
    if (!value) return;
    const std::size_t first = value->starts_with('-'), digit = value->find_first_not_of('0', first);
    if (value->find_first_not_of("0123456789", first) == value->npos)
      value->erase(first, std::min(digit, value->size() - 1) - first);  // zeros in front, which JSON does not take
    six::apply_override(config, "training." + std::string(key) + '=' + *value);
  };
  set("epochs", o.epochs), set("batch", o.batch), set("validation", o.validation), set("threads", o.threads), set("seed", o.seed);
  if (!o.teacher.empty())
    six::apply_override(config, "training.distillation.teacher=" +
                                    six::OrderedJson(o.teacher).dump(-1, ' ', false, six::OrderedJson::error_handler_t::replace));
}

// Puts the named activation in the place of every relu and relu6; returns of how many.
int replace_activations(Json& at, const std::string& type) {
  int count = 0;
  if (at.is_object() && at.contains("type") && (at["type"] == "relu" || at["type"] == "relu6")) {
    ++count;
    if (at["type"] != type) at["type"] = type, at.erase("at_kink");
  }
  if (at.is_structured())
    for (auto& child : at) count += replace_activations(child, type);
  return count;
}

// Adds to an error what to do if --set changed the type of something, whose other settings then need not fit.
template <class Body>
auto with_remedy(const TrainOptions& o, Body&& body) {
  try {
    return body();
  } catch (const six::Error& e) {
    std::string text = e.what();
    for (const std::string& assignment : o.set)
      if (const std::size_t at = assignment.find(".type="); at < assignment.find('='))
        text += "; with another type, set the whole of it: --set '" + assignment.substr(0, at) + R"(={"type": ")" +
                assignment.substr(at + 6) + R"(", ...}')";
    throw six::Error(text);
  }
}

// A model as the options want it, with the training it is meant for.
std::pair<six::Model, six::TrainingConfig> build(const std::string& name, const TrainOptions& o) {
  Json json = find_config(name);
  six::require(json.value("format", Json()) != "sixgrad-training", name,
               ": is a training without layers; name the run that it goes on with by --from");
  six::in_context(name, [&] { apply_flags(json, o); });
  const auto read = [&] {
    const six::TrainingConfig config = six::read_training(json.contains("training") ? json["training"] : Json());
    const six::ModelOptions options{.seed = config.seed};
    six::Model model = six::Model::from_config(json, options);
    if (!o.activation.empty()) {
      Json canonical = Json::parse(model.to_json());
      six::require(replace_activations(canonical["layers"], o.activation) > 0,
                   "--activation: the model has no relu or relu6 to replace");
      model = six::Model::from_config(canonical, options);
    }
    model.set_training(Json::parse(six::write_training(config).dump()));
    return std::pair(std::move(model), config);
  };
  return with_remedy(o, [&] { return six::in_context(name, read); });
}

// The trained model of another run, to go on with as the config says.
std::pair<six::Model, six::TrainingConfig> load_from(const std::string& name, const TrainOptions& o) {
  six::require(o.activation.empty() && !o.resume, "--from: the layers are those of ", o.from, "; leave out ",
               o.resume ? "--resume" : "--activation");
  Json json = find_config(name);
  return six::in_context(name, [&] {
    apply_flags(json, o);
    six::require(json.value("format", Json()) == "sixgrad-training",
                 "a config for --from has \"format\": \"sixgrad-training\" and the key \"training\", no layers");
    six::require(json.value("version", Json()) == 1 && json.contains("training") && json.size() == 3,
                 "expected the keys format, version (1) and training, got ", six::shown(json));
    six::Model model = six::Model::load(o.from);
    six::TrainingConfig training = six::read_training(json["training"]);
    if (!json["training"].contains("data")) training.data = six::training_of(model).data;
    return std::pair(std::move(model), training);
  });
}

// The model in the form in which its training fine-tunes it.
six::Model quantized(const six::Model& model, const six::TrainingConfig& config, const six::Dataset& data) {
  constexpr long kCalibration = 1000;  // images on which ranges begin
  const long steps = config.epochs * (data.train.size() / config.batch);
  return six::quantized_model(model, *config.quant, data.train.bytes(0, std::min(kCalibration, data.train.size())), steps,
                              config.threads);
}

// The evaluation of the last epoch, if that was on the test images.
six::Evaluation test_of(six::Trainer& trainer, const six::Dataset& data, const six::EpochReport& last) {
  return last.split == "test" && last.evaluation ? *last.evaluation : trainer.evaluate(data.test);
}

// Where a run's log goes on: at its beginning, unless a checkpoint says otherwise.
std::optional<std::int64_t> resume(six::Trainer& trainer, const std::string& folder, const std::string& log) {
  const auto info =
      six::load_newest_checkpoint(folder, trainer, [](const std::string& line) { std::printf("%s\n", line.c_str()); });
  if (!info) {
    six::require(!trainer.config().quant, folder, ": no checkpoint yet; start again with --from");
    std::printf("%s: no checkpoint yet, starting from the beginning\n", folder.c_str());
    return std::nullopt;
  }
  std::printf("%s: going on after step %s of %s\n", folder.c_str(), six::grouped(info->state.step).c_str(),
              six::grouped(trainer.total_steps()).c_str());
  if (six::file_exists(log)) return info->log_offset;
  std::printf("%s: is missing, a new log begins here\n", log.c_str());
  return std::nullopt;
}

int interrupted(const TrainOptions& o, const std::string& folder, const std::string& checkpoint, int signal) {
  std::string command = "mnist train --resume --out " + six::quoted(folder);
  if (!o.data.empty()) command += " --data " + six::quoted(o.data);
  if (o.checkpoint_every) command += " --checkpoint-every " + std::to_string(o.checkpoint_every);
  std::printf("\ninterrupted; all of it is in %s. To go on:\n  %s\n", checkpoint.c_str(), command.c_str());
  return 128 + signal;
}

std::string add_checkpoint(const std::string& folder, six::Trainer& trainer, six::MetricsLog& log) {
  log.sync();
  try {
    return six::add_checkpoint(folder, trainer, log.offset());
  } catch (const std::bad_alloc&) {
    six::fail(folder, ": not enough memory to write the checkpoint of step ", trainer.state().step, "; free some, then ",
              six::checkpoints_in(folder).empty() ? "begin again with --overwrite" : "--resume goes on from the last one");
  }
}

int run(const TrainOptions& o, six::Trainer& trainer, six::Model& model, const std::string& folder) {
  const six::TrainingConfig& config = trainer.config();
  const std::string weights = folder + "/model.safetensors", json = model.to_json();
  // Going on needs the path of a teacher; the training is the same one wherever that lies.
  model.set_training(Json::parse(six::training_identity(config)));
  const std::string hash = six::config_hash(model);
  const std::string log_path = folder + "/metrics.jsonl";
  const auto offset = o.resume ? resume(trainer, folder, log_path) : std::nullopt;
  if (o.resume && !o.checkpoint_every) std::printf("checkpoints: only if interrupted, without --checkpoint-every\n");
  six::MetricsLog log(log_path, {.config_hash = hash, .seed = config.seed, .threads = config.threads}, offset);
  six::ProgressDisplay display(stdout);
  six::EpochReport last;
  six::TrainingResult result;
  const auto checkpoint = [&] { return add_checkpoint(folder, trainer, log); };
  // What the config cannot build again, weights of another run, is kept before the config says that there is something to go on
  // with.
  // A new log in the place of one that is lost needs a checkpoint that knows it.
  if (!o.from.empty() || (trainer.state().step > 0 && !offset)) checkpoint();
  six::write_file_atomic(folder + "/model.json", json);
  const Interrupt interrupt;
  try {
    const auto after_step = [&](const six::StepReport& r) {
      display.step(r);
      if (!r.skipped.empty())
        display.line("step " + std::to_string(r.step) + " is skipped, the learning rate halved: " + r.skipped);
      if (o.checkpoint_every && r.step % o.checkpoint_every == 0) checkpoint();
    };
    result = trainer.run({.step = after_step,
                          .epoch = [&](const six::EpochReport& r) { display.epoch(r), log.epoch(r), last = r; },
                          .stop = [&] { return interrupt.signal() != 0; }});
  } catch (const six::NonFinite& e) {
    trainer.finish();
    model.save(weights);
    throw six::NonFinite(std::string(e.what()) + "; they are in " + weights, e.step);
  } catch (const std::bad_alloc&) {
    six::fail(folder, ": not enough memory for a step of ", config.batch, " images; a smaller --batch needs less");
  }
  if (!result.finished) return interrupted(o, folder, checkpoint(), interrupt.signal());
  const auto begin = std::chrono::steady_clock::now();
  const six::Evaluation test = test_of(trainer, trainer.data(), last);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (last.split != "test") log.evaluation(last, "test", test, seconds);
  model.save(weights);
  log.sync();  // result.json says that all the rest is there, also after a power cut
  six::write_result(folder, {.test_accuracy = test.accuracy(),
                             .test_loss = test.loss,
                             .seconds_training = result.seconds,
                             .images_per_second = result.images_per_second,
                             .parameters = model.parameter_count(),
                             .seed = config.seed,
                             .threads = config.threads,
                             .data_set = trainer.data().name,
                             .config_hash = hash});
  std::printf("\ntest: %s\n%s: model.safetensors, model.json, metrics.jsonl, result.json\n", evaluation_text(test).c_str(),
              folder.c_str());
  return 0;
}

// Without a config, a run that is to go on has its own.
std::string config_of(const TrainOptions& o) {
  if (!o.config.empty()) return o.config;
  six::require(o.from.empty(), "--from needs --config, the training that goes on with it, as qat");
  if (!o.resume) return default_config(o);
  std::string own = o.out + "/model.json";
  six::require(six::file_exists(own), o.out, ": has no model.json, no run to go on with; name its --config, or leave out --resume");
  return own;
}

// A new run must not take the place of one that it is made from, by whatever name or link that is given.
void require_kept(const std::string& source, const std::string& folder) {
  namespace fs = std::filesystem;
  if (source.empty()) return;
  std::error_code none;  // what is not there is not the same
  const auto inside = [&](const fs::path& file) { return fs::equivalent(file.parent_path(), folder, none); };
  const std::vector<std::string> files =
      fs::is_directory(source, none) ? std::vector{source + "/model.json", source + "/model.safetensors"} : std::vector{source};
  for (const std::string& file : files)
    six::require(!inside(fs::absolute(file, none)) && !inside(fs::canonical(file, none)), folder, ": holds ", source,
                 ", from which this training learns; choose another --out");
}

}  // namespace

int train(const TrainOptions& o) {
  six::require(!o.resume || !o.out.empty(), "--resume needs --out, the folder of the run that is to go on");
  six::require(!o.resume || !o.overwrite, "--resume goes on with a run, --overwrite replaces it: only one can be given");
  const std::string name = config_of(o);
  std::pair<six::Model, six::TrainingConfig> built = o.from.empty() ? build(name, o) : load_from(name, o);
  six::Model& model = built.first;
  const six::TrainingConfig& config = built.second;
  six::require(!config.quant || !o.from.empty() || o.resume, name,
               ": training.quant fine-tunes a trained model; name its run with --from");
  const six::Dataset data = load_images(config, o.data);
  if (!o.from.empty() && config.quant) model = six::in_context(o.from, [&] { return quantized(model, config, data); });
  if (!o.from.empty()) model.set_training(Json::parse(six::write_training(config).dump()));
  six::Trainer trainer = six::in_context(name, [&] { return six::Trainer(model, data, config); });
  const std::string folder = o.out.empty() ? six::new_run_folder("runs", model.name()) : o.out;
  if (!o.resume)
    for (const std::string& source : {o.from, config.distillation.teacher}) require_kept(source, folder);
  const six::FolderLock lock = o.resume ? six::continue_run(folder, model) : six::start_run(folder, o.overwrite);
  if (o.resume && six::is_finished(folder)) {
    std::printf("%s: is finished, its result is in result.json\n", folder.c_str());
    return 0;
  }
  std::printf("%s: %s parameters, %s multiply-accumulates an image\n%s: %s training images, %s test images; %d thread%s\n",
              model.name().c_str(), six::grouped(model.parameter_count()).c_str(), six::grouped(model.macs()).c_str(),
              data.name.c_str(), six::grouped(data.train.size()).c_str(), six::grouped(data.test.size()).c_str(),
              trainer.config().threads, trainer.config().threads == 1 ? "" : "s");
  if (!config.distillation.teacher.empty()) std::printf("teacher: %s\n", config.distillation.teacher.c_str());
  return run(o, trainer, model, folder);
}

}  // namespace mnist
