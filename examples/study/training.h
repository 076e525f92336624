#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "../../data/dataset.h"
#include "../../layers/model.h"
#include "observe.h"

namespace six::study {

struct Schooling {  // how one net is trained
  std::uint64_t seed = 1;
  int batch = 128, epochs = 1;
  double lr = 1e-2, input_scale = 1;
  double touch = 6;   // see Arm::touch
  bool ties = false;  // keep them layer by layer at steps 1, 10, 100 and the last
  // False: every value is written out, as a derivative at a kink needs it. Fused kernels round differently, which would look like
  // an effect of the derivative.
  bool fused = true;
};

struct Observation {
  long step = 0;
  Inputs all;
  std::vector<Inputs> layers = {};  // where ties are kept
};

// What a training leaves besides the weights. Steps are counted from 1.
struct Course {
  std::uint64_t order_hash = 0;
  std::vector<std::uint64_t> hashes;  // of all parameters: before the first step and after each
  std::vector<float> losses;          // of each step
  std::vector<Observation> observed;  // at the marked steps, and from the first touch on for some steps
  long first_touch = -1;              // step with an input of an activation at or above the upper clip
  bool finite = true;                 // false: the loss was not, and the training ended there
  double last_epoch_loss = 0;
  long steps() const { return long(losses.size()); }
};

// The steps of which trace.csv tells: the first 200 and every fiftieth.
bool is_marked(long step);
// 64 bits of all parameters.
std::uint64_t hash_of(const ParamSet& params);
// First step after which the parameters of two trainings differ; -1: never.
long first_divergence(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b);

// Trains on one thread: AdamW with decay of weights alone, one cycle of the rate. `progress` hears of every step, before it is
// taken, counted from 0.
Course train(Model& model, const Split& split, const Schooling& how,
             const std::function<void(long step, long steps)>& progress = {});

// A few more steps by SGD with momentum 0.9, the rate falling to 0 by half a cosine (quantisation-aware training and the float net
// that it is compared with).
void fine_tune(Model& model, const Split& split, const Schooling& how, long steps);

}  // namespace six::study
