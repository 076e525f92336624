// Trains a net on handwritten digits, measures it, and asks it about single images. See `mnist --help`.
#include "../data/file.h"
#include "command_line.h"
#include "mnist/commands.h"
#include "mnist/configs.h"

namespace {

using six::add;

constexpr const char *kOwn = "the config's", *kThreads = "0: all processors; the result is the same for any number";

// An empty word, as of a variable that is not set, would pass for an option that was not given.
auto not_empty(const std::string& what) {
  return [what](const std::string& name) { return name.empty() ? "the name of the " + what + " is empty" : ""; };
}

// Its limits are the config's, which tells the digits as they were given.
std::string integer(const std::string& text) {
  constexpr std::size_t kMost = 18;  // of which 64 bits hold any
  const std::string digits = text.substr(text.starts_with('-'));
  const bool fits = !digits.empty() && digits.size() <= kMost && digits.find_first_not_of("0123456789") == digits.npos;
  return fits ? "" : "must be an integer of at most 18 digits, got " + six::printable(text);
}

void add_data(CLI::App& app, std::string& data) {
  add(app, "--data", data, "DIR", "Folder with the four files of MNIST, or of a set stored like it",
      "$MNIST_DIR, else the cache folder, else a download")
      ->check(not_empty("folder"));
}

void add_train(CLI::App& app, mnist::TrainOptions& o) {
  add(app, "--config", o.config, "CONFIG", "JSON model, a file or one of: " + mnist::config_names(),
      "mobilenet_28, or digits if MNIST cannot be had")
      ->check(not_empty("config"));
  add(app, "--from", o.from, "RUN",
      "Folder of a run whose model is trained on, as the config says (such as qat: as integers of 8 bits)")
      ->check(not_empty("folder"));
  add(app, "--teacher", o.teacher, "RUN", "Folder of the run of a larger net to learn from, as training.distillation says", kOwn)
      ->check(not_empty("folder"));
  add_data(app, o.data);
  add(app, "--epochs", o.epochs, "N", "Passes over the training images", kOwn)->check(integer);
  add(app, "--batch", o.batch, "N", "Images per step", kOwn)->check(integer);
  add(app, "--seed", o.seed, "N", "Of weights, order, augmentation and dropout", kOwn);
  add(app, "--threads", o.threads, "N", kThreads, kOwn)->check(integer);
  add(app, "--activation", o.activation, "relu|relu6", "In the place of every relu and relu6", kOwn)
      ->check(CLI::IsMember({"relu", "relu6"}));
  add(app, "--validation", o.validation, "N", "Training images set aside, on which the epochs are evaluated", kOwn)->check(integer);
  add(app, "--set", o.set, "PATH=VALUE",
      "Sets any member of the config, as training.optimizer.lr=0.01 or layers.3.out_channels=64; may be given several times")
      ->allow_extra_args(false);
  add(app, "--out", o.out, "DIR", "Folder of the run", "runs/<time>-<name>")->check(not_empty("folder"));
  app.add_flag("--overwrite", o.overwrite, "Replace the run in that folder");
  add(app, "--checkpoint-every", o.checkpoint_every, "N",
      "Steps between checkpoints in that folder, of which the last two are kept; with --resume too",
      "none but on Ctrl-C, and the first of --from")
      ->check(CLI::Range(1L, 1000000000L));
  app.add_flag("--resume", o.resume, "Go on with the run in the folder of --out, from its last checkpoint, to the same result");
}

void add_eval(CLI::App& app, mnist::EvalOptions& o) {
  add(app, "RUN", o.run, "", "Folder of a run, or a model.safetensors")->required();
  add_data(app, o.data);
  add(app, "--split", o.split, "PART", "train, validation or test", "test")->check(CLI::IsMember({"train", "validation", "test"}));
  add(app, "--threads", o.threads, "N", kThreads, "0");
}

void add_predict(CLI::App& app, mnist::PredictOptions& o) {
  add(app, "RUN", o.run, "", "Folder of a run, or a model.safetensors")->required();
  add(app, "IMAGE", o.image, "", "PNG, PGM or IDX file", "the test images")->check(not_empty("file"));
  add(app, "--index", o.index, "N", "Which image of the IDX file or of the test images, from 0", "0");
  app.add_flag("--invert", o.invert, "The image is dark on light, unlike those of MNIST");
  add_data(app, o.data);
}

int run(int argc, char** argv) {
  CLI::App app("Handwritten digits: trains a net, measures it, asks it about images.", "mnist");
  app.require_subcommand(1);
  mnist::TrainOptions train;
  mnist::EvalOptions eval;
  mnist::PredictOptions predict;
  add_train(*app.add_subcommand("train", "Train a model, and write the folder of the run"), train);
  add_eval(*app.add_subcommand("eval", "Accuracy and confusion matrix of a trained model"), eval);
  add_predict(*app.add_subcommand("predict", "What a trained model sees in an image"), predict);
  if (const auto code = six::parse_arguments(app, argc, argv)) return *code;
  if (app.got_subcommand("train")) return mnist::train(train);
  return app.got_subcommand("eval") ? mnist::eval(eval) : mnist::predict(predict);
}

}  // namespace

int main(int argc, char** argv) {
  return six::run_program("mnist", [&] { return run(argc, argv); });
}
