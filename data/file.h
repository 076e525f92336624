#pragma once
// The one place that opens, reads, writes, syncs and renames files.
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct stat;

namespace six {

// The system calls behind every file access, with their POSIX meaning. Tests put failing ones in their place; nothing else changes
// them.
struct FileCalls {
  int (*open)(const char* path, int flags, unsigned mode);
  int (*stat)(int fd, struct stat* out);
  ssize_t (*read)(int fd, void* to, std::size_t n);
  ssize_t (*write)(int fd, const void* from, std::size_t n);
  int (*sync)(int fd);
  int (*close)(int fd);
  int (*rename)(const char* from, const char* to);
  int (*remove)(const char* path);
  int (*truncate)(int fd, off_t size);
};
FileCalls& file_calls();

// No file this library reads or writes is larger. The largest model's checkpoint fits: 2^28 parameters in double, their last good
// values, two slots of AdamW and two of averages.
inline constexpr std::size_t kMaxFileBytes = std::size_t(16) << 30;

// The whole content of a regular file. Throws if it cannot be read, is no regular file, has more than `cap` bytes (checked before
// allocating), or shrinks while being read. Interrupted and short reads are continued.
std::vector<std::uint8_t> read_file(const std::string& path, std::size_t cap = kMaxFileBytes);
std::string read_text(const std::string& path, std::size_t cap = std::size_t(16) << 20);

// A file and what it is to hold: the pieces, one after another.
struct NewFile {
  std::string path;
  std::vector<std::string_view> pieces;
};
// Replaces each file, or the one a link leads to, as a whole: all are written to `<path>.sixgrad.tmp.<pid>.<number>` and synced,
// then renamed in this order, and their folders synced. Of several writers of one path, in any threads and processes, the last one
// to rename is read. What writers now dead have left of theirs in the folders is removed first: a living one holds a lock (file
// systems without locks keep all; where locks hold for one machine, programs on two must not write in one folder). On any failure
// temporaries are removed, and Error names the path; before the first rename all old files stay as they were. Of several files, a
// rename that fails after others, or a kill between two, leaves those before it new and the rest old. A failure to sync a folder
// throws too: the new files are then in place and whole, but might not survive a power cut. Throws before anything is written if
// what is at one path is no regular file, or there are more than kMaxFileBytes.
void write_files_atomic(const std::vector<NewFile>& files);
void write_file_atomic(const std::string& path, std::span<const std::string_view> pieces);
void write_file_atomic(const std::string& path, std::string_view content);

// A log that only grows. Each append is one write, so a line is either there or, after a crash, cut; a failed one is taken back.
class AppendFile {
 public:
  // Opens the file, or creates it unless it should have `offset` bytes. With `offset`, first cuts it back to that many bytes (to go
  // on from a checkpoint). Throws if it cannot be opened or is shorter than `offset`.
  explicit AppendFile(std::string path, std::optional<std::int64_t> offset = std::nullopt);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void append(std::string_view text);
  void sync();                                   // to the disk, not only to the system
  std::int64_t offset() const { return size_; }  // bytes in the file

 private:
  std::string path_;
  int fd_ = -1;
  std::int64_t size_ = 0;
};

// A folder that no other process holds, until the end of this object or of the process, however that ends. Throws naming the folder
// if another one holds it; file systems without locks are taken as they are.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(FolderLock&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}

 private:
  int fd_;
};

// Creates the folder and those above it. Throws if that fails, if the path is no folder, or if it cannot be written to.
// The entries of new ones are synced; a failure to do that throws too.
void make_folder(const std::string& path);
// Creates one folder, in one that is there, and syncs its entry; false if there is something of that name already. Throws if that
// fails.
bool make_new_folder(const std::string& path);
// The names of what a folder holds, in no order; none if there is no such folder. Throws if it cannot be read. (std::filesystem's
// iterators end the program when memory runs out.)
std::vector<std::string> names_in(const std::string& folder);
// Whether a regular file, or a link to one, is there. Throws if that cannot be told, as in a folder that may not be searched.
bool file_exists(const std::string& path);

// CRC-32 of zlib, gzip and PNG ("123456789" gives cbf43926); pass an earlier result to go on from it.
std::uint32_t crc32(std::span<const std::uint8_t> bytes, std::uint32_t before = 0);

// Bytes seen as characters and the other way round, without a copy.
inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
// Foreign text for an error message: in quotation marks, on one line, printable ASCII, shortened to about 60 characters.
std::string printable(std::string_view text);
// A path in a command that is shown, as a shell reads it back.
std::string quoted(const std::string& word);

}  // namespace six
