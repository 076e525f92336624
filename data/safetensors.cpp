#include "safetensors.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "../core/error.h"
#include "file.h"
#include "json.h"

namespace six {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian, and so must be the machine");

using nlohmann::json;

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::size_t kMaxRank = 64;  // torch's own limit
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kCrcKey = "sixgrad.crc32";
constexpr std::string_view kNoDigits = "00000000";

struct DtypeInfo {
  Dtype dtype;
  std::string_view name;
  std::size_t bytes;
};
constexpr DtypeInfo kDtypes[] = {
    {Dtype::f64, "F64", 8}, {Dtype::i64, "I64", 8}, {Dtype::f32, "F32", 4}, {Dtype::f16, "F16", 2}, {Dtype::bf16, "BF16", 2}};

const DtypeInfo& info(Dtype dtype) {
  return *std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const DtypeInfo& d) { return d.dtype == dtype; });
}

// Bytes of a tensor of that shape, or nothing if the product overflows.
std::optional<std::uint64_t> byte_count(Dtype dtype, const std::vector<std::int64_t>& shape) {
  std::uint64_t n = dtype_bytes(dtype);
  for (const std::int64_t d : shape) {
    if (d < 0 || __builtin_mul_overflow(n, std::uint64_t(d), &n)) return std::nullopt;
  }
  return n;
}

std::string hex(std::uint32_t value) {
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", unsigned(value));
  return digits;
}

std::string shown(const std::vector<std::int64_t>& shape) {  // also its text in a header
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i ? "," : "") + std::to_string(shape[i]);
  return out + ']';
}

struct Entry {
  SavedTensor tensor;
  std::uint64_t begin = 0, end = 0;
};

std::uint64_t unsigned_of(const json& value, const char* what) {
  if (!value.is_number_unsigned()) fail(what, " must hold integers from 0 to 2^64 - 1, not ", printable(value.dump(-1, ' ', true)));
  return value.get<std::uint64_t>();
}

// What one entry of the header says of itself; where it lies in the file is checked for all together.
Entry parse_entry(const std::string& name, const json& value) {
  require(value.is_object(), "must be an object");
  for (const auto& [key, unused] : value.items()) {
    require(key == "dtype" || key == "shape" || key == "data_offsets", "unknown key ", printable(key),
            ", known are dtype, shape, data_offsets");
  }
  require(value.size() == 3, "has ", value.size(), " of the keys dtype, shape, data_offsets, must have all 3");
  const json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];

  Entry entry;
  entry.tensor.name = name;
  const std::string type_name = dtype.is_string() ? dtype.get<std::string>() : "";
  const DtypeInfo* type =
      std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const DtypeInfo& d) { return type_name == d.name; });
  if (type == std::end(kDtypes))
    fail("dtype ", dtype.dump(-1, ' ', true).substr(0, 60), " is not supported; F64, I64, F32, F16, BF16 are");
  entry.tensor.dtype = type->dtype;

  require(shape.is_array() && shape.size() <= kMaxRank, "shape must be an array of at most ", kMaxRank, " integers");
  for (const json& d : shape) {
    const std::uint64_t size = unsigned_of(d, "shape");
    require(size <= std::uint64_t(INT64_MAX), "shape: ", size, " is beyond 2^63 - 1");
    entry.tensor.shape.push_back(std::int64_t(size));
  }
  require(offsets.is_array() && offsets.size() == 2, "data_offsets must be two integers");
  entry.begin = unsigned_of(offsets[0], "data_offsets");
  entry.end = unsigned_of(offsets[1], "data_offsets");
  require(entry.begin <= entry.end, "data_offsets end at ", entry.end, " before they begin at ", entry.begin);
  const auto size = byte_count(type->dtype, entry.tensor.shape);
  require(size.has_value(), "the size of shape ", shown(entry.tensor.shape), " overflows");
  require(*size == entry.end - entry.begin, "shape ", shown(entry.tensor.shape), " of ", type->name, " takes ", *size,
          " bytes, data_offsets span ", entry.end - entry.begin);
  return entry;
}

// The header's text within the file. Everything here is checked before it is used in a sum.
std::string_view header_of(std::span<const std::uint8_t> file) {
  require(file.size() >= 8, "has ", file.size(), " bytes, a safetensors file has at least 8");
  std::uint64_t n = 0;
  std::memcpy(&n, file.data(), 8);
  require(n <= kMaxHeader, "claims a header of ", n, " bytes, at most ", kMaxHeader, " are accepted (not a safetensors file?)");
  require(n <= file.size() - 8, "claims a header of ", n, " bytes, only ", file.size() - 8, " follow (truncated?)");
  const std::string_view header = as_text(file.subspan(8, n));
  require(header.starts_with('{'), "the header does not start with '{' (not a safetensors file?)");
  const std::size_t past = header.find_last_not_of(' ') + 1;
  require(header[past - 1] == '}', "something other than spaces follows the header's closing brace");
  return header;
}

// Where the checksum's digits stand in a header without spaces between its tokens. A quote after '{' or ',' always opens a string
// (inside one it would be escaped), so no other string can be taken for the key.
std::size_t digits_in(std::string_view header) {
  const std::string key = '"' + std::string(kCrcKey) + "\":\"";
  std::size_t at = header.find(key);
  while (at != std::string_view::npos && (at == 0 || (header[at - 1] != '{' && header[at - 1] != ',')))
    at = header.find(key, at + 1);
  return at == std::string_view::npos ? at : at + key.size();
}

void verify_checksum(std::span<const std::uint8_t> file, std::string_view header, const Safetensors& content, Checksum checksum) {
  const auto stored = content.metadata.find(kCrcKey);
  require(stored != content.metadata.end() || checksum == Checksum::optional, kCrcKey, " is missing from the metadata");
  if (stored == content.metadata.end()) return;
  const std::string& digits = stored->second;
  require(digits.size() == kNoDigits.size() && digits.find_first_not_of("0123456789abcdef") == std::string::npos, kCrcKey, " is ",
          printable(digits), ", must be 8 lower-case hex digits");
  const std::size_t at = digits_in(header);
  require(at != std::string_view::npos && header.substr(at, digits.size()) == digits, kCrcKey,
          " is not written as this library writes it");
  const std::size_t from = 8 + at;
  std::uint32_t crc = crc32(file.first(from));
  crc = crc32(as_bytes(kNoDigits), crc);
  crc = crc32(file.subspan(from + digits.size()), crc);
  const std::string computed = hex(crc);
  require(digits == computed, "the content has checksum ", computed, ", ", kCrcKey, " says ", digits,
          " (damaged, or changed by another program)");
}

// Sorts the entries by their places in the file: one after the other, from the header to the end.
void check_places(std::vector<Entry>& entries, std::uint64_t bytes) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t reached = 0;
  for (const Entry& e : entries) {
    require(e.begin == reached, "tensor ", printable(e.tensor.name), ": its data begin at ", e.begin, ", those before end at ",
            reached);
    reached = e.end;
  }
  require(reached == bytes, "the tensors take ", reached, " bytes, ", bytes, " follow the header",
          bytes < reached ? " (cut short?)" : "");
}

Safetensors parse(std::span<const std::uint8_t> file, Checksum checksum) {
  const std::string_view header = header_of(file);
  json root = parse_json(header, "header", kMaxHeader);
  const JsonGuard guard{root};
  const std::span<const std::uint8_t> data = file.subspan(8 + header.size());

  Safetensors content;
  std::vector<Entry> entries;
  for (const auto& [name, value] : root.items()) {
    if (name != kMetadata) {
      entries.push_back(in_context("tensor " + printable(name), [&, &n = name, &v = value] { return parse_entry(n, v); }));
      continue;
    }
    require(value.is_object(), kMetadata, " must be an object");
    for (const auto& [key, text] : value.items()) {
      require(text.is_string(), kMetadata, ": the value of ", printable(key), " must be a string");
      content.metadata.emplace(key, text.get<std::string>());
    }
  }
  check_places(entries, data.size());  // before the checksum: what is cut short is told as that
  verify_checksum(file, header, content, checksum);
  for (Entry& e : entries) {
    e.tensor.bytes.assign(data.begin() + std::ptrdiff_t(e.begin), data.begin() + std::ptrdiff_t(e.end));
    content.tensors.push_back(std::move(e.tensor));
  }
  return content;
}

// A JSON string; names come from programs, but a broken one must not end in a file that nobody can read.
std::string json_text(const std::string& text) {
  try {
    return json(text).dump();
  } catch (const json::exception&) {
    fail("safetensors: ", printable(text), " is not valid UTF-8");
  }
}

std::string header_text(const std::vector<const SavedTensor*>& order, const std::map<std::string, std::string>& metadata) {
  std::string header = "{";
  if (!metadata.empty()) {
    header += json_text(kMetadata) + ":{";
    for (const auto& [key, value] : metadata) header += json_text(key) + ':' + json_text(value) + ',';
    header.back() = '}';
    header += ',';
  }
  std::uint64_t begin = 0;
  for (const SavedTensor* t : order) {
    const std::uint64_t end = begin + t->bytes.size();
    header += json_text(t->name) + ":{\"dtype\":\"" + std::string(dtype_name(t->dtype)) + "\",\"shape\":" + shown(t->shape) +
              ",\"data_offsets\":[" + std::to_string(begin) + ',' + std::to_string(end) + "]},";
    begin = end;
  }
  if (header.back() == ',') header.pop_back();
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  require(header.size() <= kMaxHeader, "safetensors: the header takes ", header.size(), " bytes, at most ", kMaxHeader,
          " are allowed");
  return header;
}

std::vector<const SavedTensor*> write_order(const Safetensors& content) {
  std::vector<const SavedTensor*> order;
  for (const SavedTensor& t : content.tensors) {
    const auto size = byte_count(t.dtype, t.shape);
    require(size.has_value() && *size == t.bytes.size(), "safetensors: tensor ", printable(t.name), " has ", t.bytes.size(),
            " bytes, shape ", shown(t.shape), " of ", dtype_name(t.dtype), " takes ", size.value_or(0));
    require(t.name != kMetadata, "safetensors: no tensor can be called ", kMetadata);
    require(t.shape.size() <= kMaxRank, "safetensors: tensor ", printable(t.name), " has rank ", t.shape.size(), ", at most ",
            kMaxRank, " is allowed");
    order.push_back(&t);
  }
  std::sort(order.begin(), order.end(), [](const SavedTensor* a, const SavedTensor* b) {
    const std::size_t wa = dtype_bytes(a->dtype), wb = dtype_bytes(b->dtype);
    return wa != wb ? wa > wb : a->name < b->name;
  });
  std::vector<std::string_view> names;
  names.reserve(order.size());
  for (const SavedTensor* t : order) names.push_back(t->name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  require(twice == names.end(), "safetensors: two tensors are called ", printable(twice == names.end() ? "" : *twice));
  return order;
}

}  // namespace

std::string_view dtype_name(Dtype dtype) { return info(dtype).name; }
std::size_t dtype_bytes(Dtype dtype) { return info(dtype).bytes; }

const SavedTensor* Safetensors::find(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const SavedTensor& t) { return t.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

Safetensors parse_safetensors(std::span<const std::uint8_t> file, const std::string& where, Checksum checksum) {
  return in_context(where, [&] { return parse(file, checksum); });
}

Safetensors read_safetensors(const std::string& path, Checksum checksum) {
  return parse_safetensors(read_file(path), path, checksum);
}

std::string safetensors_bytes(const Safetensors& content, Checksum checksum) {
  const std::vector<const SavedTensor*> order = write_order(content);
  std::map<std::string, std::string> metadata = content.metadata;
  metadata.erase(kCrcKey);  // one that was read belongs to the file it was read from
  if (checksum == Checksum::required) metadata[kCrcKey] = kNoDigits;
  const std::string header = header_text(order, metadata);
  const std::uint64_t n = header.size();
  std::string file(reinterpret_cast<const char*>(&n), 8);
  file += header;
  for (const SavedTensor* t : order) file += as_text(t->bytes);
  if (checksum == Checksum::required) {
    file.replace(8 + digits_in(header), kNoDigits.size(), hex(crc32(as_bytes(file))));
  }
  return file;
}

void write_safetensors(const std::string& path, const Safetensors& content, Checksum checksum) {
  write_file_atomic(path, safetensors_bytes(content, checksum));
}

}  // namespace six
