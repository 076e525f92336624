#include "override.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "../core/error.h"
#include "../data/file.h"
#include "../data/json.h"

namespace six {
namespace {

using nlohmann::json;
constexpr long kMaxPathDepth = 64;  // of a path, as of a document

json value_of(const std::string& text) {
  try {
    return parse_json(text, "value");
  } catch (const Error&) {
    return parse_json(json(text).dump(-1, ' ', false, json::error_handler_t::replace), "value");  // no JSON: a plain word
  }
}

// The member or element `key` of `at`, which stands at `path`.
json& child(json& at, const std::string& path, const std::string& key) {
  if (at.is_null()) at = json::object();
  if (at.is_object()) return at[key];
  require(at.is_array(), path, " is ", printable(at.dump()), ", it has no member ", printable(key));
  std::size_t index = 0;
  const auto parsed = std::from_chars(key.data(), key.data() + key.size(), index);
  require(parsed.ec == std::errc{} && parsed.ptr == key.data() + key.size(), path, " is an array, ", printable(key),
          " is no index into it");
  require(index < at.size(), path, " has ", at.size(), " elements, there is no ", index, " (the first is 0)");
  return at[index];
}

}  // namespace

void apply_override(json& document, const std::string& assignment, const json& defaults) {
  in_context("override " + printable(assignment), [&] {
    const std::size_t equals = assignment.find('=');
    require(equals != std::string::npos, "has no =, expected PATH=VALUE as in training.epochs=3");
    const std::string_view path = std::string_view(assignment).substr(0, equals);
    json changed = document;  // the document stays as it is if the path fails
    json* at = &changed;
    json::json_pointer place;
    require(std::count(path.begin(), path.end(), '.') < kMaxPathDepth, "the path has more than ", kMaxPathDepth, " parts");
    for (std::size_t begin = 0; begin <= path.size();) {
      const std::size_t end = std::min(path.find('.', begin), path.size());
      require(end > begin, "the path has an empty part, expected PATH=VALUE as in training.epochs=3");
      const std::string before(begin ? path.substr(0, begin - 1) : "the document");
      const std::string key(path.substr(begin, end - begin)), rest(path.substr(std::min(end + 1, path.size())));
      at = &child(*at, before, key), place /= key;
      if (at->is_null() && !rest.empty() && rest != "type" && defaults.contains(place)) *at = defaults[place];
      begin = end + 1;
    }
    *at = value_of(assignment.substr(equals + 1));
    document = std::move(changed);
  });
}

}  // namespace six
