#pragma once
// What the tests of data/ share: a folder of their own, gzip and PNG files made by hand, and files whose system calls fail.
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../../data/file.h"

namespace six::test {

// A new empty folder, removed with its content at the end of the scope.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + '/' + std::string(name); }
  std::vector<std::string> names() const;  // of the files in it, sorted

 private:
  std::string path_;
};

// Whether an environment variable has another value (or none, nullptr) for the length of a scope.
class TempVariable {
 public:
  TempVariable(const char* name, const char* value);
  ~TempVariable();
  TempVariable(const TempVariable&) = delete;
  TempVariable& operator=(const TempVariable&) = delete;

 private:
  const char* name_;
  std::string old_;
  bool had_;
};

void put(const std::string& path, std::string_view content);  // plain, without the code under test
std::string take(const std::string& path);

// The message of the Error that `body` throws, "no error" if it throws none. Other exceptions pass.
std::string message_of(const std::function<void()>& body);
// Whether `text` is one line that contains all parts.
bool contains(std::string_view text, std::initializer_list<std::string_view> parts);

std::vector<std::uint8_t> bytes_of(std::string_view text);
std::string gzip(std::string_view content);
std::string big_endian(std::uint32_t value);

// Makes file_calls() fail for the length of a scope. Calls are counted from 0 in the order they are made.
struct Fault {
  long at = -1;                        // the call that fails, -1 for none
  int error = 0;                       // with this errno
  bool lasts = false;                  // and with it all later calls of the same name: a disk that is full stays full
  bool ends_all = false;               // and with it all later calls: a disk that is gone
  std::size_t most = std::size_t(-1);  // bytes per read and write
  bool interrupted = false;            // every second read, write and sync fails with EINTR
  bool ends_early = false;             // reads find the end of the file after the first
};
class FaultyFiles {
 public:
  explicit FaultyFiles(const Fault& fault);
  ~FaultyFiles();
  FaultyFiles(const FaultyFiles&) = delete;
  FaultyFiles& operator=(const FaultyFiles&) = delete;
  static const std::vector<std::string>& calls();  // names of the calls made so far

 private:
  FileCalls real_;
};

int open_descriptors();  // of this process

}  // namespace six::test
