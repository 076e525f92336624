#include "../../train/checkpoint.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "../../core/ops/loss.h"
#include "../../data/file.h"
#include "../../train/environment.h"
#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

Result run_to_end(const TrainingConfig& config) {
  const Dataset data = few_digits();
  Model model = small_net();
  Trainer trainer(model, data, config);
  trainer.run();
  return result_of(model, trainer);
}

// A training stopped after a step, for what a test does with it.
struct Stopped {
  explicit Stopped(TrainingConfig config = full_config(), long stop = 0, std::uint64_t seed = 1)
      : data(few_digits()), model(small_net(seed)), trainer(model, data, config) {
    if (stop) trainer.run({.stop = [this, stop] { return trainer.state().step == stop; }});
  }
  Dataset data;
  Model model;
  Trainer trainer;
};

TrainingConfig with(OptimizerOptions optimizer, Policy schedule, int threads) {
  TrainingConfig config = full_config(threads);
  config.optimizer = optimizer, config.schedule = schedule;
  return config;
}

TEST_CASE("checkpoint: a resumed training ends in the bits of one never interrupted, with other threads too, for every optimizer") {
  const std::pair<OptimizerOptions, Policy> cases[] = {
      {SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true}, CosineAnnealingLR{}},
      {AdamOptions{.lr = 1e-2}, StepLR{.step_size = 5, .gamma = 0.5}},
      {AdamWOptions{.lr = 1e-2}, OneCycleLR{}},
      {RMSpropOptions{.lr = 1e-3, .momentum = 0.9, .centered = true}, ExponentialLR{.gamma = 0.95}}};
  const TempFolder folder;
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    const auto& [optimizer, schedule] = cases[i];
    const Result expected = run_to_end(with(optimizer, schedule, 1));
    for (long stop : {1, 6, 10, 18}) {  // 6 steps an epoch, 18 in all
      CAPTURE(i);
      CAPTURE(stop);
      const std::string path = folder / "c.safetensors";
      Stopped before(with(optimizer, schedule, stop % 2 ? 2 : 1), stop), after(with(optimizer, schedule, 7), 0, 99);
      save_checkpoint(path, before.trainer, 123);
      const CheckpointInfo info = load_checkpoint(path, after.trainer);
      CHECK(info.log_offset == 123);
      CHECK(info.state.step == stop);
      CHECK(info.instruction_set == instruction_set());
      CHECK(after.trainer.run().finished);
      CHECK(result_of(after.model, after.trainer) == expected);
    }
  }
}

TEST_CASE("checkpoint: saving, loading and saving again gives the same bytes") {
  const TempFolder folder;
  Stopped before(full_config(), 4), after(full_config(2), 0, 5);
  save_checkpoint(folder / "a", before.trainer, 7);
  load_checkpoint(folder / "a", after.trainer);
  save_checkpoint(folder / "b", after.trainer, 7);
  CHECK(take(folder / "a") == take(folder / "b"));
}

TEST_CASE("checkpoint: keys that came to the config after it was written have their defaults") {
  const TempFolder folder;
  Stopped before(full_config(), 4), after(full_config(), 0, 5);
  Safetensors file = checkpoint_of(before.trainer);
  Json training = Json::parse(file.metadata["training"]);
  REQUIRE(training["augmentation"].erase("elastic") == 1);
  file.metadata["training"] = training.dump();
  CHECK(load_checkpoint(file, after.trainer).state.step == 4);
  training["augmentation"]["shift"] = 3;
  file.metadata["training"] = training.dump();
  CHECK(contains(message_of([&] { load_checkpoint(file, after.trainer); }), {"augmentation.shift is 3"}));
}

// A loop of one's own: no Trainer, no averages.
std::vector<real> own_loop(long from, long to, Model& model, Optimizer& optimizer, const Dataset& data) {
  Tape tape({.threads = 1});
  for (long step = from; step < to; ++step) {
    tape.reset();
    tape.set_step(std::uint64_t(step));
    tape.backward(cross_entropy(model(tape.input(data.train.bytes(step * 8, 8))),
                                std::span(data.train.labels).subspan(std::size_t(step * 8), 8)));
    optimizer.set_lr(0.1 / double(step + 3));
    optimizer.step();
  }
  return {model.params().values(), model.params().values() + model.params().size()};
}

TEST_CASE("checkpoint: a loop of one's own resumes to the same bits, its learning rate included") {
  const TempFolder folder;
  const Dataset data = few_digits();
  Model whole = small_net(), first = small_net(), second = small_net(3);
  Adam a(whole.params()), b(first.params()), c(second.params());
  const std::vector<real> expected = own_loop(0, 12, whole, a, data);
  own_loop(0, 5, first, b, data);
  save_checkpoint(folder / "own", {first, b}, {.state = {.step = 5}, .seed = 11, .data_digest = data.digest});
  const CheckpointInfo info = load_checkpoint(folder / "own", {second, c}, [](const CheckpointInfo& i) { CHECK(i.seed == 11); });
  CHECK(c.lr() == b.lr());
  CHECK(c.steps() == 5);
  CHECK(own_loop(info.state.step, 12, second, c, data) == expected);
}

TEST_CASE("checkpoint: one without a trainer or without averages is told as that where these are wanted") {
  const TempFolder folder;
  const std::string path = folder / "c.safetensors";
  Stopped own(full_config(), 2), other;
  save_checkpoint(path, {own.model, own.trainer.optimizer()}, {});
  CHECK(contains(message_of([&] { load_checkpoint(path, other.trainer); }), {path, "was saved by a loop without a trainer"}));
  CHECK(contains(message_of([&] {
                   load_checkpoint(path, {own.model, own.trainer.optimizer(), own.trainer.ema()});
                 }),
                 {path, "holds no averages; load it without an Ema"}));
}

TEST_CASE("checkpoint: parts of different models are refused, saving and loading, and change nothing") {
  const TempFolder folder;
  Model model = small_net(), other = small_net(2);
  AdamW own(model.params()), over_other(other.params());
  Ema averages(model.params()), of_other(other.params());
  save_checkpoint(folder / "c", {model, own, &averages}, {});
  const std::string before = take(folder / "c");
  const auto refused = [&](const CheckpointParts& parts, const std::string& who) {
    const std::string says = (folder / "c") + ": " + who + ": this was built over another model, not the one given with it";
    CHECK(message_of([&] { save_checkpoint(folder / "c", parts, {}); }) == says);
    CHECK(message_of([&] { load_checkpoint(folder / "c", parts); }) == says);
  };
  refused({model, over_other, &averages}, "adamw");
  refused({other, own, &of_other}, "adamw");
  refused({model, own, &of_other}, "ema");
  CHECK(take(folder / "c") == before);
}

TEST_CASE("checkpoint: refused while averages are swapped in, which is when a model is saved") {
  const TempFolder folder;
  Stopped training(full_config(), 4);
  Model& model = training.model;
  const CheckpointParts parts{model, training.trainer.optimizer(), training.trainer.ema()};
  const std::vector<real> averages(parts.ema->values(), parts.ema->values() + model.params().size());
  save_checkpoint(folder / "c", training.trainer);
  const std::string before = take(folder / "c");
  {
    const auto in = parts.ema->swap_in();
    const std::string says = (folder / "c") + ": checkpoint: asked for while the averages are swapped in; end the swap first";
    CHECK(message_of([&] { save_checkpoint(folder / "c", parts, {}); }) == says);
    CHECK(message_of([&] { load_checkpoint(folder / "c", parts); }) == says);
    CHECK(message_of([&] { save_checkpoint(folder / "c", training.trainer); }) == says);
    CHECK(message_of([&] { load_checkpoint(folder / "c", training.trainer); }) == says);
    model.save(folder / "m");
  }
  CHECK(take(folder / "c") == before);
  const Model saved = Model::load(folder / "m");
  CHECK(std::equal(averages.begin(), averages.end(), saved.params().values()));
  CHECK_NOTHROW(load_checkpoint(folder / "c", training.trainer));
}

// Everything that loading may change.
std::vector<real> numbers_of(Stopped& s) {
  const Result r = result_of(s.model, s.trainer);
  std::vector<real> all = r.values;
  all.insert(all.end(), r.buffers.begin(), r.buffers.end());
  all.insert(all.end(), r.averages.begin(), r.averages.end());
  for (const auto& slot : s.trainer.optimizer().state()) all.insert(all.end(), slot.values, slot.values + s.model.params().size());
  all.push_back(real(s.trainer.state().step)), all.push_back(real(s.trainer.optimizer().steps()));
  return all;
}

TEST_CASE("checkpoint: those of another training are refused, naming what differs, and change nothing") {
  const TempFolder folder;
  const std::string path = folder / "c";
  Stopped before(full_config(), 4);
  save_checkpoint(path, before.trainer);
  const auto refused = [&](const TrainingConfig& config, std::initializer_list<std::string_view> says) {
    Stopped after(config, 2);
    const std::vector<real> old = numbers_of(after);
    CHECK(contains(message_of([&] { load_checkpoint(path, after.trainer); }), says));
    CHECK(numbers_of(after) == old);
  };
  TrainingConfig other = full_config();
  other.epochs = 4;
  refused(other, {path, "epochs is 3, not 4"});
  other = full_config();
  other.augmentation.shift = 2;
  refused(other, {path, "augmentation.shift is 1", "not 2"});
  other = full_config();
  other.optimizer = SGDOptions{};
  refused(other, {path, "optimizer."});
  other = full_config();
  other.seed = 8;
  refused(other, {path, "seed is 7, not 8"});

  const Dataset fewer = few_digits(150);
  Model model = small_net();
  Trainer on_fewer(model, fewer, full_config());
  CHECK(contains(message_of([&] { load_checkpoint(path, on_fewer); }), {path, "other images", std::to_string(fewer.digest)}));

  Model wider({8, 8, 1}, Sequential{Flatten{}, Linear{{.out_features = 10}}});
  Trainer on_wider(wider, before.data, full_config());
  CHECK(contains(message_of([&] { load_checkpoint(path, on_wider); }), {path, "another model: layers is "}));

  Adam adam(before.model.params());
  CHECK(contains(message_of([&] { load_checkpoint(path, {before.model, adam}); }), {path, "ema.", "no place"}));
  SGD sgd(before.model.params());
  CHECK(contains(message_of([&] {
                   load_checkpoint(path, {before.model, sgd, before.trainer.ema()});
                 }),
                 {path, "optimizer.m.", "no place"}));
  RMSprop rmsprop(before.model.params());
  CHECK(contains(message_of([&] { load_checkpoint(path, {before.model, rmsprop, before.trainer.ema()}); }), {path, "no place"}));
}

TEST_CASE("checkpoint: what the metadata must say") {
  const TempFolder folder;
  const std::string path = folder / "c";
  Stopped before(full_config(), 4), after(full_config(), 2);
  save_checkpoint(path, before.trainer);
  const Safetensors good = read_safetensors(path);
  const std::vector<real> old = numbers_of(after);
  const auto refused = [&](const char* key, const char* value, std::initializer_list<std::string_view> says) {
    Safetensors bad = good;
    value ? void(bad.metadata[key] = value) : void(bad.metadata.erase(key));
    write_safetensors(path, bad, Checksum::required);
    CAPTURE(key);
    const std::string message = message_of([&] { load_checkpoint(path, after.trainer); });
    CAPTURE(message);
    CHECK(contains(message, {path}));
    CHECK(contains(message, says));
    CHECK(numbers_of(after) == old);
  };
  for (const auto& [key, value] : good.metadata)
    if (key != "sixgrad.crc32") refused(key.c_str(), nullptr, {key});
  refused("format", "pt", {"format is \"pt\", expected \"sixgrad-checkpoint\""});
  refused("version", "3", {"version is \"3\", this library reads versions 1 and 2"});
  refused("precision", "float16", {"float16", precision()});
  refused("model", "{", {"line 1"});
  refused("training", "{\"epochs\": [[", {"line 1"});
  for (const char* key : {"epoch", "batch", "step", "skipped", "correct", "images", "optimizer_steps", "ema_updates", "log_offset"})
    for (const char* value : {"", "-1", "1.5", "x", "7 ", "99999999999999999999"})
      refused(key, value, {key, "must be a number >= 0"});
  for (const char* key : {"loss", "grad_norm", "lr"}) refused(key, "0x1", {key, "must be a hexadecimal number"});
  refused("lr", "-1", {"lr is -1"});
  refused("lr", "nan", {"lr is nan"});
  refused("step", "5", {"epoch 0, batch 4, step 5, skipped 0", "no point of a training of 3 epochs of 6 batches"});
  refused("batch", "9", {"no point"});
  refused("data_digest", "4294967296", {"data_digest"});
  // Four batches of 25 or 26 images: no more images than that, no more right ones than images, finite sums.
  const long most = before.trainer.state().batch * before.trainer.config().batch;
  for (const std::string& n : {std::to_string(most + 1), std::string("9223372036854775807")})
    refused("images", n.c_str(), {"sums of " + n});
  refused("correct", std::to_string(most + 1).c_str(), {"sums of", " of them right"});
  for (const char* key : {"loss", "grad_norm"})
    for (const char* value : {"nan", "inf", "-inf"}) refused(key, value, {"sums of"});
}

TEST_CASE("checkpoint: tensors must be exactly those of the training") {
  const TempFolder folder;
  const std::string path = folder / "c";
  Stopped before(full_config(), 4), after(full_config(), 2);
  save_checkpoint(path, before.trainer);
  const Safetensors good = read_safetensors(path);
  const std::vector<real> old = numbers_of(after);
  for (const SavedTensor& t : good.tensors) {
    CAPTURE(t.name);
    Safetensors bad = good;
    std::erase_if(bad.tensors, [&](const SavedTensor& x) { return x.name == t.name; });
    write_safetensors(path, bad, Checksum::required);
    const std::string name = t.name.substr(t.name.find("layers."));
    if (!t.name.ends_with("num_batches_tracked"))
      CHECK(contains(message_of([&] { load_checkpoint(path, after.trainer); }), {path, "missing:", name}));
    bad.tensors.push_back(save_reals(t.name, {1, 3}, std::vector<real>(3)));
    write_safetensors(path, bad, Checksum::required);
    CHECK(contains(message_of([&] { load_checkpoint(path, after.trainer); }), {path, name}));
    if (!t.name.ends_with("num_batches_tracked")) CHECK(numbers_of(after) == old);
  }
  const std::pair<const char*, const char*> unknown[] = {
      {"model.extra", "unexpected: \"extra\""},
      {"ema.extra", "unexpected: \"ema.extra\""},
      {"optimizer.m.extra", "unexpected: \"optimizer.m.extra\""},
      {"extra", "holds tensor \"extra\", for which this training has no place"},
      {"optimizer.momentum.layers.0.weight",
       "holds tensor \"optimizer.momentum.layers.0.weight\", for which this training has no place"}};
  for (const auto& tensor : unknown) {
    CAPTURE(tensor.first);
    Safetensors bad = good;
    bad.tensors.push_back(save_reals(tensor.first, {1}, std::vector<real>(1)));
    write_safetensors(path, bad, Checksum::required);
    CHECK(contains(message_of([&] { load_checkpoint(path, after.trainer); }), {path, tensor.second}));
    CHECK(numbers_of(after) == old);
  }
}

TEST_CASE("checkpoint: every cut and every flipped bit is an Error") {
  const TempFolder folder;
  const std::string path = folder / "c";
  Model model({2}, Sequential{Linear{{.out_features = 2}}});
  SGD sgd(model.params(), {.lr = 0.1, .momentum = 0.9});
  save_checkpoint(path, {model, sgd}, {.training = "{}"});
  const std::string good = take(path);
  long refused = 0, tried = 0;
  const auto attempt = [&](std::string_view bytes) {
    ++tried;
    try {
      parse_safetensors(as_bytes(bytes), "c", Checksum::required);
    } catch (const Error&) {
      ++refused;
    }
  };
  for (std::size_t n = 0; n < good.size(); ++n) attempt(std::string_view(good).substr(0, n));
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    std::string bad = good;
    bad[i / 8] = char(bad[i / 8] ^ (1 << i % 8));
    attempt(bad);
  }
  CHECK(tried == long(good.size()) * 9);
  CHECK(refused == tried);
  put(path, good.substr(0, good.size() - 1));
  CHECK_THROWS_AS(load_checkpoint(path, {model, sgd}), DamagedCheckpoint);
  put(path, good);
  CHECK(load_checkpoint(path, {model, sgd}).training == "{}");
}

}  // namespace
}  // namespace six::test
