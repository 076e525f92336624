#pragma once
#include <array>
#include <vector>

#include "../../core/ops/parts.h"
#include "../../layers/builder.h"

namespace six::study {

// ReLU with a learned upper end a: y = clamp(x, 0, a), dx = dy on (0, a), da = the sum of dy where x >= a (Choi et al. 2018,
// arXiv:1805.06085). ReLU6 is this with a = 6 held fast.
struct PactOp {
  static constexpr const char* name = "pact";
  Tensor forward(const Context& c, Tensor x, Tensor clip);
  void backward(const Back& b, Tensor x, Tensor clip);
};

struct PactConfig {
  double start = 6;
  static void fields(auto& visit, auto& c) { visit("start", c.start, "first upper end", between(1e-6, 1e6)); }
};
class Pact : public LayerOf<Pact, PactConfig> {
 public:
  static constexpr const char *kType = "pact", *kSummary = "ReLU with a learned upper end";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override;
  Var forward(Var x) const override { return x.tape().apply(PactOp{}, x, clip.on(x.tape())); }
  ParamRef clip;
};

// What passes through one activation, gathered over batches.
struct Activity {
  static constexpr int kBins = 1 << 14;
  double clip;                                        // upper end, infinite for a plain ReLU
  double touch;                                       // the number from which on an input counts as touching
  bool distribution = false;                          // the second pass: `largest` is known
  double largest = 0;                                 // input
  long count = 0, zeros = 0, touching = 0;            // outputs
  std::vector<char> alive = {}, below = {};           // per channel: some output above 0; some below the clip
  std::vector<long> bins = std::vector<long>(kBins);  // of the inputs in (0, largest]
  double gradient = 0, cut = 0;                       // sums of |dy| where x > 0, and where the upper clip closes the gate
};

// clamp(x, 0, max) that tells an Activity what it sees, on one thread.
struct ObserveOp {
  static constexpr const char* name = "observed";
  Activity* activity;
  Tensor forward(const Context& c, Tensor x);
  void backward(const Back& b, Tensor x);
};
class Observed : public LayerOf<Observed, NoConfig> {
 public:
  static constexpr const char *kType = "observed", *kSummary = "an activation under observation";
  using LayerOf::LayerOf;
  Shape build(Builder&, const Shape& in) override { return in; }
  Var forward(Var x) const override { return x.tape().apply(ObserveOp{activity}, x); }
  mutable Activity* activity = nullptr;  // to be set before use
};

// Adds both to the registry, once; before other threads read models.
void register_activations();

}  // namespace six::study
