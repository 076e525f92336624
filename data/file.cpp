#include "file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <deque>
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

constexpr std::string_view kTemporary = ".sixgrad.tmp.";  // then the process and a number

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
  Descriptor(const std::string& shown, int fd) : shown_(shown), fd_(fd) {}
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

// Whether the path still leads to an open file; yes, if that cannot be told.
bool leads_to(const std::string& path, int fd) {
  struct stat named {};
  struct stat opened {};
  if (::fstat(fd, &opened) != 0) return true;
  return ::lstat(path.c_str(), &named) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

// What will take the place of `target`, under a name that no other writer has. Its lock says that its writer lives: whoever gets it
// may remove the file.
class Temporary {
 public:
  Temporary(const std::string& shown, std::string target) : shown_(shown), target_(std::move(target)) {
    static std::atomic<unsigned> count{0};
    const std::string begin = target_ + std::string(kTemporary) + std::to_string(::getpid()) + '.';
    for (int turns = 100; !file_; --turns) {  // other machines and containers have processes of the same number
      path_ = begin + std::to_string(count++);
      const int fd = file_calls().open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), error = errno;
      require(fd >= 0 || (turns > 0 && (error == EEXIST || error == EINTR)), shown_, ": cannot be opened: ", reason(error));
      if (fd < 0) continue;
      file_.emplace(shown_, fd);
      if (!locked() && turns > 0) file_.reset(), file_calls().remove(path_.c_str());  // taken for one that was left behind
    }
  }
  ~Temporary() {
    if (!path_.empty()) file_calls().remove(path_.c_str());
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  void write(std::span<const std::string_view> pieces) const {
    for (const std::string_view piece : pieces) write_all(shown_, file_->fd(), piece);
    file_->sync();  // which reports what closing could
  }
  void replace_target() {
    system_call(shown_, "cannot be replaced", [&] { return file_calls().rename(path_.c_str(), target_.c_str()); });
    path_.clear();
  }

 private:
  // Where there are no locks, nobody takes it.
  bool locked() const {
    return (::flock(file_->fd(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) && leads_to(path_, file_->fd());
  }

  const std::string& shown_;
  std::string target_, path_;
  std::optional<Descriptor> file_;
};

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

std::string folder_of(const std::string& file) {
  std::string folder = std::filesystem::path(file).parent_path().string();
  return folder.empty() ? "." : folder;
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

void sync_above(const std::string& created) { sync_folder(created, folder_of(created), "created, but the folder above it"); }

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

// Removes the temporaries that writers now dead have left in a folder, as far as that can be done.
void remove_stale_temporaries(const std::string& folder) try {
  for (const std::string& name : names_in(folder)) {
    const std::size_t mark = name.rfind(kTemporary), number = mark + kTemporary.size();
    if (mark == name.npos || number == name.size() || name.find_first_not_of("0123456789.", number) != name.npos) continue;
    const std::string path = folder + '/' + name;
    // For writing, without which some file systems give no lock.
    const int fd = file_calls().open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0 && leads_to(path, fd)) file_calls().remove(path.c_str());
    file_calls().close(fd);
  }
} catch (const Error&) {  // of a folder in which one may write but not look around
}
}  // namespace

void write_files_atomic(const std::vector<NewFile>& files) {
  std::vector<std::string> targets;
  for (const NewFile& f : files) {
    std::size_t size = 0;
    for (const std::string_view piece : f.pieces) size += piece.size();
    require(size <= kMaxFileBytes, f.path, ": would have ", size, " bytes, more than the ", kMaxFileBytes,
            " that are read again; a smaller model is needed");
    targets.push_back(target_of(f.path));
  }
  std::set<std::string> folders;
  for (const std::string& target : targets)
    if (folders.insert(folder_of(target)).second) remove_stale_temporaries(folder_of(target));
  {
    std::deque<Temporary> temporaries;
    for (std::size_t i = 0; i < files.size(); ++i) temporaries.emplace_back(files[i].path, targets[i]).write(files[i].pieces);
    for (Temporary& t : temporaries) t.replace_target();
  }
  for (std::size_t i = 0; i < files.size(); ++i)
    if (folders.erase(folder_of(targets[i]))) sync_folder(files[i].path, folder_of(targets[i]), "written, but its folder");
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
