// PNG through libpng. Its errors leave by longjmp, so the functions between setjmp and libpng hold nothing that has a destructor.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <new>

#include "../core/error.h"
#include "file.h"
#include "image.h"

namespace six {
namespace {

constexpr std::size_t kSignatureBytes = 8;

struct PngReader {
  std::span<const std::uint8_t> file;
  std::size_t at = 0;
  char message[120] = "";
  png_structp png = nullptr;
  png_infop info = nullptr;
  png_uint_32 width = 0, height = 0;
  std::size_t row_bytes = 0;  // in the file
  int channels = 0, passes = 1;
  bool no_memory = false;

  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }

  // Throws why libpng could not do it: for want of memory, or `parts...` and its message.
  template <class... Parts>
  void require_done(bool done, const Parts&... parts) const {
    if (!done && no_memory) throw std::bad_alloc();
    require(done, parts..., message);
  }
};

// Its memory, and that of zlib within it, comes from where all other does, and can fail as that can.
png_voidp png_new(png_structp png, png_alloc_size_t bytes) {
  void* p = ::operator new(bytes, std::nothrow);
  if (!p) static_cast<PngReader*>(png_get_mem_ptr(png))->no_memory = true;
  return p;
}
void png_delete(png_structp, png_voidp p) { ::operator delete(p); }

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
  std::strncpy(reader.message, text, sizeof reader.message - 1);
  std::replace_if(
      reader.message, reader.message + std::strlen(reader.message), [](char c) { return c < ' ' || c > '~'; }, '?');
  png_longjmp(png, 1);
}

// libpng warns of what it can live with, data that go on after the image for one. We need not.
void on_warning(png_structp png, png_const_charp text) { on_error(png, text); }

void on_read(png_structp png, png_bytep to, std::size_t n) {
  auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
  if (n > reader.file.size() - reader.at) png_error(png, "the file ends early (truncated)");
  std::memcpy(to, reader.file.data() + reader.at, n);
  reader.at += n;
}

// The order of the chunks, of which libpng tolerates more than the format allows: IHDR first, IDATs together, IEND last and nothing
// after it. Returns where the last IDAT with data begins.
std::size_t check_order(std::span<const std::uint8_t> file, const std::string& where) {
  std::string_view before;
  std::size_t last_data = 0;
  bool data_ended = false;
  for (std::size_t at = kSignatureBytes; before != "IEND";) {
    const std::size_t left = file.size() - at;
    require(left >= 12, where, ": ends within or after the PNG chunk ", printable(before), " (truncated?)");
    const std::size_t length = png_get_uint_32(file.data() + at);
    const std::string_view type = as_text(file.subspan(at + 4, 4));
    require(length <= left - 12, where, ": PNG chunk ", printable(type), " claims ", length, " bytes, ", left - 12,
            " are left (truncated?)");
    require((type == "IHDR") == before.empty(), where, ": PNG chunk IHDR must be the first and only the first");
    data_ended = data_ended || (before == "IDAT" && type != "IDAT");
    require(type != "IDAT" || !data_ended, where, ": PNG chunks IDAT must follow one another");
    if (type == "IDAT" && length > 0) last_data = at;
    at += length + 12;
    before = type;
    if (type == "IEND") require(at == file.size(), where, ": ", file.size() - at, " bytes follow the PNG image");
  }
  return last_data;
}

bool read_header(PngReader& r) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_set_read_fn(r.png, &r, on_read);
  png_set_crc_action(r.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_keep_unknown_chunks(r.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);  // ancillary chunks: checksums only
  png_set_user_limits(r.png, kMaxImageSide, kMaxImageSide);
  png_read_info(r.png, r.info);
  r.width = png_get_image_width(r.png, r.info), r.height = png_get_image_height(r.png, r.info);
  r.row_bytes = png_get_rowbytes(r.png, r.info);
  png_set_expand(r.png);    // palettes, 1 to 4 bits, transparent colours
  png_set_scale_16(r.png);  // 16 bits, rounded
  r.passes = png_set_interlace_handling(r.png);
  png_read_update_info(r.png, r.info);
  r.channels = png_get_channels(r.png, r.info);
  return true;
}

bool read_row(PngReader& r, std::uint8_t* to) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_read_row(r.png, to, nullptr);
  return true;
}

bool read_end(PngReader& r) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_read_end(r.png, nullptr);
  return true;
}

}  // namespace

Image parse_png(std::span<const std::uint8_t> file, const std::string& where) {
  require(file.size() >= kSignatureBytes && png_sig_cmp(file.data(), 0, kSignatureBytes) == 0, where,
          ": is not a PNG file (signature)");
  const std::size_t last_data = check_order(file, where);
  PngReader r{.file = file};
  r.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning, &r, png_new, png_delete);
  r.require_done(r.png != nullptr, where, ": libpng cannot start: ");
  r.info = png_create_info_struct(r.png);
  r.require_done(r.info != nullptr, where, ": libpng cannot start: ");
  r.require_done(read_header(r), where, ": not a PNG image that can be read: ");

  const long h = r.height, w = r.width, from = r.channels, c = from <= 2 ? 1 : 3;
  // Deflate makes at most 1032 bytes of one. Pixels of less than a byte are counted as the bytes that they become.
  require((std::max(r.row_bytes, std::size_t(w * from)) + 1) * std::size_t(h) <= 1032 * file.size(), where, ": announces ", h, "x",
          w, " pixels, more than its ", file.size(), " bytes can hold");
  Image image{{h, w, c}, std::vector<std::uint8_t>(std::size_t(h * w * from))};
  for (int pass = 0; pass < r.passes; ++pass)
    for (long y = 0; y < h; ++y)
      r.require_done(read_row(r, image.pixels.data() + y * w * from), where, ": damaged PNG data in row ", y, ": ");
  if (from > c) {
    for (long i = 0; i < h * w; ++i)
      for (long k = 0; k < c; ++k) {
        const int v = image.pixels[std::size_t(i * from + k)], alpha = image.pixels[std::size_t(i * from + c)];
        image.pixels[std::size_t(i * c + k)] = std::uint8_t((v * alpha + 255 * (255 - alpha) + 127) / 255);
      }
    image.pixels.resize(std::size_t(h * w * c));
  }
  require(r.at > last_data, where, ": PNG data go on after the image");
  r.require_done(read_end(r), where, ": damaged PNG data after the image: ");
  return image;
}

}  // namespace six
