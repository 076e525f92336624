#include "download.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "../core/error.h"
#include "dataset.h"
#include "file.h"
#include "gzip.h"
#include "sha256.h"

extern char** environ;

namespace six {
namespace {

constexpr std::size_t kMaxDownload = std::size_t(64) << 20;
constexpr int kDownloadSeconds = 120;

struct MnistFile {
  const char* name;
  const char* sha256;  // of the unpacked content
};
constexpr MnistFile kMnistFiles[] = {
    {"train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
    {"train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
    {"t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
    {"t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
};

// A child process and the read end of its standard output. Whatever happens, it is waited for; one still running is ended.
class Child {
 public:
  explicit Child(const std::vector<std::string>& command) {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& a : command) arguments.push_back(const_cast<char*>(a.c_str()));
    arguments.push_back(nullptr);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail(command[0], ": no pipe: ", std::generic_category().message(errno));
    out_ = ends[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    const int error = posix_spawnp(&pid_, command[0].c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (error != 0) {
      ::close(out_);
      fail(command[0], ": cannot be run: ", std::generic_category().message(error));
    }
  }
  ~Child() {
    ::close(out_);
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int out() const { return out_; }
  int wait() {  // the exit status as waitpid gives it
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
  int out_ = -1;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// The first mirror's content that is what it should be.
std::vector<std::uint8_t> fetch(const MnistFile& file, const FetchOptions& options) {
  std::string failures;
  for (const std::string& mirror : options.mirrors) {
    const std::string url = mirror + file.name + ".gz";
    if (options.say) options.say("downloading " + url);
    try {
      std::vector<std::uint8_t> packed = options.get(url);
      const std::string sum = sha256(gunzip(packed, kMaxDownload, url));
      require(sum == file.sha256, url, ": content has SHA-256 ", sum, ", expected ", file.sha256);
      return packed;
    } catch (const Error& e) {
      failures += (failures.empty() ? "" : "; ") + std::string(e.what());
    }
  }
  fail("download of MNIST failed: ", failures);
}

}  // namespace

std::vector<std::uint8_t> program_output(const std::vector<std::string>& command, std::size_t cap, int seconds) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::seconds(seconds);
  Child child(command);
  std::vector<std::uint8_t> content;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    require(left > 0, command[0], ": not finished after ", seconds, " seconds");
    pollfd ready{child.out(), POLLIN, 0};
    if (::poll(&ready, 1, int(left)) <= 0) continue;
    std::uint8_t buffer[1 << 16];
    const ssize_t n = ::read(child.out(), buffer, sizeof buffer);
    if (n == 0) break;
    if (n < 0) continue;  // interrupted
    require(content.size() + std::size_t(n) <= cap, command[0], ": more than ", cap, " bytes");
    content.insert(content.end(), buffer, buffer + n);
  }
  const int status = child.wait();
  require(WIFEXITED(status) && WEXITSTATUS(status) == 0, command[0], ": failed with status ",
          WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  return content;
}

std::vector<std::uint8_t> get_url(const std::string& url) {
  const std::vector<std::string> commands[] = {
      {"curl", "--fail", "--silent", "--location", "--connect-timeout", "5", "--speed-limit", "1000", "--speed-time", "10", "--",
       url},
      {"wget", "--quiet", "--tries=1", "--timeout=10", "--output-document=-", "--", url},
  };
  std::string failures;
  for (const auto& command : commands) {
    try {
      return program_output(command, kMaxDownload, kDownloadSeconds);
    } catch (const Error& e) {
      failures += (failures.empty() ? "" : ", ") + std::string(e.what());
    }
  }
  fail(url, ": cannot be fetched (", failures, ")");
}

void fetch_mnist(const std::string& folder, const FetchOptions& options) {
  make_folder(folder);
  for (const MnistFile& file : kMnistFiles) {
    const std::string path = folder + '/' + file.name + ".gz";
    if (!file_exists(path)) write_file_atomic(path, as_text(fetch(file, options)));
  }
}

std::string mnist_cache_folder() {
  const std::string cache = environment("XDG_CACHE_HOME"), home = environment("HOME");
  if (cache.starts_with('/')) return cache + "/sixgrad/mnist";  // the specification: a relative one is to be ignored
  return home.empty() ? "" : home + "/.cache/sixgrad/mnist";
}

std::string locate_mnist(const std::string& folder, bool download, const FetchOptions& options) {
  if (!folder.empty()) return folder;
  if (std::string chosen = environment("MNIST_DIR"); !chosen.empty()) {
    require(in_context("MNIST_DIR", [&] { return has_mnist(chosen); }), "MNIST_DIR is ", chosen,
            ", which does not hold the four files of MNIST; correct it, unset it or give --data");
    return chosen;
  }
  std::string cache = mnist_cache_folder();
  try {
    if (!cache.empty() && has_mnist(cache)) return cache;
    require(!cache.empty() && download, "MNIST: not found: no folder given, MNIST_DIR is not set, nothing in the cache (",
            cache.empty() ? "no HOME" : cache, ")");
    fetch_mnist(cache, options);
  } catch (const Error& e) {
    fail(e.what(), "; give the folder of its four files by --data or MNIST_DIR");
  }
  return cache;
}

}  // namespace six
