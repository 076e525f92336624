#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct z_stream_s;

namespace six {

// Bytes that start like a gzip file, whatever the file is called.
bool is_gzip(std::span<const std::uint8_t> file);

// Inflates a gzip file held in memory, never further than it is asked to, so that no bomb expands. All members throw Error
// `where: what is wrong` for data that are damaged or cut short.
class GzipReader {
 public:
  GzipReader(std::span<const std::uint8_t> file, std::string where);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Fills `to` with the next bytes; returns how many there were, fewer than asked only at the end.
  std::size_t read_some(std::span<std::uint8_t> to);
  // Throws unless the content ends here, its CRC-32 and length are those of the trailer, and nothing follows.
  void finish();
  // No content of the file can be longer (deflate codes at most 1,032 bytes in one).
  std::uint64_t most_bytes() const;

 private:
  std::span<const std::uint8_t> file_;
  std::string where_;
  std::unique_ptr<z_stream_s> stream_;
  bool ended_ = false;
};

// The whole content. Throws if it has more than `cap` bytes.
std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> file, std::size_t cap, const std::string& where);

}  // namespace six
