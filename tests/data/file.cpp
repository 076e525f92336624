#include "../../data/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "support.h"

using namespace six;
using namespace six::test;

TEST_CASE("file: what is written is read back, replacing what was there") {
  const TempFolder folder;
  const std::string path = folder / "a.bin", content("\0one\xff two", 9);
  write_file_atomic(path, "old and longer than the new content");
  const std::string_view pieces[] = {std::string_view(content).substr(0, 4), "", std::string_view(content).substr(4)};
  write_file_atomic(path, pieces);
  CHECK(take(path) == content);
  CHECK(read_file(path) == bytes_of(content));
  CHECK(read_text(path) == content);
  CHECK(folder.names() == std::vector<std::string>{"a.bin"});
  write_file_atomic(path, "");
  CHECK(read_file(path).empty());
}

TEST_CASE("file: a path without a folder is one in the current folder") {
  const TempFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_file_atomic("plain", "x");
  std::filesystem::current_path(before);
  CHECK(take(folder / "plain") == "x");
}

TEST_CASE("file: what cannot be read is an Error that names the path") {
  const TempFolder folder;
  const std::string path = folder / "a";
  CHECK(contains(message_of([&] { read_file(path); }), {path, "cannot be opened", "No such file"}));
  CHECK(contains(message_of([&] { read_file(folder.path()); }), {folder.path(), "is a folder"}));
  put(path, "12345");
  CHECK(read_file(path, 5).size() == 5);
  CHECK(contains(message_of([&] { read_file(path, 4); }), {path, "5 bytes", "at most 4"}));
  const std::string pipe = folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(contains(message_of([&] { read_file(pipe); }), {pipe, "not a regular file"}));  // and does not wait for a writer
}

TEST_CASE("file: what cannot be written is an Error that names the path") {
  const TempFolder folder;
  const std::string missing = folder / "no/such";
  CHECK(contains(message_of([&] { write_file_atomic(missing, "x"); }), {missing, "cannot be opened", "No such file"}));
  const std::string target = folder / "target";
  make_folder(target);
  CHECK(contains(message_of([&] { write_file_atomic(target, "x"); }), {target, "cannot be replaced"}));
  CHECK(folder.names() == std::vector<std::string>{"target"});
}

// No device of the machine is tried: where this fails, /dev/null would be a file from then on.
TEST_CASE("file: a pipe or a socket is not replaced by a file, a link not by what it should lead to") {
  const TempFolder folder;
  const std::string pipe = folder / "pipe", socket = folder / "socket", link = folder / "link";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  REQUIRE(mknod(socket.c_str(), S_IFSOCK | 0600, 0) == 0);
  std::filesystem::create_symlink(pipe, link);
  for (const std::string& path : {pipe, socket, link})
    CHECK(contains(message_of([&] { write_file_atomic(path, "x"); }), {path, "cannot be replaced", "not a regular file"}));
  CHECK(folder.names() == std::vector<std::string>{"link", "pipe", "socket"});
  CHECK(std::filesystem::is_fifo(pipe));
  CHECK(std::filesystem::is_socket(socket));

  const std::string file = folder / "below/file", next = folder / "below/next";
  make_folder(folder / "below");
  put(file, "old");
  const std::string first = folder / "first", second = folder / "second", dangling = folder / "dangling";
  std::filesystem::create_symlink("below/file", first);
  std::filesystem::create_symlink("first", second);
  std::filesystem::create_symlink(next, dangling);
  write_file_atomic(second, "new");
  write_file_atomic(dangling, "made");
  CHECK(take(file) == "new");
  CHECK(take(next) == "made");
  for (const std::string& path : {first, second, dangling}) CHECK(std::filesystem::is_symlink(path));
  std::filesystem::create_symlink("round", folder / "round");
  CHECK(contains(message_of([&] { write_file_atomic(folder / "round", "x"); }), {folder / "round"}));
}

TEST_CASE("file: more than can be read again is not written") {
  const TempFolder folder;
  const std::string part(std::size_t(64) << 20, 'x');
  std::vector<std::string_view> pieces(256, part);
  pieces.push_back("x");
  CHECK(contains(message_of([&] { write_file_atomic(folder / "a", pieces); }), {folder / "a", "17179869185 bytes", "17179869184"}));
  CHECK(folder.names().empty());
}

TEST_CASE("file: folders are created with those above them") {
  const TempFolder folder;
  make_folder(folder / "a/b/c");
  make_folder(folder / "a/b/c");
  CHECK(std::filesystem::is_directory(folder / "a/b/c"));
  put(folder / "file", "");
  const std::string below = folder / "file/x", same = folder / "file";
  CHECK(contains(message_of([&] { make_folder(below); }), {below, "cannot be created"}));
  CHECK(message_of([&] { make_folder(same); }).starts_with(same + ": "));
  CHECK(contains(message_of([&] { make_folder("/proc/sixgrad"); }), {"/proc/sixgrad"}));
  CHECK(file_exists(folder / "file"));
  CHECK_FALSE(file_exists(folder / "a"));
  CHECK_FALSE(file_exists(folder / "nothing"));
  CHECK_FALSE(file_exists(folder / "file/below"));
  std::filesystem::create_symlink("round", folder / "round");
  CHECK(message_of([&] { (void)file_exists(folder / "round/x"); }).starts_with(folder / "round/x" + ": cannot be read: "));
}

TEST_CASE("file: a log grows by whole appends and can be cut back") {
  const TempFolder folder;
  const std::string path = folder / "log";
  {
    AppendFile log(path);
    log.append("one\n");
    log.append("two\n");
    log.sync();
    CHECK(log.offset() == 8);
    CHECK(take(path) == "one\ntwo\n");
  }
  AppendFile(path).append("three\n");
  CHECK(take(path) == "one\ntwo\nthree\n");
  AppendFile log(path, 4);
  CHECK(take(path) == "one\n");
  log.append("2\n");
  CHECK(take(path) == "one\n2\n");
  CHECK(log.offset() == 6);
  CHECK(contains(message_of([&] { AppendFile(path, 7); }), {path, "6 bytes", "cut back to 7"}));
  CHECK(contains(message_of([&] { AppendFile(path, -1); }), {path, "-1"}));
  CHECK(contains(message_of([&] { AppendFile(folder / "none", 7); }), {folder / "none", "cannot be opened"}));
  CHECK_FALSE(file_exists(folder / "none"));
  CHECK(contains(message_of([&] { AppendFile(folder.path()); }), {folder.path()}));
}

TEST_CASE("file: a writer removes the temporaries that nobody holds, and nothing else") {
  const TempFolder folder;
  const std::string mark = ".sixgrad.tmp.", held = "c" + mark + "3.4", link = "h" + mark + "3.4";
  const std::vector<std::string> kept = {held, "d" + mark + "3x", "e" + mark, "f.safetensors", "g" + mark + "-3", link, "i.tmp.3"};
  for (const std::string& name : kept)
    if (name != link) put(folder / name, "x");
  std::filesystem::create_symlink(folder / "f.safetensors", folder / link);
  put(folder / ("a" + mark + "3"), "x"), put(folder / ("b" + mark + std::to_string(getpid()) + ".0"), "x");
  const int fd = ::open((folder / held).c_str(), O_WRONLY);
  REQUIRE(::flock(fd, LOCK_EX) == 0);
  write_file_atomic(folder / "f.safetensors", "y");
  CHECK(folder.names() == kept);
  ::close(fd);
  write_file_atomic(folder / "f.safetensors", "z");
  CHECK_FALSE(file_exists(folder / held));
}

TEST_CASE("file: of several threads that write and read one path, each finds a whole file") {
  const TempFolder folder;
  const std::string path = folder / "a", first(5000, 'a'), second(9000, 'b');
  write_file_atomic(path, first);
  std::atomic<int> writing{2};
  std::atomic<long> failed{0};
  const auto write = [&](const std::string& content) {
    for (int i = 0; i < 100; ++i)
      if (message_of([&] { write_file_atomic(path, content); }) != "no error") ++failed;
    --writing;
  };
  std::thread one(write, first), two(write, second);
  long cut = 0;
  do {
    const std::string content = take(path);
    cut += content != first && content != second;
  } while (writing);
  one.join(), two.join();
  CHECK(cut == 0);
  CHECK(failed == 0);
  CHECK(folder.names() == std::vector<std::string>{"a"});
}

TEST_CASE("file: CRC-32 of the published check value, whole and in parts") {
  CHECK(crc32(as_bytes("123456789")) == 0xcbf43926u);
  CHECK(crc32(as_bytes("6789"), crc32(as_bytes("12345"))) == 0xcbf43926u);
  CHECK(crc32({}) == 0u);
  CHECK(crc32({}, 0xcbf43926u) == 0xcbf43926u);
}

TEST_CASE("file: a path in a command is what a shell reads back") {
  CHECK(quoted("runs/a-1_b.c") == "runs/a-1_b.c");
  CHECK(quoted("") == "''");
  CHECK(quoted("it's $HOME") == "'it'\\''s $HOME'");
}

TEST_CASE("file: foreign text in messages is one printable line") {
  CHECK(printable("plain") == "\"plain\"");
  CHECK(printable("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(printable("a\nb\x1b\xc3") == "\"a\\x0ab\\x1b\\xc3\"");
  CHECK(printable(std::string(1000, 'x')) == '"' + std::string(60, 'x') + "...\"");
}
