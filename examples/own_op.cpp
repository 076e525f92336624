// An activation of one's own: the formula and its derivative, checked, named in a JSON model and trained.
#include <sixgrad.h>

#include <cmath>
#include <cstdio>

// softplus(x) = log(1 + exp(sharpness x)) / sharpness, a smooth ReLU (Dugas et al. 2001). Derivative: the sigmoid of sharpness x.
struct Softplus {
  static constexpr const char* name = "softplus";
  static constexpr const char* summary = "log(1 + exp(sharpness x)) / sharpness";
  six::real sharpness = 1;

  six::real f(six::real x) const { return x > 30 / sharpness ? x : std::log1p(std::exp(sharpness * x)) / sharpness; }
  six::real vjp(six::real x, six::real dy) const { return dy / (1 + std::exp(-sharpness * x)); }
  static constexpr six::Probe probes[] = {{0, six::real(0.69314718055994531), six::real(0.5)}};

  template <class Visit>
  static constexpr void fields(Visit& visit, auto& op) {
    visit("sharpness", op.sharpness, "the larger, the closer to ReLU");
  }
};

int main() try {
  const six::GradcheckResult check = six::gradcheck(Softplus{.sharpness = 2});
  std::printf("softplus: %s\n", check.report().c_str());
  if (!check) return 1;

  six::registry().add<Softplus>();
  six::Model model = six::Model::from_json(R"({"format": "sixgrad-model", "version": 1, "input": [8, 8, 1], "layers": [
    {"type": "conv2d", "out_channels": 16, "bias": false}, {"type": "batch_norm"}, {"type": "softplus", "sharpness": 2},
    {"type": "separable", "out_channels": 32, "stride": 2, "activation": {"type": "softplus"}},
    {"type": "global_avg_pool"}, {"type": "linear", "out_features": 10}]})");
  const six::Dataset data = six::load_digits();
  six::AdamW adamw(model.params(), {.lr = 1e-2});
  six::Tape tape;
  for (int epoch = 0; epoch < 5; ++epoch) {
    double loss = 0;
    long steps = 0;
    for (const six::Batch& batch : data.train.batches(32, {.shuffle_seed = 1, .epoch = std::uint64_t(epoch)})) {
      tape.reset();
      const six::Var l = six::cross_entropy(model(tape.input(batch.images)), batch.labels);
      tape.backward(l);
      adamw.step();
      loss += l.item(), ++steps;
    }
    std::printf("epoch %d: loss %.4f, test accuracy %.2f %%\n", epoch + 1, loss / double(steps),
                100 * six::accuracy(model, data.test));
  }
} catch (const six::Error& e) {
  std::fprintf(stderr, "own_op: %s\n", e.what());
  return 2;
}
