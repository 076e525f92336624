// ReLU against ReLU6: trains paired nets, makes integers of them and says what the claims are worth. See docs/STUDY_DESIGN.md.
#include "../train/environment.h"
#include "command_line.h"
#include "study/study.h"

namespace {

int run(int argc, char** argv) {
  CLI::App app("ReLU against ReLU6: trains paired nets, makes integers of them, and writes tables and a report.", "relu6_study");
  six::study::StudyOptions o;
  std::string verify;
  std::vector<int> seeds;
  bool quick = false, full = false;
  app.add_flag("--quick", quick, "Some minutes of six seeds at most, the default: decides no claim");
  app.add_flag("--full", full, "The study as it was registered: up to an hour, resumable")->excludes("--quick");
  app.add_option("--arms", o.arms, "Only these, as relu,relu6")->option_text("A,B,...")->delimiter(',');
  app.add_option("--parts", o.parts, "Only these: lr, main, control, pact, clip, nobn, scale, kink")
      ->option_text("A,B,...")
      ->delimiter(',');
  app.add_option("--seeds", seeds, "At most so many of each")->option_text("N")->expected(1);
  app.add_option("--data", o.data, "Folder with the four files of MNIST, or of a set stored like it")
      ->option_text("DIR")
      ->default_str("$MNIST_DIR, else the cache folder, else the embedded digits");
  app.add_option("--out", o.out, "Folder of the study; what it holds already is not run again")
      ->option_text("DIR")
      ->default_str("runs/relu6_study");
  app.add_option("--verify", verify, "Run two seeds of a study's pair again and compare the bits of their weights")
      ->option_text("DIR");
  app.add_option("--threads", o.threads, "Runs at a time; 0: all processors; the result is the same for any number")
      ->check(CLI::Range(0, 1024))
      ->option_text("N")
      ->default_str("0");
  app.add_flag("--no-limit", o.no_limit, "A full study may take more than an hour");
  if (const auto code = six::parse_arguments(app, argc, argv)) return *code;
  if (!verify.empty()) return six::study::verify_study(verify, o.data) ? 0 : 1;
  six::require(seeds.empty() || (seeds[0] >= 1 && seeds[0] <= 1000), "--seeds ", seeds.empty() ? 0 : seeds[0],
               ": must be 1 to 1000, a study without seeds shows nothing");
  o.seeds = seeds.empty() ? 0 : seeds[0];
  o.mode = full ? six::study::Mode::full : six::study::Mode::quick;
  if (o.out.empty()) o.out = "runs/relu6_study";
  six::study::run_study(o);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return six::run_program("relu6_study", [&] { return run(argc, argv); });
}
