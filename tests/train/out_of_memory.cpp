// Every allocation of a small training, of its files and of every loader is made to fail in turn: an exception, nothing lost,
// nothing leaked, and the next attempt works.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <new>
#include <nlohmann/json.hpp>

#include "../../data/file.h"
#include "../../data/gzip.h"
#include "../../data/idx.h"
#include "../../data/image.h"
#include "../../data/json.h"
#include "../../train/checkpoint.h"
#include "../../train/metrics_log.h"
#include "../../train/run_folder.h"
#include "../allocations.h"
#include "../data/support.h"
#include "../golden_json.h"
#include "../thorough.h"
#include "support.h"

namespace six::test {
namespace {

// Runs `body` with its n-th allocation failing, for every n until it no longer reaches that; returns how many there are. `after` is
// called after each failure.
long fail_at_every_allocation(
    const std::function<void()>& body, const std::function<void()>& after = [] {}) {
  body();  // what is made once and kept
  for (long n = 0;; ++n) {
    CAPTURE(n);
    const long before = live_allocations();
    bool failed = false, reached = false;
    try {
      const FailingAllocation fault(n);
      struct Reached {  // read before the fault's scope ends
        bool& to;
        ~Reached() { to = FailingAllocation::reached(); }
      } const note{reached};
      body();
    } catch (const std::bad_alloc&) {
      failed = true;
    } catch (const Error&) {
      failed = true;
    }
    if (!reached) {
      CHECK_FALSE(failed);
      return n;
    }
    if (failed) REQUIRE(live_allocations() == before);
    after();
  }
}

// Files are not waited for: what is on the disk after a power cut is not looked at here.
struct NoSync {
  int (*const before)(int fd) = file_calls().sync;
  NoSync() {
    file_calls().sync = [](int) { return 0; };
  }
  ~NoSync() { file_calls().sync = before; }
};

std::vector<real> all_numbers(Model& model, Trainer& trainer) {
  const Result r = result_of(model, trainer);
  std::vector<real> all = r.values;
  all.insert(all.end(), r.buffers.begin(), r.buffers.end());
  all.insert(all.end(), r.averages.begin(), r.averages.end());
  return all;
}

// Daily every 31st: the allocations of a step are so many that steps fail at other places.
TEST_CASE("out of memory: every allocation of a small training with its log and checkpoints") {
  const NoSync no_sync;
  const Dataset data = few_digits(48, 12);
  const TempFolder folder;
  TrainingConfig config = full_config();
  config.epochs = 1;
  const auto run = [&](Trainer& trainer) {
    MetricsLog log(folder / "metrics.jsonl", {.config_hash = "x", .seed = 7, .threads = 1});
    trainer.run({.step = [&](const StepReport&) { add_checkpoint(folder.path(), trainer, log.offset()); },
                 .epoch = [&](const EpochReport& r) { log.epoch(r); }});
  };
  std::optional<Model> model;
  std::optional<Trainer> trainer;
  const auto fresh = [&] {
    trainer.reset(), model.reset();
    model.emplace(small_net()), trainer.emplace(*model, data, config);
  };
  fresh();
  run(*trainer);
  const std::vector<std::string> names = folder.names();
  const long descriptors = open_descriptors();
  long n = 0;
  for (bool reached = true; reached; n += thorough() ? 1 : 31) {
    fresh();
    bool failed = false;
    try {
      const FailingAllocation fault(n);
      run(*trainer);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    reached = FailingAllocation::reached();
    CAPTURE(n);
    REQUIRE(failed == reached);
    // Between writing a checkpoint and removing the one before the last, there are three.
    const std::vector<std::string> now = folder.names();
    REQUIRE(now.size() <= names.size() + 1);
    REQUIRE(std::none_of(now.begin(), now.end(), [](const std::string& name) { return name.find(".tmp.") != name.npos; }));
    REQUIRE(open_descriptors() == descriptors);
    for (const std::string& path : checkpoints_in(folder.path())) REQUIRE_NOTHROW(read_safetensors(path, Checksum::required));
  }
  CHECK(n > 1000);
}

TEST_CASE("out of memory: gradients of a step that failed in its backward sweep are no part of the next one") {
  const Dataset data = few_digits(48, 12);
  Model expected = small_net();
  Trainer twin(expected, data, full_config());
  const double norm = twin.step().grad_norm;
  long swept = 0;
  for (long n = 0;; ++n) {
    Model again = small_net();
    Trainer trainer(again, data, full_config());
    try {
      const FailingAllocation fault(n);
      trainer.step();
    } catch (const std::bad_alloc&) {
    }
    if (!FailingAllocation::reached()) break;
    if (trainer.optimizer().steps() > 0) continue;  // weights have moved
    const real* grads = again.params().grads();
    swept += std::any_of(grads, grads + again.params().size(), [](real g) { return g != 0; });
    CHECK(again.params().grads_used());
    CHECK(trainer.step().grad_norm == norm);
  }
  CHECK(swept > 0);
}

TEST_CASE("out of memory: after a step that failed anywhere, a checkpoint leads back to the same bits") {
  const Dataset data = few_digits(48, 12);
  const TempFolder folder;
  Model model = small_net();
  {
    Trainer trainer(model, data, full_config());
    save_checkpoint(folder / "c", trainer);
    trainer.step();
  }
  const std::vector<real> expected(model.params().values(), model.params().values() + model.params().size());
  Trainer trainer(model, data, full_config());
  const long n = fail_at_every_allocation([&] {
    load_checkpoint(folder / "c", trainer);
    try {
      trainer.step();
    } catch (const std::bad_alloc&) {
      load_checkpoint(folder / "c", trainer);
      trainer.step();
    }
    REQUIRE(std::equal(expected.begin(), expected.end(), model.params().values()));
  });
  CHECK(n > 100);
}

TEST_CASE("out of memory: loading a checkpoint changes all or nothing") {
  const Dataset data = few_digits(48, 12);
  const TempFolder folder;
  Model saved = small_net(), model = small_net(2);
  Trainer from(saved, data, full_config()), to(model, data, full_config());
  from.step(), from.step(), to.step();
  save_checkpoint(folder / "c", from);
  const std::vector<real> loaded = all_numbers(saved, from), old = all_numbers(model, to);
  save_checkpoint(folder / "old", to);
  const long n = fail_at_every_allocation([&] { load_checkpoint(folder / "c", to); },
                                          [&] {
                                            const std::vector<real> now = all_numbers(model, to);
                                            REQUIRE((now == loaded || now == old));
                                            if (now == loaded) load_checkpoint(folder / "old", to);
                                          });
  CHECK(n > 500);
  CHECK(all_numbers(model, to) == loaded);
}

TEST_CASE("out of memory: every loader throws and leaks nothing") {
  const TempFolder folder;
  put(folder / "a.idx", big_endian(0x803) + big_endian(2) + big_endian(3) + big_endian(4) + std::string(24, 'x'));
  put(folder / "a.idx.gz", gzip(take(folder / "a.idx")));
  put(folder / "a.pgm", "P5\n# c\n2 2\n255\nabcd");
  small_net().save(folder / "model.safetensors");
  put(folder / "model.json", small_net().to_json());
  Model model = small_net(3);
  const std::vector<std::function<void()>> loaders = {
      [&] { read_idx(folder / "a.idx"); },
      [&] { read_idx(folder / "a.idx.gz"); },
      [&] { read_image(folder / "a.pgm"); },
      [&] { read_image(test_folder() + "/fuzz/corpus/png/good-grey"); },
      [&] { read_image(test_folder() + "/fuzz/corpus/png/good-rgba"); },
      [&] { load_digits(); },
      [&] { Model::from_json(folder / "model.json"); },
      [&] { Model::load(folder / "model.safetensors"); },
      [&] { Model::load(folder.path()); },
      [&] { model.load_weights(folder / "model.safetensors"); },
      [&] {
        Json j = parse_json(R"({"epochs": 2, "optimizer": {"type": "sgd", "lr": 0.1}, "schedule": {"type": "sequential",
          "policies": [{"type": "constant"}, {"type": "cosine"}], "milestones": [3]}, "augmentation": {"shift": 1}})",
                            "x");
        const JsonGuard guard{j};
        read_training(j);
      }};
  for (std::size_t i = 0; i < loaders.size(); ++i) {
    CAPTURE(i);
    CHECK(fail_at_every_allocation(loaders[i]) > 1);
  }
}

TEST_CASE("out of memory: in zlib and in libpng it is no damage of the file") {
  const std::string packed = gzip(std::string(100'000, 'x'));
  std::vector<std::uint8_t> content(70'000);  // not to its end, so that zlib needs its window
  const std::vector<std::uint8_t> png = read_file(test_folder() + "/fuzz/corpus/png/good-rgba");
  const auto allocations_of = [](const std::function<void()>& body) {
    return fail_at_every_allocation([&] {
      try {
        body();
      } catch (const Error& e) {
        FAIL(e.what());
      }
    });
  };
  const long inflating = allocations_of([&] {
    GzipReader reader(as_bytes(packed), "f");
    reader.read_some(content);
  });
  CHECK(inflating > 1);  // the reader's own, and zlib's
  CHECK(allocations_of([&] { parse_png(png, "f"); }) > 3);
}

}  // namespace
}  // namespace six::test
