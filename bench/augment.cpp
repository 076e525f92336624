// What augmentation adds to a training step.
#include "../data/dataset.h"
#include "bench.h"
#include "workload.h"

namespace bench {

Json augment(const StepOptions& o) {
  Training training(model_of(o.net), o.batch, o.threads, o.defer);
  const Data& data = training.data();
  const six::Split split = six::make_split(data.image, data.pixels, data.labels, 10);
  const auto batches = [&](const six::Augment& a) {
    return split.batches(o.batch, {.shuffle_seed = 1, .augment = a, .threads = o.threads});
  };
  six::Batches plain = batches({}), augmented = batches({.shift = 2, .rotate = 10, .scale = 0.1}),
               bent = batches({.shift = 2, .rotate = 10, .scale = 0.1, .elastic = 3});
  Times copying = Times::of(o.steps), augmenting = Times::of(o.steps), bending = Times::of(o.steps), stepping = Times::of(o.steps);
  const auto next = [](six::Batches& b) { b.next() ? void() : void(b.begin()); };
  time(0, o.warmup, [&] { next(plain), next(augmented), next(bent), training.step(); });
  for (int i = 0; i < o.steps; ++i) {  // in turn: the machine's changes of speed reach all of them
    copying.add(1, [&] { next(plain); });
    augmenting.add(1, [&] { next(augmented); });
    bending.add(1, [&] { next(bent); });
    stepping.add(1, [&] { training.step(); });
  }
  const double added = augmenting.median() - copying.median();
  return {{"net", o.net},
          {"batch", o.batch},
          {"threads", o.threads},
          {"steps", o.steps},
          {"us_batch_plain", copying.median() * 1e6},
          {"us_batch_augmented", augmenting.median() * 1e6},
          {"us_batch_elastic", bending.median() * 1e6},
          {"ns_per_image", added / o.batch * 1e9},
          {"ns_per_image_elastic", (bending.median() - copying.median()) / o.batch * 1e9},
          {"ms_per_step", stepping.median() * 1e3},
          {"share_of_step_percent", 100 * added / (stepping.median() + copying.median())}};
}

}  // namespace bench
