#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "../../data/file.h"
#include "../../train/checkpoint.h"
#include "../../train/environment.h"
#include "../data/support.h"
#include "support.h"

namespace six::test {
namespace {

// A trainer on few digits, and what it was told while it resumed.
struct Run {
  explicit Run(std::uint64_t seed = 1) : data(few_digits()), model(small_net(seed)), trainer(model, data, full_config()) {}
  std::optional<CheckpointInfo> resume(const std::string& folder) {
    return load_newest_checkpoint(folder, trainer, [this](const std::string& line) { said += line; });
  }
  // Steps with a checkpoint after every second one.
  void steps(long n, const std::string& folder) {
    for (long i = 0; i < n; ++i) {
      if (trainer.epoch_over()) trainer.end_epoch();
      trainer.step();
      if (trainer.state().step % 2 == 0) add_checkpoint(folder, trainer);
    }
  }
  Dataset data;
  Model model;
  Trainer trainer;
  std::string said;
};

using Names = std::vector<std::string>;

TEST_CASE("checkpoint folder: the last two are kept, ordered by step, and nothing else is touched") {
  const TempFolder folder;
  for (const char* name :
       {"checkpoint-x.safetensors", "checkpoint-.safetensors", "checkpoint-07.safetensors", "checkpoint-1.safetensors.tmp"})
    put(folder / name, "mine");
  Run run;
  CHECK_FALSE(run.resume(folder.path()).has_value());
  run.steps(2, folder.path());
  CHECK(checkpoints_in(folder.path()) == Names{folder / "checkpoint-2.safetensors"});
  run.steps(10, folder.path());
  CHECK(checkpoints_in(folder.path()) == Names{folder / "checkpoint-12.safetensors", folder / "checkpoint-10.safetensors"});
  CHECK(folder.names() == Names{"checkpoint-.safetensors", "checkpoint-07.safetensors", "checkpoint-1.safetensors.tmp",
                                "checkpoint-10.safetensors", "checkpoint-12.safetensors", "checkpoint-x.safetensors"});
  Run other(2);
  CHECK(other.resume(folder.path())->state.step == 12);
  CHECK(other.said.empty());
}

TEST_CASE("checkpoint folder: a damaged one is passed over loudly, set aside, and none of the two that are kept") {
  const TempFolder folder;
  Run run, whole;
  run.steps(4, folder.path());
  std::string bytes = take(folder / "checkpoint-4.safetensors");
  bytes[bytes.size() - 3] ^= 1;
  put(folder / "checkpoint-4.safetensors", bytes);
  Run other(2);
  CHECK(other.resume(folder.path())->state.step == 2);
  CHECK(contains(other.said, {"WARNING: DAMAGED CHECKPOINT", folder / "checkpoint-4.safetensors", "checksum",
                              "is now " + (folder / "checkpoint-4.safetensors.damaged")}));
  other.trainer.step();
  add_checkpoint(folder.path(), other.trainer);
  for (int i = 0; i < 2; ++i) {
    if (other.trainer.epoch_over()) other.trainer.end_epoch();
    other.trainer.step();
  }
  add_checkpoint(folder.path(), other.trainer);
  CHECK(folder.names() == Names{"checkpoint-3.safetensors", "checkpoint-4.safetensors.damaged", "checkpoint-5.safetensors"});
  CHECK(take(folder / "checkpoint-4.safetensors.damaged") == bytes);
  other.trainer.run();
  whole.trainer.run();
  CHECK(result_of(other.model, other.trainer) == result_of(whole.model, whole.trainer));
}

TEST_CASE("checkpoint folder: a program that does not listen is told on stderr") {
  const TempFolder folder;
  Run run;
  run.steps(4, folder.path());
  put(folder / "checkpoint-4.safetensors", "x");
  std::fflush(stderr);
  const int before = ::dup(STDERR_FILENO), file = ::creat((folder / "stderr").c_str(), 0600);
  ::dup2(file, STDERR_FILENO);
  const auto info = load_newest_checkpoint(folder.path(), run.trainer);
  std::fflush(stderr);
  ::dup2(before, STDERR_FILENO);
  ::close(before), ::close(file);
  REQUIRE(info.has_value());
  CHECK(info->state.step == 2);
  const std::string said = take(folder / "stderr"), path = folder / "checkpoint-4.safetensors";
  CHECK(said.starts_with("WARNING: DAMAGED CHECKPOINT: " + path));
  CHECK(said.ends_with('\n' + path + ": is now " + path + ".damaged\n"));
}

TEST_CASE(
    "checkpoint folder: if all are damaged nothing is begun anew; one of another training is no reason to take an older one") {
  const TempFolder folder;
  Run run;
  run.steps(4, folder.path());
  put(folder / "checkpoint-6.safetensors", "");
  {
    Run other;
    other.trainer.step();
    TrainingConfig config = full_config();
    config.epochs = 9;
    Trainer longer(other.model, other.data, config);
    CHECK(contains(message_of([&] { load_newest_checkpoint(folder.path(), longer); }),
                   {folder / "checkpoint-4.safetensors", "epochs is 3, not 9"}));
  }
  for (const std::string& path : checkpoints_in(folder.path())) put(path, "x");
  const std::string message = message_of([&] { run.resume(folder.path()); });
  for (const std::string& path : checkpoints_in(folder.path())) CHECK(contains(message, {path}));
  CHECK(contains(message, {"no checkpoint in", "can be read; remove them to begin again"}));
}

TEST_CASE("checkpoint folder: one that cannot be read now is no damaged one, and a folder that cannot be read no empty one") {
  const TempFolder folder;
  Run run;
  run.steps(4, folder.path());
  for (long k = 0; k < 4; ++k) {  // open of the folder; open, stat, read of the newest
    for (const int error : {EACCES, EIO, EMFILE}) {
      CAPTURE(k);
      Run other(2);
      const FaultyFiles faulty({.at = k, .error = error});
      CHECK(contains(message_of([&] { other.resume(folder.path()); }),
                     {k ? folder / "checkpoint-4.safetensors" : folder.path(), std::strerror(error)}));
      CHECK(other.said.empty());
      CHECK(other.trainer.state().step == 0);
    }
  }
  put(folder / "file", "x");
  CHECK(contains(message_of([&] { checkpoints_in(folder / "file"); }), {folder / "file", "Not a directory"}));
  CHECK(checkpoints_in(folder / "nothing").empty());
}

TEST_CASE("checkpoint folder: other kernels and another version are said") {
  const TempFolder folder;
  Run run;
  run.steps(2, folder.path());
  Safetensors file = read_safetensors(folder / "checkpoint-2.safetensors");
  file.metadata["instruction_set"] = "abacus\x1b[2J";  // a terminal would clear itself
  write_safetensors(folder / "checkpoint-2.safetensors", file, Checksum::required);
  CHECK(run.resume(folder.path()).has_value());
  CHECK(contains(run.said, {R"("abacus\x1b[2J")", instruction_set(), "may differ"}));
}

TEST_CASE("checkpoint folder: a checkpoint that cannot be written names its path and leaves the older ones") {
  const TempFolder folder;
  Run run;
  run.steps(4, folder.path());
  run.trainer.step();
  const Names before = folder.names();
  for (long k = 1; k < 5; ++k) {  // after a look around: open, write, sync, rename
    const FaultyFiles faulty({.at = k, .error = 28});
    CHECK(contains(message_of([&] { add_checkpoint(folder.path(), run.trainer); }),
                   {folder / "checkpoint-5.safetensors", "No space left"}));
    CHECK(folder.names() == before);
  }
  add_checkpoint(folder.path(), run.trainer);
  CHECK(Run().resume(folder.path())->state.step == 5);
}

// System calls after which this process ends as if killed.
struct Killer {
  static inline FileCalls real;
  static inline long left = 0;
  static void count() {
    if (left-- == 0) ::raise(SIGKILL);
  }
  static void arm(long calls) {
    real = file_calls(), left = calls;
    file_calls() = {.open = [](const char* p, int f, unsigned m) { return count(), real.open(p, f, m); },
                    .stat = [](int fd, struct stat* s) { return count(), real.stat(fd, s); },
                    .read = [](int fd, void* to, std::size_t n) { return count(), real.read(fd, to, n); },
                    .write = [](int fd, const void* from,
                                std::size_t n) { return count(), real.write(fd, from, n / 2 + 1 < n ? n / 2 + 1 : n); },
                    .sync = [](int fd) { return count(), real.sync(fd); },
                    .close = [](int fd) { return count(), real.close(fd); },
                    .rename = [](const char* a, const char* b) { return count(), real.rename(a, b); },
                    .remove = [](const char* p) { return count(), real.remove(p); },
                    .truncate = [](int fd, off_t n) { return count(), real.truncate(fd, n); }};
  }
};

TEST_CASE(
    "checkpoint folder: killed before any system call of a checkpoint, the newest whole one loads and the rest is cleared away") {
  long killed = 0, older = 0, newer = 0;
  for (long k = 0;; ++k) {
    const TempFolder folder;
    Run run;
    run.steps(4, folder.path());
    run.trainer.step();
    const pid_t child = ::fork();
    if (child == 0) {
      Killer::arm(k);
      add_checkpoint(folder.path(), run.trainer);
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) {
      CHECK(WEXITSTATUS(status) == 0);
      break;
    }
    REQUIRE(WTERMSIG(status) == SIGKILL);
    ++killed;
    CAPTURE(k);
    Run after(9);
    const long step = after.resume(folder.path())->state.step;
    CHECK(after.said.empty());
    CHECK((step == 4 || step == 5));
    ++(step == 4 ? older : newer);
    add_checkpoint(folder.path(), after.trainer);
    CHECK(folder.names().size() == 2);
  }
  CHECK(killed > 10);
  CHECK(older > 5);
  CHECK(newer > 2);
}

TEST_CASE("the first difference of two configs is named by its path") {
  CHECK(first_difference("{\"a\":1}", "{\"a\":1}").empty());
  CHECK(first_difference("{\"b\":2,\"a\":1}", "{\"a\":1,\"b\":2}").empty());
  CHECK(first_difference("{\"a\":{\"b\":[1,{\"c\":3}]}}", "{\"a\":{\"b\":[1,{\"c\":4}]}}") == "a.b[1].c is 3, not 4");
  CHECK(first_difference("{\"a\":1}", "{\"a\":1,\"b\":null}") == "b is absent, not null");
  CHECK(first_difference("{\"a\":1,\"b\":[2]}", "{\"a\":1}") == "b is [2], not absent");
  CHECK(first_difference("[1,2]", "[1]") == " is [1,2], not [1]");
}

}  // namespace
}  // namespace six::test
