// Every system call of every writer and reader is made to fail in turn.
#include <doctest/doctest.h>

#include <cerrno>
#include <cstring>

#include "../../data/file.h"
#include "../../data/safetensors.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

constexpr std::string_view kPieces[] = {"the new ", "content"};
constexpr const char* kNew = "the new content";

}  // namespace

TEST_CASE("faults: a writer that fails at any call keeps the old file and leaves nothing behind") {
  const int descriptors = open_descriptors();
  for (const int error : {ENOSPC, EIO, EACCES, EROFS, EDQUOT}) {
    long failures = 0;
    for (long k = 0;; ++k) {
      const TempFolder folder;
      const std::string path = folder / "model.safetensors";
      put(path, "old");
      std::string message, failed;
      bool renamed = false;
      long calls = 0;
      {
        const FaultyFiles faulty({.at = k, .error = error});
        message = message_of([&] { write_file_atomic(path, kPieces); });
        calls = long(FaultyFiles::calls().size());
        if (k < calls) failed = FaultyFiles::calls()[std::size_t(k)];
        for (long i = 0; i < std::min(k, calls); ++i) renamed = renamed || FaultyFiles::calls()[std::size_t(i)] == "rename";
      }
      if (k >= calls) break;  // the fault was not reached: all calls have had their turn
      CAPTURE(k);
      CAPTURE(failed);
      CHECK(folder.names() == std::vector<std::string>{"model.safetensors"});
      CHECK(take(path) == (renamed || k == 0 ? kNew : "old"));
      if (k == 0 || (renamed && failed == "close")) {
        CHECK(message == "no error");  // looking for what others left; of what is synced already, or was not written to
      } else {
        CHECK(contains(message, {path, std::strerror(error)}));
        ++failures;
      }
    }
    CHECK(failures == 7);  // open, two writes, sync, rename; open and sync of the folder
  }
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE("faults: short and interrupted writes are continued") {
  for (const std::size_t most : {1, 2, 3, 7}) {
    const TempFolder folder;
    const std::string path = folder / "a";
    {
      const FaultyFiles faulty({.most = most, .interrupted = true});
      write_file_atomic(path, kPieces);
      AppendFile(folder / "log").append("a whole line\n");
    }
    CHECK(take(path) == kNew);
    CHECK(take(folder / "log") == "a whole line\n");
  }
  const TempFolder folder;
  const FaultyFiles faulty({.most = 0});
  CHECK(contains(message_of([&] { write_file_atomic(folder / "a", "x"); }), {folder / "a", "0 of 1 bytes"}));
  CHECK(folder.names().empty());
}

TEST_CASE("faults: file systems that cannot sync a folder are accepted") {
  for (const int error : {EINVAL, ENOTSUP}) {
    const TempFolder folder;
    const FaultyFiles faulty({.at = 8, .error = error});
    write_file_atomic(folder / "a", kPieces);
    CHECK(FaultyFiles::calls().at(8) == "sync");
    CHECK(take(folder / "a") == kNew);
  }
}

TEST_CASE("faults: new folders are synced with their entries, or the Error names them") {
  const std::vector<std::string> expected = {"open", "sync", "close"};
  const auto calls = [&](const std::string& path) {
    const FaultyFiles none(Fault{});
    make_folder(path);
    return FaultyFiles::calls();
  };
  const TempFolder folder;
  CHECK(calls(folder / "a") == expected);
  CHECK(calls(folder / "a").empty());
  CHECK(calls(folder / "a/b/c") == std::vector<std::string>{"open", "sync", "close", "open", "sync", "close"});
  {
    const FaultyFiles none(Fault{});
    CHECK(make_new_folder(folder / "a/d"));
    CHECK_FALSE(make_new_folder(folder / "a/d"));
    CHECK(FaultyFiles::calls() == expected);
  }
  for (long k = 0; k < 2; ++k) {  // open and sync of the folder above
    const TempFolder other;
    const FaultyFiles faulty({.at = k, .error = EIO});
    CHECK(contains(message_of([&] { make_folder(other / "a"); }), {other / "a: ", std::strerror(EIO)}));
  }
  const FaultyFiles faulty({.at = 1, .error = EINVAL});
  make_folder(folder / "e");
  CHECK(FaultyFiles::calls() == expected);
}

TEST_CASE("faults: short and interrupted reads are continued, failing ones are Errors") {
  const TempFolder folder;
  const std::string path = folder / "a", content = "content of some length";
  put(path, content);
  const int descriptors = open_descriptors();
  for (const std::size_t most : {1, 2, 5}) {
    const FaultyFiles faulty({.most = most, .interrupted = true});
    CHECK(read_text(path) == content);
  }
  {
    const FaultyFiles faulty({.most = 4, .ends_early = true});
    CHECK(contains(message_of([&] { read_file(path); }), {path, "4 of 22 bytes", "shrank"}));
  }
  for (long k = 0; k < 8; ++k) {  // open, stat, six reads of at most four bytes
    const FaultyFiles faulty({.at = k, .error = EIO, .most = 4});
    CHECK(contains(message_of([&] { read_file(path); }), {path, std::strerror(EIO)}));
  }
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE("faults: an append that fails halfway is taken back") {
  const TempFolder folder;
  const std::string path = folder / "log";
  put(path, "first\n");
  {
    const FaultyFiles faulty({.at = 3, .error = ENOSPC, .most = 4});  // open, stat, a write of four bytes, a write that fails
    AppendFile log(path);
    CHECK(contains(message_of([&] { log.append("second\n"); }), {path, std::strerror(ENOSPC)}));
    CHECK(log.offset() == 6);
    CHECK(take(path) == "first\n");
    log.append("third\n");
  }
  CHECK(take(path) == "first\nthird\n");
  const FaultyFiles faulty({.at = 2, .error = EIO});
  AppendFile log(path);
  CHECK(contains(message_of([&] { log.sync(); }), {path, std::strerror(EIO)}));
}

TEST_CASE("faults: every reader passes a failing read on, with the path") {
  const TempFolder folder;
  const std::string path = folder / "w.safetensors";
  write_safetensors(path, {{save_counter("n", 1)}, {}});
  const FaultyFiles faulty({.at = 2, .error = EIO});
  CHECK(contains(message_of([&] { read_safetensors(path); }), {path, std::strerror(EIO)}));
}
