#include "file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>

#include "../core/error.h"

namespace six {

FileCalls& file_calls() {
  static FileCalls calls{
      .open = [](const char* path, int flags, unsigned mode) { return ::open(path, flags, mode); },
      .stat = [](int fd, struct stat* out) { return ::fstat(fd, out); },
      .read = ::read,
      .write = ::write,
      .sync = ::fsync,
      .close = ::close,
      .rename = ::rename,
      .remove = ::unlink,
      .truncate = ::ftruncate,
  };
  return calls;
}

namespace {

constexpr std::string_view kTemporary = ".sixgrad.tmp.";  // then the process

std::string reason(int error) { return std::generic_category().message(error); }

// Repeats an interrupted call; throws `path: what: reason` if it fails.
template <class Call>
auto system_call(const std::string& path, const char* what, Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0) return result;
    if (errno != EINTR) fail(path, ": ", what, ": ", reason(errno));
  }
}

class Descriptor {
 public:
  Descriptor(const std::string& shown, const std::string& path, int flags)
      : shown_(shown),
        fd_(system_call(shown, "cannot be opened", [&] { return file_calls().open(path.c_str(), flags | O_CLOEXEC, 0666); })) {}
  ~Descriptor() {
    if (fd_ >= 0) file_calls().close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

  std::size_t size() const {  // of a regular file; anything else throws
    struct stat info {};
    system_call(shown_, "cannot be examined", [&] { return file_calls().stat(fd_, &info); });
    require(!S_ISDIR(info.st_mode), shown_, ": is a folder, not a file");
    require(S_ISREG(info.st_mode) && info.st_size >= 0, shown_, ": is not a regular file");
    return std::size_t(info.st_size);
  }
  void sync() const {
    system_call(shown_, "cannot be written to the disk", [&] { return file_calls().sync(fd_); });
  }
  // Linux releases the descriptor even if close fails, also when interrupted: never a second try.
  void close() {
    if (file_calls().close(release()) != 0 && errno != EINTR) fail(shown_, ": cannot be closed: ", reason(errno));
  }

 private:
  const std::string& shown_;
  int fd_;
};

void write_all(const std::string& path, int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = system_call(path, "cannot be written", [&] { return file_calls().write(fd, text.data(), text.size()); });
    require(n > 0, path, ": cannot be written: 0 of ", text.size(), " bytes were accepted");
    text.remove_prefix(std::size_t(n));
  }
}

template <class Buffer>
Buffer read_whole(const std::string& path, std::size_t cap) {
  const Descriptor file(path, path, O_RDONLY | O_NONBLOCK);  // non-blocking: opening a pipe must not wait for a writer
  const std::size_t size = file.size();
  require(size <= cap, path, ": has ", size, " bytes, at most ", cap, " are accepted");
  Buffer content;
  content.resize(size);
  for (std::size_t done = 0; done < size;) {
    const auto n =
        system_call(path, "cannot be read", [&] { return file_calls().read(file.fd(), content.data() + done, size - done); });
    require(n > 0, path, ": ended after ", done, " of ", size, " bytes (it shrank while being read)");
    done += std::size_t(n);
  }
  return content;
}

// `of` is a file or folder in it, of which `what` is said if that fails.
void sync_folder(const std::string& of, const std::string& path, const char* what) {
  if (::access(path.c_str(), R_OK) != 0 && errno == EACCES) return;  // who may write there but not read cannot open it to sync
  const Descriptor folder(of, path, O_RDONLY | O_DIRECTORY);
  int result = 0;
  do result = file_calls().sync(folder.fd());
  while (result != 0 && errno == EINTR);
  // Some file systems cannot sync a folder and say so; there is nothing more to be had from them.
  if (result != 0 && errno != EINVAL && errno != ENOTSUP) fail(of, ": ", what, " cannot be synced: ", reason(errno));
}

void sync_above(const std::string& created) {
  const std::string above = std::filesystem::path(created).parent_path().string();
  sync_folder(created, above.empty() ? "." : above, "created, but the folder above it");
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::string& path, std::size_t cap) {
  return read_whole<std::vector<std::uint8_t>>(path, cap);
}
std::string read_text(const std::string& path, std::size_t cap) { return read_whole<std::string>(path, cap); }

namespace {
// The file that a path means, behind any links: that is replaced, not the link to it. A device or a pipe would be lost.
std::string target_of(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code unknown;  // then opening says why
  const fs::file_status status = fs::status(path, unknown);
  require(!fs::is_directory(status), path, ": cannot be replaced: is a folder, not a file");
  require(!fs::exists(status) || fs::is_regular_file(status), path, ": cannot be replaced: is not a regular file; name another");
  fs::path target = path;
  constexpr int kMostLinks = 40;  // as the system has it
  for (int i = 0; i < kMostLinks && fs::is_symlink(fs::symlink_status(target, unknown)); ++i)
    target = target.parent_path() / fs::read_symlink(target, unknown);  // an absolute one replaces what is before it
  require(!fs::is_symlink(fs::symlink_status(target, unknown)), path, ": cannot be replaced: its links lead round");
  return target.string();
}
}  // namespace

void write_files_atomic(const std::vector<NewFile>& files) {
  std::vector<std::string> targets, temporaries;
  for (const NewFile& f : files) {
    std::size_t size = 0;
    for (const std::string_view piece : f.pieces) size += piece.size();
    require(size <= kMaxFileBytes, f.path, ": would have ", size, " bytes, more than the ", kMaxFileBytes,
            " that are read again; a smaller model is needed");
    targets.push_back(target_of(f.path));
    temporaries.push_back(targets.back() + std::string(kTemporary) + std::to_string(::getpid()));
  }
  std::size_t opened = 0, renamed = 0;
  try {
    for (const NewFile& f : files) {
      Descriptor file(f.path, temporaries[opened], O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
      ++opened;
      for (const std::string_view piece : f.pieces) write_all(f.path, file.fd(), piece);
      file.sync();
      file.close();
    }
    for (; renamed < files.size(); ++renamed)
      system_call(files[renamed].path, "cannot be replaced",
                  [&] { return file_calls().rename(temporaries[renamed].c_str(), targets[renamed].c_str()); });
  } catch (...) {
    for (; renamed < opened; ++renamed) file_calls().remove(temporaries[renamed].c_str());
    throw;
  }
  std::set<std::string> synced;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string folder = std::filesystem::path(targets[i]).parent_path().string();
    if (synced.insert(folder).second) sync_folder(files[i].path, folder.empty() ? "." : folder, "written, but its folder");
  }
}

void write_file_atomic(const std::string& path, std::span<const std::string_view> pieces) {
  write_files_atomic({{path, {pieces.begin(), pieces.end()}}});
}
void write_file_atomic(const std::string& path, std::string_view content) { write_file_atomic(path, std::span(&content, 1)); }

AppendFile::AppendFile(std::string path, std::optional<std::int64_t> offset) : path_(std::move(path)) {
  Descriptor file(path_, path_, O_WRONLY | (offset.value_or(0) > 0 ? 0 : O_CREAT) | O_APPEND | O_NONBLOCK);
  size_ = std::int64_t(file.size());
  if (offset) {
    require(*offset >= 0 && *offset <= size_, path_, ": has ", size_, " bytes, cannot be cut back to ", *offset);
    system_call(path_, "cannot be cut back", [&] { return file_calls().truncate(file.fd(), off_t(*offset)); });
    size_ = *offset;
  }
  fd_ = file.release();
}

AppendFile::~AppendFile() { file_calls().close(fd_); }

void AppendFile::append(std::string_view text) {
  try {
    write_all(path_, fd_, text);
  } catch (...) {
    file_calls().truncate(fd_, off_t(size_));
    throw;
  }
  size_ += std::int64_t(text.size());
}

void AppendFile::sync() {
  system_call(path_, "cannot be written to the disk", [&] { return file_calls().sync(fd_); });
}

FolderLock::FolderLock(const std::string& folder) {
  Descriptor opened(folder, folder, O_RDONLY | O_DIRECTORY);
  require(::flock(opened.fd(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK, folder,
          ": is in use by another process; wait for its end, or choose another folder");
  fd_ = opened.release();
}
FolderLock::~FolderLock() {
  if (fd_ >= 0) file_calls().close(fd_);
}

void make_folder(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code unknown, error;
  std::vector<std::string> missing;
  for (fs::path p = path; p.has_relative_path() && !fs::exists(p, unknown); p = p.parent_path()) missing.push_back(p.string());
  fs::create_directories(path, error);
  require(!error, path, ": cannot be created: ", error.message());
  system_call(path, "cannot be written to", [&] { return ::access(path.c_str(), W_OK | X_OK); });
  for (const std::string& created : missing) sync_above(created);
}

bool make_new_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) != 0) {
    require(errno == EEXIST, path, ": cannot be created: ", reason(errno));
    return false;
  }
  sync_above(path);
  return true;
}

int remove_stale_temporaries(const std::string& folder) {
  int removed = 0;
  for (const std::string& name : names_in(folder)) {
    const std::size_t mark = name.rfind(kTemporary);
    if (mark == std::string::npos) continue;
    const char *begin = name.data() + mark + kTemporary.size(), *last = name.data() + name.size();
    int pid = 0;
    const auto parsed = std::from_chars(begin, last, pid);
    if (parsed.ec != std::errc{} || parsed.ptr != last || pid <= 0) continue;
    // A number of our own can only be left over from a process before us: numbers are used again, in containers often the same
    // ones.
    const bool dead = pid == ::getpid() || (::kill(pid, 0) != 0 && errno == ESRCH);
    if (dead && file_calls().remove((folder + '/' + name).c_str()) == 0) ++removed;
  }
  return removed;
}

std::vector<std::string> names_in(const std::string& folder) {
  struct Close {
    void operator()(DIR* d) const { ::closedir(d); }
  };
  std::vector<std::string> names;
  const auto failed = [&] { fail(folder, ": cannot be read: ", reason(errno)); };
  int fd = -1;
  do fd = file_calls().open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  while (fd < 0 && errno == EINTR);
  if (fd < 0 && errno == ENOENT) return names;
  if (fd < 0) failed();
  const std::unique_ptr<DIR, Close> open(::fdopendir(fd));
  if (!open) {
    const int error = errno;
    file_calls().close(fd);
    errno = error, failed();
  }
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (!entry && errno != 0) failed();
    if (!entry) return names;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
}

bool file_exists(const std::string& path) {
  std::error_code error;
  const bool exists = std::filesystem::is_regular_file(path, error);
  require(!error || error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory, path,
          ": cannot be read: ", error.message());
  return exists;
}

std::uint32_t crc32(std::span<const std::uint8_t> bytes, std::uint32_t before) {
  if (bytes.empty()) return before;  // zlib begins anew at a null pointer
  return std::uint32_t(::crc32_z(before, bytes.data(), bytes.size()));
}

std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string out = "\"";
  for (const char c : text.substr(0, kMost)) {
    char code[8];
    if (c == '"' || c == '\\') out += '\\';
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      std::snprintf(code, sizeof code, "\\x%02x", unsigned(static_cast<unsigned char>(c)));
      out += code;
    }
  }
  return out + (text.size() > kMost ? "...\"" : "\"");
}

std::string quoted(const std::string& word) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + '\'';
}

}  // namespace six
