// Trains a net on handwritten digits, measures it, and asks it about single images. See `mnist --help`.
#include "../train/environment.h"
#include "command_line.h"
#include "mnist/commands.h"
#include "mnist/configs.h"

namespace {

constexpr const char* kData =
    "Folder with the four files of MNIST, or of a set stored like it; else $MNIST_DIR, the cache, a download";

void add_train(CLI::App& app, mnist::TrainOptions& o) {
  app.add_option("--config", o.config, "JSON model, a file or one of: " + mnist::config_names());
  app.add_option("--from", o.from,
                 "Folder of a run whose model is trained on, as the config says (such as qat: as integers of 8 bits)");
  app.add_option("--data", o.data, kData);
  app.add_option("--epochs", o.epochs, "Passes over the training images");
  app.add_option("--batch", o.batch, "Images per step");
  app.add_option("--seed", o.seed, "Of weights, order, augmentation and dropout");
  app.add_option("--threads", o.threads, "0: all processors; the result is the same for any number");
  app.add_option("--activation", o.activation, "In the place of every relu and relu6")->check(CLI::IsMember({"relu", "relu6"}));
  app.add_option("--validation", o.validation, "Training images set aside, on which the epochs are evaluated");
  app.add_option("--set", o.set,
                 "PATH=VALUE sets any member of the config, as training.optimizer.lr=0.01 or layers.3.out_channels=64")
      ->allow_extra_args(false);
  app.add_option("--out", o.out, "Folder of the run (default: runs/<time>-<name>)");
  app.add_flag("--overwrite", o.overwrite, "Replace the run in that folder");
  app.add_option("--checkpoint-every", o.checkpoint_every, "Steps between checkpoints in that folder; the last two are kept")
      ->check(CLI::Range(1L, 1000000000L));
  app.add_flag("--resume", o.resume, "Go on with the run in the folder of --out, from its last checkpoint, to the same result");
}

void add_eval(CLI::App& app, mnist::EvalOptions& o) {
  app.add_option("RUN", o.run, "Folder of a run, or a model.safetensors")->required();
  app.add_option("--data", o.data, kData);
  app.add_option("--split", o.split, "train, validation or test")
      ->check(CLI::IsMember({"train", "validation", "test"}))
      ->capture_default_str();
  app.add_option("--threads", o.threads, "0: all processors")->capture_default_str();
}

void add_predict(CLI::App& app, mnist::PredictOptions& o) {
  app.add_option("RUN", o.run, "Folder of a run, or a model.safetensors")->required();
  app.add_option("IMAGE", o.image, "PNG, PGM or IDX file (default: the test images)");
  app.add_option("--index", o.index, "Which image of the IDX file or of the test images, from 0")->capture_default_str();
  app.add_flag("--invert", o.invert, "The image is dark on light, unlike those of MNIST");
  app.add_option("--data", o.data, kData);
}

int run(int argc, char** argv) {
  CLI::App app("Handwritten digits: trains a net, measures it, asks it about images.");
  app.set_version_flag("--version",
                       std::string(six::library_version()) + " (" + six::precision() + ", " + six::instruction_set() + ")");
  app.require_subcommand(1);
  mnist::TrainOptions train;
  mnist::EvalOptions eval;
  mnist::PredictOptions predict;
  add_train(*app.add_subcommand("train", "Train a model, and write it to a folder with its log and result"), train);
  add_eval(*app.add_subcommand("eval", "Accuracy, by class too, and confusion matrix of a trained model"), eval);
  add_predict(*app.add_subcommand("predict", "What a trained model sees in an image"), predict);
  if (const auto code = six::parse_arguments(app, argc, argv)) return *code;
  if (app.got_subcommand("train")) return mnist::train(train);
  return app.got_subcommand("eval") ? mnist::eval(eval) : mnist::predict(predict);
}

}  // namespace

int main(int argc, char** argv) {
  return six::run_program("mnist", [&] { return run(argc, argv); });
}
