#include "support.h"

namespace six::test {

Dataset few_digits(long train, long test) {
  const Dataset all = load_digits();
  const auto part = [](const Split& s, long n) {
    return make_split(s.image, std::vector(s.pixels.begin(), s.pixels.begin() + n * s.image.size()),
                      std::vector(s.labels.begin(), s.labels.begin() + n), s.classes);
  };
  return make_dataset("digits", part(all.train, train), part(all.test, test));
}

Model small_net(std::uint64_t seed) {
  return Model({8, 8, 1},
               Sequential{Conv2d{{.out_channels = 6, .stride = 2, .bias = false}}, BatchNorm{}, ReLU6{},
                          Separable{{.out_channels = 10}}, GlobalAvgPool{}, Dropout{{.p = 0.1}}, Linear{{.out_features = 10}}},
               {.seed = seed});
}

TrainingConfig full_config(int threads) {
  return {.data = DataSource::digits,
          .epochs = 3,
          .batch = 24,
          .seed = 7,
          .optimizer = AdamWOptions{.lr = 1e-2},
          .schedule = OneCycleLR{},
          .augmentation = {.shift = 1, .rotate = 10, .scale = 0.1},
          .label_smoothing = 0.1,
          .ema = {.decay = 0.9},
          .clip_norm = 1,
          .threads = threads};
}

Result result_of(Model& model, Trainer& trainer, std::vector<double> losses) {
  const ParamSet& p = model.params();
  Result r{{p.values(), p.values() + p.size()}, {p.buffer_values(), p.buffer_values() + p.buffer_size()}, {}, std::move(losses)};
  if (Ema* ema = trainer.ema()) r.averages.assign(ema->values(), ema->values() + p.size());
  return r;
}

}  // namespace six::test
