#include <sixgrad.h>

#include <cstdio>

int main(int argc, char** argv) {
  return six::run_program("quickstart", [&] {
    six::Dataset data = argc > 1 ? six::load_mnist(argv[1]) : six::load_digits();
    six::Model model(data.train.image, {six::Conv2d{{.out_channels = 16, .bias = false}}, six::BatchNorm{}, six::ReLU6{},
                                        six::Separable{{.out_channels = 32, .stride = 2}}, six::Separable{{.out_channels = 64}},
                                        six::GlobalAvgPool{}, six::Linear{{.out_features = 10}}});
    six::AdamW adamw(model.params(), {.lr = 1e-2});
    six::Tape tape;
    for (std::uint64_t epoch = 0; epoch < 10; ++epoch)
      for (const six::Batch& batch : data.train.batches(32, {.shuffle_seed = 1, .epoch = epoch})) {
        tape.reset();
        six::Var loss = six::cross_entropy(model(tape.input(batch.images)), batch.labels);
        tape.backward(loss);
        adamw.step();
      }
    std::printf("test accuracy %.2f %%\n", 100 * six::accuracy(model, data.test));
    model.save("quickstart.safetensors");
  });
}
