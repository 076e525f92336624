#include "idx.h"

#include <algorithm>
#include <utility>

#include "../core/error.h"
#include "file.h"
#include "gzip.h"

namespace six {
namespace {

constexpr std::uint64_t kMaxContent = std::uint64_t(1) << 30;

void require_all(std::size_t there, std::size_t needed, const std::string& where, const char* what) {
  require(there == needed, where, ": ends after ", there, " of ", needed, " bytes of ", what, " (truncated?)");
}

// A plain file with GzipReader's interface.
class PlainReader {
 public:
  PlainReader(std::vector<std::uint8_t> file, std::string where) : file_(std::move(file)), where_(std::move(where)) {}
  std::size_t read_some(std::span<std::uint8_t> to) {
    const std::size_t n = std::min(to.size(), file_.size() - at_);
    std::copy_n(file_.begin() + std::ptrdiff_t(at_), n, to.begin());
    at_ += n;
    return n;
  }
  // The next bytes in the memory of the file itself, which is gone afterwards: a large set is not there twice.
  std::vector<std::uint8_t> take(std::size_t n) {
    file_.erase(file_.begin(), file_.begin() + std::ptrdiff_t(at_));
    require_all(std::min(n, file_.size()), n, where_, "data");
    require(file_.size() == n, where_, ": ", file_.size() - n, " bytes follow the data the header announces");
    return std::move(file_);
  }
  std::uint64_t most_bytes() const { return file_.size(); }

 private:
  std::vector<std::uint8_t> file_;
  std::string where_;
  std::size_t at_ = 0;
};

std::size_t element_bytes(IdxType type) {
  switch (type) {
    case IdxType::u8:
    case IdxType::i8:
      return 1;
    case IdxType::i16:
      return 2;
    case IdxType::i32:
    case IdxType::f32:
      return 4;
    case IdxType::f64:
      return 8;
  }
  return 0;  // not a type of the format
}

// Big-endian to the machine's order, or back.
void swap_elements(Idx& idx) {
  const auto width = std::ptrdiff_t(element_bytes(idx.type));
  if (width == 1) return;
  for (auto p = idx.bytes.begin(); p != idx.bytes.end(); p += width) std::reverse(p, p + width);
}

std::string hex_byte(unsigned byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  return {kDigits[byte >> 4], kDigits[byte & 15]};
}

template <class Reader>
void read_exactly(Reader& in, std::span<std::uint8_t> to, const std::string& where, const char* what) {
  require_all(in.read_some(to), to.size(), where, what);
}

std::vector<std::uint8_t> read_data(PlainReader& in, std::size_t size, const std::string&) { return in.take(size); }
std::vector<std::uint8_t> read_data(GzipReader& in, std::size_t size, const std::string& where) {
  std::vector<std::uint8_t> bytes(size);
  read_exactly(in, bytes, where, "data");
  in.finish();
  return bytes;
}

template <class Reader>
Idx parse_stream(Reader&& in, const std::string& where) {
  std::uint8_t magic[4];
  read_exactly(in, magic, where, "the IDX magic number");
  Idx idx;
  idx.type = IdxType(magic[2]);
  const std::size_t width = element_bytes(idx.type);
  require(magic[0] == 0 && magic[1] == 0 && width > 0 && magic[3] > 0, where, ": magic number ", hex_byte(magic[0]),
          hex_byte(magic[1]), hex_byte(magic[2]), hex_byte(magic[3]),
          " is not that of an IDX file (0000, a type 08 09 0b 0c 0d 0e, a rank from 1)");
  std::uint64_t size = width;
  for (int i = 0; i < magic[3]; ++i) {
    std::uint8_t d[4];
    read_exactly(in, d, where, "an IDX dimension");
    idx.dims.push_back(std::uint32_t(d[0]) << 24 | std::uint32_t(d[1]) << 16 | std::uint32_t(d[2]) << 8 | d[3]);
    require(idx.dims.back() > 0, where, ": dimension ", i, " of ", int(magic[3]), " is 0, the set is empty");
    const bool overflow = __builtin_mul_overflow(size, std::uint64_t(idx.dims.back()), &size);
    require(!overflow && size <= kMaxContent, where, ": dimensions up to number ", i, " make more than ", kMaxContent, " bytes");
  }
  require(size <= in.most_bytes(), where, ": announces ", size, " bytes of data, the file can hold at most ", in.most_bytes(),
          " (truncated?)");
  idx.bytes = read_data(in, size, where);
  swap_elements(idx);
  return idx;
}

}  // namespace

Idx parse_idx(std::vector<std::uint8_t> file, const std::string& where) {
  if (is_gzip(file)) return parse_stream(GzipReader(file, where), where);
  return parse_stream(PlainReader(std::move(file), where), where);
}

Idx read_idx(const std::string& path) { return parse_idx(read_file(path, kMaxContent + 4 + 4 * 255), path); }

Idx read_idx(const std::string& path, std::size_t rank) {
  Idx idx = read_idx(path);
  require(idx.type == IdxType::u8 && idx.dims.size() == rank, path, ": is IDX of type ", hex_byte(unsigned(idx.type)), " and rank ",
          idx.dims.size(), ", expected type 08 (bytes) and rank ", rank, rank == 3 ? " (images)" : " (labels)");
  return idx;
}

std::string idx_bytes(const Idx& idx) {
  std::uint64_t size = element_bytes(idx.type);
  for (const std::uint32_t d : idx.dims) size *= d;
  require(size == idx.bytes.size() && !idx.dims.empty() && idx.dims.size() < 256, "idx: ", idx.bytes.size(),
          " bytes, the dimensions make ", size);
  Idx big = idx;
  swap_elements(big);
  std::string file = {0, 0, char(idx.type), char(idx.dims.size())};
  for (const std::uint32_t d : idx.dims) {
    for (int shift = 24; shift >= 0; shift -= 8) file += char(d >> shift & 255);
  }
  return file.append(as_text(big.bytes));
}

}  // namespace six
