#include "json.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "../core/error.h"
#include "file.h"

namespace six {
namespace {

using nlohmann::json;
constexpr std::size_t kMaxDepth = 64;

// Walks over the text and tells a third party how far the parser has come.
struct TrackedChar {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  const char* at;
  const char** reached;
  reference operator*() const { return *at; }
  TrackedChar& operator++() {
    *reached = ++at;
    return *this;
  }
  TrackedChar operator++(int) {
    TrackedChar old = *this;
    ++*this;
    return old;
  }
  bool operator==(const TrackedChar& other) const { return at == other.at; }
};

// Builds the value from the parser's events: the default builder silently keeps the last of two equal keys.
class Builder final : public nlohmann::json_sax<json> {
 public:
  Builder(std::string_view text, const std::string& where) : reached(text.data()), text_(text), where_(where) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(std::int64_t value) override { return put(value); }
  bool number_unsigned(std::uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string& literal) override {
    if (literal.find_first_of(".eE") == std::string::npos) stop("the integer " + printable(literal) + " does not fit 64 bits");
    return put(value);
  }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(json::binary_t&) override { return false; }  // does not occur in text
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    const auto [member, fresh] = open_.back()->get_ref<json::object_t&>().emplace(name, nullptr);
    if (!fresh) stop("duplicate key " + printable(name));
    member_ = &member->second;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    reached = text_.data() + std::min(position, text_.size());  // without the byte after a number, which has been read too
    // "[json.exception...] parse error at line 1, column 2: what" or "[json.exception...] what"
    std::string_view message = e.what();
    message.remove_prefix(std::min(message.size(), message.find("] ") + 2));
    if (message.starts_with("parse error at")) message.remove_prefix(std::min(message.size(), message.find(": ") + 2));
    std::string shown(message.substr(0, 160));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    stop(shown);
  }

  [[noreturn]] void stop(const std::string& what) const {
    const std::string_view read = text_.substr(0, std::size_t(reached - text_.data()));
    const std::string_view before = read.substr(0, read.size() - !read.empty());  // the last byte read is the place
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
    fail(where_, ": line ", line, ", column ", column, ": ", what);
  }

  const char* reached;
  json root;
  const JsonGuard<json> guard{root};

 private:
  json* place(json value) {
    json* to = &root;
    if (!open_.empty() && open_.back()->is_array()) {
      auto& array = open_.back()->get_ref<json::array_t&>();
      to = &array.emplace_back();
    } else if (!open_.empty()) {
      to = member_;
    }
    *to = std::move(value);
    return to;
  }
  bool put(json value) {
    place(std::move(value));
    return true;
  }
  bool open(json value) {
    if (open_.size() == kMaxDepth) stop("nested deeper than " + std::to_string(kMaxDepth) + " levels");
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const std::string& where_;
  std::vector<json*> open_;  // the arrays and objects around the current place
  json* member_ = nullptr;   // the value of the last key
};

}  // namespace

json parse_json(std::string_view text, const std::string& where, std::size_t max_bytes) {
  require(text.size() <= max_bytes, where, ": has ", text.size(), " bytes, at most ", max_bytes, " are accepted");
  Builder builder(text, where);
  const std::size_t nul = text.find('\0');  // the parser would take it for the end and ignore what follows
  if (nul != std::string_view::npos) {
    builder.reached = text.data() + nul + 1;
    builder.stop("a zero byte");
  }
  const char* end = text.data() + text.size();
  json::sax_parse(TrackedChar{text.data(), &builder.reached}, TrackedChar{end, &builder.reached}, &builder);
  return std::move(builder.root);
}

namespace {
template <class Value>
void release_any(Value& value) noexcept {
  if (!value.is_structured()) return;
  for (Value& child : value) release_any(child);
  value.clear();
}
}  // namespace

void release(json& value) noexcept { release_any(value); }
void release(nlohmann::ordered_json& value) noexcept { release_any(value); }

bool is_text(const json& value, std::string_view text) { return value.is_string() && value.get_ref<const std::string&>() == text; }

std::string text_of(nlohmann::ordered_json value) {
  const JsonGuard guard{value};
  return value.dump();
}

json read_json(const std::string& path) { return parse_json(read_text(path), path); }

}  // namespace six
