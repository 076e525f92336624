#include "config.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "../core/error.h"
#include "../data/file.h"
#include "../data/json.h"

namespace six {
namespace {

// `key` within `object`, or null.
const Json* find(const Json& object, std::string_view key) {
  const auto found = object.find(std::string(key));
  return found == object.end() ? nullptr : &*found;
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

// Adds what `body` throws to the problems, behind `key`.
template <class Body>
void collect(std::vector<std::string>& problems, std::string_view key, Body&& body) {
  try {
    body();
  } catch (const Error& e) {
    problems.push_back(std::string(key) + e.what());
  }
}

// Throws all problems as one Error.
void report(const std::vector<std::string>& problems) {
  if (!problems.empty()) fail(joined(problems, "; "));
}

}  // namespace

void read_fields(const Json& object, const FieldList& fields, std::span<const std::string_view> others) {
  require(object.is_object(), "must be a JSON object, got ", shown(object));
  std::vector<std::string_view> known(others.begin(), others.end());
  for (const Field& f : fields.all()) known.push_back(f.key);
  std::vector<std::string> problems;
  constexpr long kTold = 5;  // the object may hold a million
  long unknown = 0;
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end() || ++unknown > kTold) continue;
    const std::string_view near = nearest(key, known);
    problems.push_back("unknown key " + printable(key) + (near.empty() ? "" : ", did you mean \"" + std::string(near) + "\"?"));
  }
  if (unknown > kTold) problems.push_back(std::to_string(unknown - kTold) + " more unknown keys");
  if (unknown) {
    std::string list;
    for (std::string_view k : known) list += (list.empty() ? "" : ", ") + std::string(k);
    problems.back() += " (known: " + list + ")";
  }
  for (const Field& f : fields.all()) {
    const Json* value = find(object, f.key);
    if (!value && f.limits.required) problems.push_back("missing key \"" + std::string(f.key) + '"');
    if (value) collect(problems, f.key, [&] { f.read(*value, f.member, f.limits), f.check(f.member, f.limits); });
  }
  report(problems);
}

OrderedJson write_fields(const FieldList& fields) {
  OrderedJson object = OrderedJson::object();
  write_fields(fields, object);
  return object;
}

void write_fields(const FieldList& fields, OrderedJson& object) {
  for (const Field& f : fields.all()) {
    OrderedJson value;
    f.write(value, f.member);
    if (!value.is_null()) object[std::string(f.key)] = std::move(value);
  }
}

void check_fields(const FieldList& fields) {
  std::vector<std::string> problems;
  for (const Field& f : fields.all()) collect(problems, f.key, [&] { f.check(f.member, f.limits); });
  report(problems);
}

void write_object(OrderedJson& j, const FieldList& fields) { j = write_fields(fields); }
void read_object(const Json& j, const FieldList& fields) {
  require(j.is_object(), " must be an object, got ", shown(j));
  std::vector<std::string> problems;
  collect(problems, ": ", [&] { read_fields(j, fields); });
  report(problems);
}

void check_object(const FieldList& fields) {
  std::vector<std::string> problems;
  collect(problems, ": ", [&] { check_fields(fields); });
  report(problems);
}

std::string markdown_rows(const FieldList& fields, std::string_view first_column) {
  std::string rows;
  for (const Field& f : fields.all()) {
    OrderedJson value;
    f.write(value, f.member);
    rows += '|';
    if (!first_column.empty()) rows += ' ' + std::string(first_column) + " |";
    rows += " `" + std::string(f.key) + "` | " + f.kind(f.member, f.limits) + " | ";
    rows += f.limits.required ? "required" : value.is_null() ? "" : '`' + one_line(value) + '`';
    rows += " | " + std::string(f.doc) + " |\n";
  }
  return rows;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > 100) return {};
  std::string_view best;
  std::size_t least = 2 + word.size() / 3;  // beyond, a suggestion would be a guess
  for (std::string_view candidate : candidates) {
    std::vector<std::size_t> row(candidate.size() + 1);  // Levenshtein distances from a prefix of word to those of the candidate
    std::iota(row.begin(), row.end(), std::size_t(0));
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i + 1);
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t substituted = diagonal + (word[i] != candidate[j]);
        diagonal = std::exchange(row[j + 1], std::min({row[j] + 1, row[j + 1] + 1, substituted}));
      }
    }
    if (row.back() < least) best = candidate, least = row.back();
  }
  return best;
}

std::string shown(const Json& value) {
  if (value.is_string()) return printable(value.get_ref<const std::string&>());
  std::string text = value.dump(-1, ' ', true);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

std::string one_line(const OrderedJson& value) {
  if (!value.is_structured()) return value.dump();
  std::string text;
  for (const auto& item : value.items()) {
    if (!text.empty()) text += ", ";
    if (value.is_object()) text += OrderedJson(item.key()).dump() + ": ";
    text += one_line(item.value());
  }
  return value.is_object() ? '{' + text + '}' : '[' + text + ']';
}

namespace {

std::string digits(double value) {
  OrderedJson j;
  write_value(j, value);
  return j.is_null() ? std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf" : j.dump();
}

std::string interval(const Limits& l) {
  return (l.above ? "(" : "[") + digits(l.min) + ", " + digits(l.max) + (l.below ? ")" : "]");
}

// `given`: the number as it was written, if that has more digits than a double.
void check_number(double value, const Limits& l, const std::string& given = {}) {
  const bool low = l.above ? value <= l.min : value < l.min, high = l.below ? value >= l.max : value > l.max;
  if (!low && !high && !std::isnan(value)) return;
  const bool both = std::isfinite(l.min) && std::isfinite(l.max);
  const std::string bounds = std::isnan(value)              ? "a number"
                             : both && (l.above || l.below) ? "in " + interval(l)
                             : both                         ? "between " + digits(l.min) + " and " + digits(l.max)
                             : low                          ? (l.above ? "above " : "at least ") + digits(l.min)
                                                            : (l.below ? "below " : "at most ") + digits(l.max);
  fail(" is ", given.empty() ? digits(value) : given, ", must be ", bounds);
}

constexpr double kNotWorthSaying = 10'000;  // upper limits against overflow, not part of what a key means

std::string kind_with(const char* what, const Limits& l) {
  const bool low = std::isfinite(l.min), high = l.max < kNotWorthSaying;
  if (low && high && (l.above || l.below)) return what + (" in " + interval(l));
  if (low && high) return what + (" from " + digits(l.min)) + " to " + digits(l.max);
  if (low) return what + ((l.above ? " > " : " >= ") + digits(l.min));
  if (high) return what + ((l.below ? " < " : " <= ") + digits(l.max));
  return what;
}

template <class T>
void read_list(const Json& j, std::vector<T>& list, const Limits& l, const char* what) {
  require(j.is_array(), " must be an array of ", what, ", got ", shown(j));
  std::vector<T> read(j.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    std::vector<std::string> problems;
    collect(problems, '[' + std::to_string(i) + ']', [&] { read_value(j[i], read[i], l); });
    report(problems);
  }
  list = std::move(read);
}

template <class T>
void write_list(OrderedJson& j, const std::vector<T>& list) {
  j = OrderedJson::array();
  for (const T& item : list) {
    j.emplace_back();
    write_value(j.back(), item);
  }
}

template <class T>
void check_list(const std::vector<T>& list, const Limits& l) {
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < list.size(); ++i) collect(problems, '[' + std::to_string(i) + ']', [&] { check_value(list[i], l); });
  report(problems);
}

// Shortest digits that read back as the same T; whole numbers without a fraction.
template <class T>
OrderedJson shortest(T value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == std::trunc(value) && std::abs(value) < T(1e15) && !(value == 0 && std::signbit(value))) return std::int64_t(value);
  char text[64];
  *std::to_chars(text, text + sizeof text - 1, value).ptr = '\0';
  double read = 0;
  std::from_chars(text, text + std::char_traits<char>::length(text), read);
  return read;
}

}  // namespace

OrderedJson number(real value) { return shortest(value); }

void read_value(const Json& j, bool& v, const Limits&) {
  require(j.is_boolean(), " must be true or false, got ", shown(j));
  v = j.get<bool>();
}
void read_value(const Json& j, int& v, const Limits& l) {
  require(j.is_number_integer(), " must be an integer, got ", shown(j));
  const double wide = j.get<double>();
  if (wide < INT_MIN || wide > INT_MAX) {  // the sign survives the rounding to double
    check_number(wide, l, shown(j));
    fail(" is ", shown(j), ", must be between ", INT_MIN, " and ", INT_MAX);
  }
  v = j.get<int>();
}
void read_value(const Json& j, std::uint64_t& v, const Limits&) {
  require(j.is_number_unsigned(), " must be an integer from 0 to 2^64 - 1, got ", shown(j));
  v = j.get<std::uint64_t>();
}
void read_value(const Json& j, double& v, const Limits&) {
  require(j.is_number(), " must be a number, got ", shown(j));
  v = j.get<double>();
}
void read_value(const Json& j, float& v, const Limits& l) {
  double wide = 0;
  read_value(j, wide, l);
  require(std::abs(wide) <= double(std::numeric_limits<float>::max()), " is ", shown(j), ", too large for single precision");
  v = float(wide);
}
void read_value(const Json& j, std::string& v, const Limits&) {
  require(j.is_string(), " must be a string, got ", shown(j));
  v = j.get<std::string>();
}
void read_value(const Json& j, AtKink& v, const Limits& l) {
  const bool pair = j.is_array() && j.size() == 2 && j[0].is_number() && j[1].is_number();
  require(pair || j.is_number(), " must be 0, 0.5 or 1, or a pair of them, got ", shown(j));
  read_value(pair ? j[0] : j, v.lo, l), read_value(pair ? j[1] : j, v.hi, l);
}
void read_value(const Json& j, std::vector<int>& v, const Limits& l) { read_list(j, v, l, "integers"); }
void read_value(const Json& j, std::vector<double>& v, const Limits& l) { read_list(j, v, l, "numbers"); }
void read_value(const Json& j, std::vector<std::string>& v, const Limits& l) { read_list(j, v, l, "strings"); }
int read_choice(const Json& j, std::span<const char* const> names) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const char* name) { return is_text(j, name); });
  if (found != names.end()) return int(found - names.begin());
  const std::vector<std::string_view> all(names.begin(), names.end());
  const std::string_view near = j.is_string() ? nearest(j.get_ref<const std::string&>(), all) : "";
  fail(" must be ", list_of(names), ", got ", shown(j), near.empty() ? "" : ", did you mean \"" + std::string(near) + "\"?");
}

void write_value(OrderedJson& j, bool v) { j = v; }
void write_value(OrderedJson& j, int v) { j = v; }
void write_value(OrderedJson& j, std::uint64_t v) { j = v; }
void write_value(OrderedJson& j, float v) { j = shortest(v); }
void write_value(OrderedJson& j, double v) { j = shortest(v); }
void write_value(OrderedJson& j, const std::string& v) { j = v; }
void write_value(OrderedJson& j, const AtKink& v) { j = {number(v.lo), number(v.hi)}; }
void write_value(OrderedJson& j, const std::vector<int>& v) { write_list(j, v); }
void write_value(OrderedJson& j, const std::vector<double>& v) { write_list(j, v); }
void write_value(OrderedJson& j, const std::vector<std::string>& v) { write_list(j, v); }

void check_value(const int& v, const Limits& l) { check_number(v, l); }
void check_value(const float& v, const Limits& l) { check_number(v, l); }
void check_value(const double& v, const Limits& l) { check_number(v, l); }
void check_value(const std::vector<int>& v, const Limits& l) { check_list(v, l); }
void check_value(const std::vector<double>& v, const Limits& l) { check_list(v, l); }

std::string kind_of(const bool&, const Limits&) { return "true or false"; }
std::string kind_of(const int&, const Limits& l) { return kind_with("integer", l); }
std::string kind_of(const std::uint64_t&, const Limits&) { return "integer >= 0"; }
std::string kind_of(const float&, const Limits& l) { return kind_with("number", l); }
std::string kind_of(const double&, const Limits& l) { return kind_with("number", l); }
std::string kind_of(const std::string&, const Limits&) { return "string"; }
std::string kind_of(const AtKink&, const Limits&) { return "number or pair"; }
std::string kind_of(const std::vector<int>&, const Limits& l) { return "array, each " + kind_with("integer", l); }
std::string kind_of(const std::vector<double>&, const Limits& l) { return "array, each " + kind_with("number", l); }
std::string kind_of(const std::vector<std::string>&, const Limits&) { return "array of strings"; }

std::string list_of(std::span<const char* const> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "\"" : i + 1 == names.size() ? " or \"" : ", \"") + std::string(names[i]) + '"';
  return text;
}

}  // namespace six
