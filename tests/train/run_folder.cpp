#include "../../train/run_folder.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "../../data/json.h"
#include "../../train/config.h"
#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

// For the length of its life: just before the n-th file is opened, counted from 0, another process leaves one.
class Intruder {
 public:
  Intruder(const std::string& file, const std::string& content, long n) {
    file_ = file, content_ = content, left_ = n, real_ = file_calls();
    file_calls().open = [](const char* path, int flags, unsigned mode) {
      if (left_-- == 0) put(file_, content_);
      return real_.open(path, flags, mode);
    };
  }
  ~Intruder() { file_calls() = real_; }
  Intruder(const Intruder&) = delete;
  Intruder& operator=(const Intruder&) = delete;
  static bool came() { return left_ < 0; }

 private:
  static inline std::string file_, content_;  // FileCalls are plain functions
  static inline long left_ = 0;
  static inline FileCalls real_;
};

TEST_CASE("damaged checkpoints that were set aside belong to the run, and nothing of a name that is only like theirs") {
  const TempFolder folder;
  const std::vector<std::string> others = {"checkpoint-.safetensors.damaged", "checkpoint-12",
                                           "checkpoint-best.safetensors.damaged"};
  for (const std::string& name : others) put(folder / name, "mine");
  CHECK_FALSE(holds_run(folder.path()));
  put(folder / "checkpoint-12.safetensors.damaged", "x");
  CHECK(holds_run(folder.path()));
  (void)start_run(folder.path(), true);
  CHECK(folder.names() == others);
}

TEST_CASE("a run is not begun where one of its files could not be written at its end") {
  const TempFolder folder;
  for (const char* name : {"result.json", "metrics.jsonl", "model.safetensors", "model.json"}) {
    const std::string path = folder / name;
    std::filesystem::create_directory(path);
    const std::string says =
        path + ": is no regular file, and stands where the run will write one; remove it, or choose another folder";
    CHECK(message_of([&] { (void)start_run(folder.path(), true); }) == says);
    CHECK(message_of([&] { (void)continue_run(folder.path(), small_net()); }) == says);
    std::filesystem::remove(path);
  }
  CHECK_NOTHROW((void)start_run(folder.path(), false));
}

TEST_CASE("a folder is made ready for a run; one that holds a run is kept unless told otherwise") {
  const TempFolder temp;
  const std::string folder = temp / "a/b";
  CHECK_FALSE(holds_run(folder));
  (void)start_run(folder, false);
  CHECK_FALSE(holds_run(folder));
  put(folder + "/notes.txt", "mine");
  (void)start_run(folder, false);  // other files are no run
  for (const char* file : {"model.json", "model.safetensors", "metrics.jsonl", "result.json"}) {
    put(folder + '/' + file, "old");
    CHECK(holds_run(folder));
    CHECK(contains(message_of([&] { (void)start_run(folder, false); }), {folder + ": holds a run", "--overwrite"}));
    CHECK(take(folder + '/' + file) == "old");
    (void)start_run(folder, true);
    CHECK_FALSE(holds_run(folder));
  }
  CHECK(take(folder + "/notes.txt") == "mine");
}

TEST_CASE("a run goes on though keys came to the config after it was begun; they have their defaults") {
  const TempFolder temp;
  Model model = small_net();
  model.set_training(Json::parse(write_training(full_config()).dump()));
  Json written = Json::parse(model.to_json());
  REQUIRE(written["training"]["augmentation"].erase("elastic") == 1);
  put(temp / "model.json", written.dump());
  (void)continue_run(temp.path(), model);
  written["training"]["epochs"] = 77;
  put(temp / "model.json", written.dump());
  CHECK(contains(message_of([&] { (void)continue_run(temp.path(), model); }), {"another config", "training.epochs is 77, not 3"}));
}

TEST_CASE("a run's folder is held by one process, from whatever end of it on by the next") {
  const TempFolder temp;
  const Model model = small_net();
  const auto refused = [&](auto&& body) { return contains(message_of(body), {temp.path() + ": is in use by another process"}); };
  {
    const FolderLock lock = start_run(temp.path(), false);  // locks of one process exclude each other as those of two
    CHECK(refused([&] { (void)start_run(temp.path(), true); }));
    CHECK(refused([&] { (void)continue_run(temp.path(), model); }));
    put(temp / "model.json", "{}");  // what the other one is about to do with it is not known yet
    CHECK(refused([&] { (void)start_run(temp.path(), false); }));
    CHECK(refused([&] { (void)continue_run(temp.path(), model); }));
    std::filesystem::remove(temp / "model.json");
  }
  CHECK_NOTHROW((void)continue_run(temp.path(), model));
}

TEST_CASE("a run that another process leaves while a folder is made ready is seen, or left alone") {
  long moments = 0;
  for (bool came = true; came; ++moments) {
    CAPTURE(moments);
    const TempFolder temp;
    std::string message;
    {
      const Intruder other(temp / "model.json", "theirs", moments);
      message = message_of([&] { (void)start_run(temp.path(), false); });
      came = Intruder::came();
    }
    if (!came) continue;
    CHECK((message == "no error" || contains(message, {temp.path() + ": holds a run"})));
    CHECK(take(temp / "model.json") == "theirs");
  }
  CHECK(moments > 2);
  const TempFolder temp;
  const Model model = small_net(), wider({8, 8, 1}, Sequential{Flatten{}, Linear{{.out_features = 10}}});
  const Intruder other(temp / "model.json", wider.to_json(), 0);  // before the lock
  CHECK(contains(message_of([&] { (void)continue_run(temp.path(), model); }), {temp.path() + ": holds the run of another config"}));
}

TEST_CASE("folders that cannot be written to are refused") {
  const TempFolder temp;
  put(temp / "file", "x");
  CHECK(contains(message_of([&] { (void)start_run(temp / "file", true); }), {temp / "file"}));
  CHECK(contains(message_of([&] { (void)start_run(temp / "file/run", true); }), {temp / "file"}));
}

TEST_CASE("a run is finished if its result is there; without its weights that is an error") {
  const TempFolder temp;
  CHECK_FALSE(is_finished(temp.path()));
  put(temp / "result.json", "{}");
  const auto told = [&] {
    return contains(message_of([&] { (void)is_finished(temp.path()); }),
                    {temp / "model.safetensors" + ": is no file", "remove that, then --resume", "--overwrite"});
  };
  CHECK(told());
  std::filesystem::create_directory(temp / "model.safetensors");
  CHECK(told());
  std::filesystem::remove(temp / "model.safetensors");
  put(temp / "model.safetensors", "x");
  CHECK(is_finished(temp.path()));
}

TEST_CASE("a new folder's name holds the time and the model; nobody else gets it, though begun in the same second") {
  const TempFolder temp;
  const std::string parent = temp / "runs", first = new_run_folder(parent, "net");
  CHECK(first.ends_with("-net"));
  CHECK(first.size() == parent.size() + std::string("/20000101-000000-net").size());
  CHECK(std::filesystem::is_empty(first));
  {
    const FaultyFiles none(Fault{});
    new_run_folder(temp / "others", "net");
    CHECK(FaultyFiles::calls() == std::vector<std::string>{"open", "sync", "close", "open", "sync", "close"});  // of both above
  }
  {
    const FaultyFiles faulty({.at = 1, .error = EIO});
    CHECK(
        contains(message_of([&] { new_run_folder(parent, "net"); }), {parent + '/', "folder above it cannot be synced", "error"}));
  }
  std::set<std::string> claimed{first};
  for (int i = 0; i < 20; ++i) claimed.insert(new_run_folder(parent, "net"));
  CHECK(claimed.size() == 21);
  for (const std::string& folder : claimed) (void)start_run(folder, false);
  put(temp / "file", "x");
  CHECK(contains(message_of([&] { new_run_folder(temp / "file", "net"); }), {temp / "file"}));
}

TEST_CASE("the hash of a config is that of model and training, threads aside") {
  const auto hash = [](std::uint64_t weights, TrainingConfig config) {
    Model model = small_net(weights);
    model.set_training(Json::parse(write_training(config).dump()));
    return config_hash(model);
  };
  const std::string one = hash(1, full_config(1));
  CHECK(one.size() == 64);
  CHECK(hash(2, full_config(7)) == one);  // initial weights follow from the seed
  TrainingConfig other = full_config();
  other.seed = 8;
  CHECK(hash(1, other) != one);
}

TEST_CASE("result.json") {
  const TempFolder temp;
  write_result(temp.path(), {.test_accuracy = 0.1,
                             .test_loss = std::numeric_limits<double>::infinity(),
                             .seconds_training = 2.5,
                             .images_per_second = 100,
                             .parameters = 7,
                             .seed = 18446744073709551615u,
                             .threads = 3,
                             .data_set = "digits",
                             .config_hash = "abc"});
  const Json r = read_json(temp / "result.json");
  CHECK(r["test_accuracy"] == 0.1);
  CHECK(r["test_loss"] == "inf");
  CHECK(r["seconds_training"] == 2.5);
  CHECK(r["seconds_total"].get<double>() > 0);
  CHECK(r["images_per_second"] == 100);
  CHECK(r["parameters"] == 7);
  CHECK(r["peak_rss_mb"].get<double>() > 1);
  CHECK(r["seed"] == 18446744073709551615u);
  CHECK(r["threads"] == 3);
  CHECK(r["data_set"] == "digits");
  CHECK(r["config_hash"] == "abc");
  CHECK(r["version"].get<std::string>().starts_with("sixgrad "));
  CHECK(r.size() == 12);
}

}  // namespace
}  // namespace six::test
