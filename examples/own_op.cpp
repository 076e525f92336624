// An activation of one's own: the formula and its derivative, checked, named in a JSON model and trained.
#include <sixgrad.h>

#include <cstdio>

// ReLU6 with a slope below 0: min(max(x, slope x), 6). Derivative: slope below 0, 1 on (0, 6), 0 above and at both kinks.
struct LeakyRelu6 {
  static constexpr const char* name = "leaky_relu6";
  static constexpr const char* summary = "min(max(x, slope x), 6)";
  six::real slope = 0.125;

  six::real f(six::real x) const { return x < 0 ? slope * x : x > 6 ? 6 : x; }
  six::real vjp(six::real x, six::real dy) const { return x < 0 ? slope * dy : x > 0 && x < 6 ? dy : 0; }
  constexpr six::Kinks kinks() const { return {0, 6}; }
  static constexpr six::Probe probes[] = {{-8, -1, 0.125}, {0, 0, 0}, {3, 3, 1}, {6, 6, 0}, {7, 6, 0}, {six::kInf, 6, 0}};

  template <class Visit>
  static constexpr void fields(Visit& visit, auto& op) {
    visit("slope", op.slope, "derivative below 0");
  }
};

int main() {
  return six::run_program("own_op", [&] {
    const six::GradcheckResult check = six::gradcheck(LeakyRelu6{.slope = 0.25});
    six::require(check.ok, "leaky_relu6: ", check.report());
    std::printf("leaky_relu6: %s\n", check.report().c_str());

    six::registry().add<LeakyRelu6>();
    six::Model model = six::Model::from_json(R"({"format": "sixgrad-model", "version": 1, "input": [8, 8, 1], "layers": [
      {"type": "conv2d", "out_channels": 16, "bias": false}, {"type": "batch_norm"}, {"type": "leaky_relu6", "slope": 0.25},
      {"type": "separable", "out_channels": 32, "stride": 2, "activation": {"type": "leaky_relu6"}},
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
  });
}
