// A training loop of one's own: stopped at any moment and started again, it ends in the weights of one that was not stopped.
#include <sixgrad.h>

#include <cstdio>

int main(int argc, char** argv) {
  return six::run_program("own_loop", [&] {
    constexpr std::uint64_t kSeed = 1;
    constexpr long kEpochs = 8;
    const std::string folder = argc > 1 ? argv[1] : "own_loop", path = folder + "/checkpoint.safetensors";
    six::make_folder(folder);

    const six::Dataset data = six::load_digits();
    six::Model model(data.train.image,
                     {six::Conv2d{{.out_channels = 16, .bias = false}}, six::BatchNorm{}, six::ReLU6{},
                      six::Separable{{.out_channels = 32, .stride = 2}}, six::Separable{{.out_channels = 64}}, six::GlobalAvgPool{},
                      six::Dropout{{.p = 0.1}}, six::Linear{{.out_features = 10}}},
                     {.seed = kSeed});
    six::AdamW adamw(model.params(), {.lr = 1e-2});
    six::Ema ema(model.params(), {.decay = 0.9});
    const six::CheckpointParts parts{model, adamw, &ema};

    six::TrainerState now;  // the next epoch, the next batch in it, and the number of steps so far
    if (six::file_exists(path)) now = six::load_checkpoint(path, parts).state;
    std::printf("beginning at step %ld\n", now.step);

    six::Tape tape({.seed = kSeed});
    for (; now.epoch < kEpochs; ++now.epoch, now.batch = 0)
      for (const six::Batch& batch : data.train.batches(
               32, {.shuffle_seed = kSeed, .epoch = std::uint64_t(now.epoch), .augment = {.shift = 1}, .first_batch = now.batch})) {
        tape.reset();
        tape.set_step(std::uint64_t(now.step));  // of which dropout's numbers are a function
        tape.backward(six::cross_entropy(model(tape.input(batch.images)), batch.labels));
        adamw.step(), ema.update();
        ++now.batch, ++now.step;
        if (now.step % 10 == 0) six::save_checkpoint(path, parts, {.state = now, .seed = kSeed});
      }

    const auto averages = ema.swap_in();
    std::printf("test accuracy %.2f %%\n", 100 * six::accuracy(model, data.test));
    model.save(folder + "/model.safetensors");
  });
}
