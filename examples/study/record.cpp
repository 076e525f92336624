#include "record.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "../../core/error.h"
#include "../../data/file.h"
#include "../../data/json.h"
#include "../../data/sha256.h"
#include "../../train/environment.h"

extern const unsigned char six_study_design[];
extern const unsigned long six_study_design_size;

namespace six::study {
namespace {

constexpr std::string_view kMagic = "sixgrad-study-run 1 ";
constexpr const char* kRegistered = "750556830f08c12a4333fe393e340a9bcf30cc1320e60a8f3735a73a52683ee9";

template <class T>
std::string_view raw(const std::vector<T>& v) {
  return {reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T)};
}

// Reads a record's binary part from front to back.
struct Reader {
  std::string_view rest;
  std::string_view take(std::size_t n) {
    require(n <= rest.size(), "it ends early");
    const std::string_view piece = rest.substr(0, n);
    rest.remove_prefix(n);
    return piece;
  }
  template <class T>
  std::vector<T> numbers(std::size_t n) {
    const std::string_view piece = take(n * sizeof(T));
    std::vector<T> v(n);
    if (n) std::memcpy(v.data(), piece.data(), piece.size());
    return v;
  }
};

}  // namespace

std::string hex(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

std::string design_hash(std::string_view text) {
  std::string hash = sha256(as_bytes(text));
  require(hash == kRegistered, "docs/STUDY_DESIGN.md: has changed since it was registered (SHA-256 ", hash.substr(0, 12),
          "..., registered ", std::string(kRegistered).substr(0, 12), "...); a study of another design needs another registration");
  return hash;
}
std::string design_hash() {
  return design_hash(std::string_view(reinterpret_cast<const char*>(six_study_design), six_study_design_size));
}

// The line of SHA-256, a line of JSON, then hashes, predictions and weights as they lie in memory.
std::string record_bytes(const Record& r) {
  OrderedJson head = {
      {"run", r.run}, {"about", r.about}, {"seconds", r.seconds}, {"tables", r.tables}, {"hashes", r.hashes.size()}};
  std::string blob(raw(r.hashes));
  head["predictions"] = OrderedJson::array();
  for (const auto& [config, classes] : r.predictions) head["predictions"].push_back({config, classes.size()}), blob += raw(classes);
  blob += safetensors_bytes({r.weights, {}});
  const std::string body = head.dump() + '\n' + blob;
  return std::string(kMagic) + sha256(as_bytes(body)) + '\n' + body;
}

Record parse_record(std::string_view bytes, const std::string& where) {
  return in_context(where, [&] {
    const std::size_t head_size = kMagic.size() + 65;
    require(bytes.starts_with(kMagic) && bytes.size() > head_size, "no run of a study");
    require(bytes.substr(kMagic.size(), 64) == sha256(as_bytes(bytes.substr(head_size))), "damaged, its checksum is another");
    bytes.remove_prefix(head_size);
    const std::size_t line = bytes.find('\n');
    const Json head = parse_json(bytes.substr(0, line), "record", std::size_t(64) << 20);
    Reader in{bytes.substr(line + 1)};
    Record r{.run = head.at("run"), .about = head.at("about"), .tables = head.at("tables"), .seconds = head.at("seconds")};
    r.hashes = in.numbers<std::uint64_t>(head.at("hashes"));
    for (const Json& p : head.at("predictions")) r.predictions[p.at(0)] = in.numbers<std::uint8_t>(p.at(1));
    r.weights = parse_safetensors(as_bytes(in.rest), "weights").tensors;
    return r;
  });
}

std::string about(const Setting& s, const Run& run, double lr) {
  const OrderedJson json = {{"design", design_hash()},
                            {"dataset", s.dataset},
                            {"data", s.file_hashes},
                            {"validation", s.data.validation.size()},
                            {"net", sha256(as_bytes(std::string_view(s.net_text)))},
                            {"batch", s.batch},
                            {"run", run.name()},
                            {"at_kink", run.at_kink},
                            {"input_scale", run.input_scale},
                            {"lr", lr},
                            {"epochs", run.epochs},
                            {"images", run.images},
                            {"grid", int(run.grid)},
                            {"qat", run.tunes},
                            {"library", library_version()},
                            {"instruction_set", instruction_set()},
                            {"precision", precision()},
                            {"compiler", compiler()}};
  return json.dump();
}

std::string compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}  // namespace six::study
