#pragma once
// How a struct of settings becomes JSON and back. It lists its members once:
//   static void fields(auto& visit, auto& config) { visit("stride", config.stride, "step of the kernel", at_least(1)); }
// and the same listing reads, writes, checks, and prints the table of keys. Defaults stand in the struct, nowhere else.
#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../core/kernels/pointwise_op.h"
#include "../core/real.h"

namespace six {

using Json = nlohmann::json;                 // what is read
using OrderedJson = nlohmann::ordered_json;  // what is written, keys in the order of the listing

// What a member may be, besides its type.
struct Limits {
  double min = -std::numeric_limits<double>::infinity(), max = std::numeric_limits<double>::infinity();
  bool required = false;              // the key must be there
  bool above = false, below = false;  // min, max themselves are out of range
};
constexpr Limits at_least(double min) { return {.min = min}; }
constexpr Limits above(double min) { return {.min = min, .above = true}; }
constexpr Limits between(double min, double max) { return {.min = min, .max = max}; }
constexpr Limits fraction() { return {.min = 0, .max = 1, .below = true}; }  // [0, 1)
constexpr Limits required(Limits limits = {}) {
  limits.required = true;
  return limits;
}

// One member of a settings struct, its type erased.
struct Field {
  std::string_view key, doc;
  Limits limits;
  void* member;
  void (*read)(const Json&, void*, const Limits&);
  void (*write)(OrderedJson&, const void*);  // null: the key is left out
  void (*check)(const void*, const Limits&);
  std::string (*kind)(const void*, const Limits&);  // "integer >= 1"
};

// Types a member may have: bool, int, std::uint64_t, float, double, std::string, vectors of numbers or strings, an enum E with
// `std::span<const char* const> choices_of(E)`, a struct with its own `fields`, and whatever has these four functions beside it:
//   void read_value(const Json&, T&, const Limits&), void check_value(const T&, const Limits&), void write_value(OrderedJson&,
//   const T&), std::string kind_of(const T&, const Limits&).
// Reading and checking throw Error with the text that follows the key in a message: " must be an integer, got true".
template <class T>
Field field_of(std::string_view key, T& member, std::string_view doc, Limits limits = {});

class FieldList {
 public:
  template <class T>
  void operator()(const char* key, T& member, const char* doc, Limits limits = {}) {
    fields_.push_back(field_of(key, member, doc, limits));
  }
  std::span<const Field> all() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

// The listing of `config`; it points into it. Empty if the struct lists nothing.
template <class C>
FieldList fields_in(C& config) {
  FieldList list;
  fields_of(list, config);
  return list;
}

// Sets members from an object. All that is wrong with it is one Error: unknown keys (with the nearest known one), missing keys,
// wrong types, numbers out of range. `others` are keys that somebody else reads. On failure members may have changed.
void read_fields(const Json& object, const FieldList& fields, std::span<const std::string_view> others = {});
OrderedJson write_fields(const FieldList& fields);
void write_fields(const FieldList& fields, OrderedJson& object);  // into it, after what it holds
// Throws one Error naming every member that is out of its limits: for settings made in C++.
void check_fields(const FieldList& fields);
// Rows `| key | value | default | meaning |` of a table.
std::string markdown_rows(const FieldList& fields, std::string_view first_column = {});

// The candidate with the least edit distance to `word`, or nothing if none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
// JSON in an error message: on one line, shortened.
std::string shown(const Json& value);
// JSON on one line, with spaces after colons and commas.
std::string one_line(const OrderedJson& value);
// A number as JSON: shortest digits that read back the same in this build, no fraction if it is whole.
OrderedJson number(real value);

void read_value(const Json&, bool&, const Limits&);
void read_value(const Json&, int&, const Limits&);
void read_value(const Json&, std::uint64_t&, const Limits&);
void read_value(const Json&, float&, const Limits&);
void read_value(const Json&, double&, const Limits&);
void read_value(const Json&, std::string&, const Limits&);
void read_value(const Json&, AtKink&, const Limits&);
void read_value(const Json&, std::vector<int>&, const Limits&);
void read_value(const Json&, std::vector<double>&, const Limits&);
void read_value(const Json&, std::vector<std::string>&, const Limits&);

void write_value(OrderedJson&, bool);
void write_value(OrderedJson&, int);
void write_value(OrderedJson&, std::uint64_t);
void write_value(OrderedJson&, float);
void write_value(OrderedJson&, double);
void write_value(OrderedJson&, const std::string&);
void write_value(OrderedJson&, const AtKink&);
void write_value(OrderedJson&, const std::vector<int>&);
void write_value(OrderedJson&, const std::vector<double>&);
void write_value(OrderedJson&, const std::vector<std::string>&);

template <class T>
void check_value(const T&, const Limits&) {}
void check_value(const int&, const Limits&);
void check_value(const float&, const Limits&);
void check_value(const double&, const Limits&);
void check_value(const std::vector<int>&, const Limits&);
void check_value(const std::vector<double>&, const Limits&);

std::string kind_of(const bool&, const Limits&);
std::string kind_of(const int&, const Limits&);
std::string kind_of(const std::uint64_t&, const Limits&);
std::string kind_of(const float&, const Limits&);
std::string kind_of(const double&, const Limits&);
std::string kind_of(const std::string&, const Limits&);
std::string kind_of(const AtKink&, const Limits&);
std::string kind_of(const std::vector<int>&, const Limits&);
std::string kind_of(const std::vector<double>&, const Limits&);
std::string kind_of(const std::vector<std::string>&, const Limits&);

// Enums, by the names in the order of their values.
template <class E>
concept Choice = requires(E e) {
  std::span<const char* const>(choices_of(e));
};
int read_choice(const Json&, std::span<const char* const> names);
std::string list_of(std::span<const char* const> names);
template <Choice E>
void read_value(const Json& j, E& e, const Limits&) {
  e = E(read_choice(j, choices_of(e)));
}
template <Choice E>
void write_value(OrderedJson& j, const E& e) {
  write_value(j, std::string(choices_of(e)[std::size_t(e)]));
}
template <Choice E>
std::string kind_of(const E& e, const Limits&) {
  return list_of(choices_of(e));
}

// Structs inside structs.
template <class C>
concept HasFields = requires(FieldList& list, C& c) {
  C::fields(list, c);
};
void read_object(const Json&, const FieldList&);
void write_object(OrderedJson&, const FieldList&);
void check_object(const FieldList&);
template <HasFields C>
void read_value(const Json& j, C& c, const Limits&) {
  read_object(j, fields_in(c));
}
template <HasFields C>
void write_value(OrderedJson& j, const C& c) {
  write_object(j, fields_in(const_cast<C&>(c)));
}
template <HasFields C>
void check_value(const C& c, const Limits&) {
  check_object(fields_in(const_cast<C&>(c)));
}
template <HasFields C>
std::string kind_of(const C&, const Limits&) {
  return "object";
}

// A struct that may be absent: null.
template <HasFields C>
void read_value(const Json& j, std::optional<C>& c, const Limits&) {
  if (shown(j) == "null")
    c.reset();
  else
    read_object(j, fields_in(c.emplace()));
}
template <HasFields C>
void write_value(OrderedJson& j, const std::optional<C>& c) {
  if (c) write_value(j, *c);
}
template <HasFields C>
void check_value(const std::optional<C>& c, const Limits&) {
  if (c) check_object(fields_in(const_cast<C&>(*c)));
}
template <HasFields C>
std::string kind_of(const std::optional<C>&, const Limits&) {
  return "object or null";
}

template <class T>
Field field_of(std::string_view key, T& member, std::string_view doc, Limits limits) {
  return {key,
          doc,
          limits,
          &member,
          [](const Json& j, void* m, const Limits& l) { read_value(j, *static_cast<T*>(m), l); },
          [](OrderedJson& j, const void* m) { write_value(j, *static_cast<const T*>(m)); },
          [](const void* m, const Limits& l) { check_value(*static_cast<const T*>(m), l); },
          [](const void* m, const Limits& l) { return kind_of(*static_cast<const T*>(m), l); }};
}

}  // namespace six
