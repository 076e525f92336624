#include "gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "../core/error.h"

namespace six {
namespace {

// zlib's memory comes from where all other does, and can fail as that can.
voidpf zlib_new(voidpf, uInt items, uInt size) {
  std::size_t bytes = 0;
  return __builtin_mul_overflow(items, size, &bytes) ? nullptr : ::operator new(bytes, std::nothrow);
}
void zlib_delete(voidpf, voidpf p) { ::operator delete(p); }

// What zlib answers, unless that is that there is no memory.
int unless_no_memory(int result) {
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  return result;
}

}  // namespace

bool is_gzip(std::span<const std::uint8_t> file) { return file.size() >= 2 && file[0] == 0x1F && file[1] == 0x8B; }

GzipReader::GzipReader(std::span<const std::uint8_t> file, std::string where)
    : file_(file), where_(std::move(where)), stream_(std::make_unique<z_stream>()) {
  require(file.size() <= std::numeric_limits<uInt>::max(), where_, ": has ", file.size(), " bytes, too many for a gzip file");
  stream_->next_in = const_cast<Bytef*>(file.data());  // zlib's old interface; it only reads them
  stream_->avail_in = uInt(file.size());
  stream_->zalloc = zlib_new;
  stream_->zfree = zlib_delete;
  require(unless_no_memory(inflateInit2(stream_.get(), 15 + 16)) == Z_OK, where_, ": cannot start to inflate");
}

GzipReader::~GzipReader() { inflateEnd(stream_.get()); }

std::size_t GzipReader::read_some(std::span<std::uint8_t> to) {
  std::size_t done = 0;
  while (done < to.size() && !ended_) {
    const uInt room = uInt(std::min<std::size_t>(to.size() - done, std::numeric_limits<uInt>::max()));
    stream_->next_out = to.data() + done;
    stream_->avail_out = room;
    const int result = unless_no_memory(inflate(stream_.get(), Z_NO_FLUSH));
    done += room - stream_->avail_out;
    require(result != Z_BUF_ERROR, where_, ": the gzip data end early (truncated)");
    require(result == Z_OK || result == Z_STREAM_END, where_,
            ": damaged gzip data: ", stream_->msg ? stream_->msg : "cannot be inflated");
    ended_ = result == Z_STREAM_END;
  }
  return done;
}

void GzipReader::finish() {
  std::uint8_t one = 0;
  const bool more = read_some({&one, 1}) != 0;
  require(!more, where_, ": the gzip data go on after ", stream_->total_out - more, " bytes, where they should end");
  require(stream_->avail_in == 0, where_, ": ", stream_->avail_in, " bytes follow the gzip data");
}

std::uint64_t GzipReader::most_bytes() const { return 1032 * std::uint64_t(file_.size()); }

std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> file, std::size_t cap, const std::string& where) {
  GzipReader reader(file, where);
  std::vector<std::uint8_t> content;
  for (std::size_t done = 0;;) {
    content.resize(std::min(cap, std::max<std::size_t>(2 * done, 1 << 16)));
    const std::size_t n = reader.read_some(std::span(content).subspan(done));
    done += n;
    if (done < content.size() || done == cap) {
      content.resize(done);
      reader.finish();
      return content;
    }
  }
}

}  // namespace six
