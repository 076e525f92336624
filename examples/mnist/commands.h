#pragma once
// The subcommands of mnist. Each returns the exit code; what is wrong with its input is thrown as six::Error.
#include <optional>
#include <string>
#include <vector>

namespace mnist {

struct TrainOptions {
  std::string config, from, teacher, data, out, activation;             // empty: not given
  std::optional<std::string> epochs, batch, validation, threads, seed;  // as given
  std::vector<std::string> set;                                         // PATH=VALUE
  bool overwrite = false, resume = false;
  long checkpoint_every = 0;  // steps; 0: none but when interrupted
};
int train(const TrainOptions& options);

struct EvalOptions {
  std::string run, data, split = "test";
  int threads = 0;
};
int eval(const EvalOptions& options);

struct PredictOptions {
  std::string run, image, data;
  long index = 0;
  bool invert = false;
};
int predict(const PredictOptions& options);

}  // namespace mnist
