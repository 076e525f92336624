#include "support.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "../../core/error.h"

namespace six::test {
namespace {

namespace fs = std::filesystem;

// The state of the one FaultyFiles at work: FileCalls are plain functions.
struct State {
  Fault fault;
  FileCalls real;
  std::vector<std::string> calls;
  long turns = 0, reads = 0;
};
State state;

bool fails(const char* name) {
  state.calls.push_back(name);
  const long at = state.fault.at, now = long(state.calls.size()) - 1;
  const bool after = at >= 0 && now > at;
  if (now != at && !(after && (state.fault.ends_all || (state.fault.lasts && state.calls[std::size_t(at)] == name)))) return false;
  errno = state.fault.error;
  return true;
}

bool interrupts() {
  if (!state.fault.interrupted || ++state.turns % 2 == 0) return false;
  errno = EINTR;
  return true;
}

const FileCalls kFaulty{
    .open = [](const char* path, int flags, unsigned mode) { return fails("open") ? -1 : state.real.open(path, flags, mode); },
    .stat = [](int fd, struct stat* out) { return fails("stat") ? -1 : state.real.stat(fd, out); },
    .read = [](int fd, void* to, std::size_t n) -> ssize_t {
      if (fails("read") || interrupts()) return -1;
      if (state.fault.ends_early && state.reads++ > 0) return 0;
      return state.real.read(fd, to, std::min(n, state.fault.most));
    },
    .write = [](int fd, const void* from, std::size_t n) -> ssize_t {
      if (fails("write") || interrupts()) return -1;
      return state.real.write(fd, from, std::min(n, state.fault.most));
    },
    .sync = [](int fd) { return fails("sync") || interrupts() ? -1 : state.real.sync(fd); },
    .close =
        [](int fd) {  // as on Linux, the descriptor is gone also if close fails
          const bool failed = fails("close");
          const int error = errno, result = state.real.close(fd);
          if (failed) errno = error;
          return failed ? -1 : result;
        },
    .rename = [](const char* from, const char* to) { return fails("rename") ? -1 : state.real.rename(from, to); },
    .remove = [](const char* path) { return fails("remove") ? -1 : state.real.remove(path); },
    .truncate = [](int fd, off_t size) { return fails("truncate") ? -1 : state.real.truncate(fd, size); },
};

}  // namespace

TempFolder::TempFolder() {
  std::string name = (fs::temp_directory_path() / "sixgrad-test-").string() + std::string(6, 'X');
  if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
  path_ = name;
}
TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}
std::vector<std::string> TempFolder::names() const {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(path_)) out.push_back(entry.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

TempVariable::TempVariable(const char* name, const char* value) : name_(name), had_(getenv(name) != nullptr) {
  if (had_) old_ = getenv(name);
  value ? setenv(name, value, 1) : unsetenv(name);
}
TempVariable::~TempVariable() { had_ ? setenv(name_, old_.c_str(), 1) : unsetenv(name_); }

void put(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary).write(content.data(), std::streamsize(content.size()));
}
std::string take(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}
bool contains(std::string_view text, std::initializer_list<std::string_view> parts) {
  return text.find('\n') == text.npos &&
         std::all_of(parts.begin(), parts.end(), [&](auto part) { return text.find(part) != text.npos; });
}

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::string gzip(std::string_view content) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::runtime_error("deflateInit2");
  std::string out(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = uInt(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = uInt(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string big_endian(std::uint32_t value) { return {char(value >> 24), char(value >> 16), char(value >> 8), char(value)}; }

FaultyFiles::FaultyFiles(const Fault& fault) : real_(file_calls()) {
  state = State{fault, real_, {}, 0, 0};
  file_calls() = kFaulty;
}
FaultyFiles::~FaultyFiles() { file_calls() = real_; }
const std::vector<std::string>& FaultyFiles::calls() { return state.calls; }

int open_descriptors() { return int(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator())); }

}  // namespace six::test
