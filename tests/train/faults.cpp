// What a training writes and reads, on a disk that fails from one system call on: every call in turn.
#include <doctest/doctest.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include "../../data/idx.h"
#include "../../data/image.h"
#include "../../data/json.h"
#include "../../train/checkpoint.h"
#include "../../train/metrics_log.h"
#include "../../train/run_folder.h"
#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

struct Written {
  std::string file;
  const char* commit;  // the system call of which the last one makes the new content count
  std::function<void(const std::string& folder, int version)> write;
  std::function<std::string(const std::string& path)> seen = take;  // of the file, what is the same each time it is written
};

void fails_from_every_call(const Written& w, int error, bool all_fail) {
  std::string versions[2], before;  // before: the file, byte for byte
  for (const int version : {1, 0}) {
    const TempFolder folder;
    w.write(folder.path(), 0);
    before = take(folder / w.file);
    if (version) w.write(folder.path(), 1);
    versions[version] = w.seen(folder / w.file);
  }
  REQUIRE(versions[0] != versions[1]);
  long writes = 0;
  for (long k = 0;; ++k) {
    const TempFolder folder;
    const std::string path = folder / w.file;
    put(path, before);
    std::string message;
    std::vector<std::string> calls;
    {
      const FaultyFiles faulty({.at = k, .error = error, .lasts = true, .ends_all = all_fail, .most = 100});
      message = message_of([&] { w.write(folder.path(), 1); });
      calls = FaultyFiles::calls();
    }
    if (k >= long(calls.size())) break;
    const auto failed = calls.begin() + k;
    CAPTURE(k);
    CAPTURE(*failed);
    // Closing what was only read, or is safe already, may fail.
    if (message == "no error") {
      CHECK(*failed == "close");
    } else {
      CHECK(contains(message, {path, std::strerror(error)}));
    }
    const bool committed = *failed != w.commit && std::find(calls.begin(), failed, w.commit) != failed;
    const bool whole = committed || message == "no error";
    if (all_fail && !whole && w.file == "metrics.jsonl") {  // half a line can no longer be taken back, as after a kill
      CHECK(take(path).starts_with(before));
    } else {
      CHECK(w.seen(path) == versions[whole]);
      if (!whole) CHECK(take(path) == before);
    }
    if (!all_fail) CHECK(folder.names() == std::vector{w.file});  // else nothing can be removed any more
    writes += *failed == "write";
  }
  CHECK(writes > 1);
}

EpochReport epoch(long number) {
  return {.epoch = number, .epochs = 9, .step = 10 * number, .loss = 1.0 / 3, .accuracy = 2.0 / 3, .lr = 0.1, .grad_norm = 1};
}

TEST_CASE("faults: a disk that is full, or broken, from one call on costs no file of a training") {
  const Dataset data = few_digits(48, 12);
  Model models[] = {small_net(1), small_net(2)};
  Trainer trainers[] = {{models[0], data, full_config()}, {models[1], data, full_config()}};
  const MetricsLog::Header header{.config_hash = "x", .seed = 7, .threads = 1};
  const std::vector<Written> all = {
      {"model.safetensors", "rename", [&](auto& folder, int v) { models[v].save(folder + "/model.safetensors"); }},
      {"checkpoint", "rename", [&](auto& folder, int v) { save_checkpoint(folder + "/checkpoint", trainers[v]); }},
      {"result.json", "rename",
       [](auto& folder, int v) {
         RunResult result;
         result.test_accuracy = 0.25 * v;
         write_result(folder, result);
       },
       [](auto& path) { return read_json(path)["test_accuracy"].dump(); }},
      {"metrics.jsonl", "write", [&](auto& folder, int v) {
         const std::string path = folder + "/metrics.jsonl";
         if (v == 0) {
           MetricsLog(path, header).epoch(epoch(1));
         } else {
           MetricsLog log(path, header, std::int64_t(take(path).size()));
           log.epoch(epoch(2)), log.sync();
         }
       }}};
  for (const Written& w : all)
    for (const int error : {ENOSPC, EIO}) {
      CAPTURE(w.file);
      CAPTURE(error);
      for (const bool all_fail : {false, true}) fails_from_every_call(w, error, all_fail);
    }
}

TEST_CASE("faults: a disk that cannot be read from one call on is an Error with the path, and nothing has changed") {
  const TempFolder folder;
  const Dataset data = few_digits(48, 12);
  Model saved = small_net(1), model = small_net(2);
  Trainer from(saved, data, full_config()), trainer(model, data, full_config());
  put(folder / "a.idx", big_endian(0x803) + big_endian(2) + big_endian(15) + big_endian(15) + std::string(450, 'x'));
  put(folder / "a.idx.gz", gzip(take(folder / "a.idx")));
  put(folder / "a.pgm", "P5\n15 15\n255\n" + std::string(225, 'x'));
  put(folder / "model.json", saved.to_json());
  saved.save(folder / "model.safetensors");
  from.step();
  save_checkpoint(folder / "c", from);
  MetricsLog(folder / "log", {}).epoch(epoch(1));
  const auto length = std::int64_t(take(folder / "log").size());
  const std::vector<std::function<void()>> readers = {[&] { read_idx(folder / "a.idx"); },
                                                      [&] { read_idx(folder / "a.idx.gz"); },
                                                      [&] { read_image(folder / "a.pgm"); },
                                                      [&] { Model::from_json(folder / "model.json"); },
                                                      [&] { Model::load(folder / "model.safetensors"); },
                                                      [&] { Model::load(folder.path()); },
                                                      [&] { model.load_weights(folder / "model.safetensors"); },
                                                      [&] { load_checkpoint(folder / "c", trainer); },
                                                      [&] { MetricsLog(folder / "log", {}, length); }};
  const std::vector<std::string> names = folder.names();
  const int descriptors = open_descriptors();
  for (std::size_t i = 0; i < readers.size(); ++i) {
    long reads = 0;
    for (long k = 0;; ++k) {
      CAPTURE(i);
      CAPTURE(k);
      const Result before = result_of(model, trainer);
      std::string message, failed;
      {
        const FaultyFiles faulty({.at = k, .error = EIO, .lasts = true, .most = 100});
        message = message_of(readers[i]);
        if (k >= long(FaultyFiles::calls().size())) break;
        failed = FaultyFiles::calls()[std::size_t(k)];
      }
      if (failed == "close") continue;  // of what has been read
      CHECK(contains(message, {folder.path() + '/', std::strerror(EIO)}));
      CHECK(result_of(model, trainer) == before);
      reads += failed == "read";
    }
    CHECK(reads > 0);
  }
  CHECK(folder.names() == names);
  CHECK(open_descriptors() == descriptors);
}

}  // namespace
}  // namespace six::test
