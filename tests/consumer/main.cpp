// A program outside of the project: it sees sixgrad through <sixgrad.h> alone.
#include <sixgrad.h>

#include <cstdio>

int main() {
  const six::Dataset data = six::load_digits();
  six::Model model = six::Model::from_json(R"({"format": "sixgrad-model", "version": 1, "input": [8, 8, 1], "layers": [
      {"type": "conv2d", "out_channels": 16}, {"type": "batch_norm"}, {"type": "relu6"}, {"type": "flatten"},
      {"type": "linear", "out_features": 10}]})");
  six::AdamW adamw(model.params(), {.lr = 1e-2});
  six::Tape tape;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch)
    for (const six::Batch& batch : data.train.batches(32, {.shuffle_seed = 1, .epoch = epoch})) {
      tape.reset();
      tape.backward(six::cross_entropy(model(tape.input(batch.images)), batch.labels));
      adamw.step();
    }
  const double accuracy = six::accuracy(model, data.test);
  std::printf("%zu bytes a number: test accuracy %.2f %%\n", sizeof(six::real), 100 * accuracy);
  return accuracy > 0.9 ? 0 : 1;
}
