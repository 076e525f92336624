#include "../../data/json.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support.h"

using namespace six;
using namespace six::test;

namespace {

std::string json_rejected(std::string_view text) {
  return message_of([&] { parse_json(text, "cfg"); });
}

}  // namespace

TEST_CASE("json: values keep their types") {
  const auto v = parse_json(R"({"i": 3, "n": -4, "f": 3.0, "e": 1e2, "t": true, "s": "é\u00e9\n", "z": null, "a": [1, [2, {}], []],
    "max": 18446744073709551615, "min": -9223372036854775808})",
                            "cfg");
  CHECK(v["i"].is_number_unsigned());
  CHECK(v["n"].is_number_integer());
  CHECK(v["n"] == -4);
  CHECK(v["f"].is_number_float());
  CHECK(v["e"].is_number_float());
  CHECK(v["t"] == true);
  CHECK(v["s"] == "\xc3\xa9\xc3\xa9\n");
  CHECK(v["z"].is_null());
  CHECK(v["a"].dump() == "[1,[2,{}],[]]");
  CHECK(v["max"] == UINT64_MAX);
  CHECK(v["min"] == INT64_MIN);
  CHECK(parse_json(" 7 ", "cfg") == 7);
  CHECK(parse_json("[]", "cfg").empty());
}

TEST_CASE("json: duplicate keys are rejected at every level, with their place") {
  CHECK(contains(json_rejected("{\"a\": 1,\n  \"b\": 2, \"a\": 3}"), {"cfg: line 2, column 13: ", "duplicate key \"a\""}));
  CHECK(contains(json_rejected(R"([{"x": {"y": 1, "y": 1}}])"), {"duplicate key \"y\""}));
  CHECK(contains(json_rejected(R"({"a": 1, "\u0061": 2})"), {"duplicate key \"a\""}));
  CHECK(parse_json(R"([{"a": 1}, {"a": 2, "b": {"a": 3}}])", "cfg").size() == 2);
}

TEST_CASE("json: nesting is limited to 64 levels") {
  const auto nested = [](int n) { return std::string(std::size_t(n), '[') + std::string(std::size_t(n), ']'); };
  CHECK(parse_json(nested(64), "cfg").is_array());
  CHECK(contains(json_rejected(nested(65)), {"line 1, column 65", "64 levels"}));
  CHECK(contains(json_rejected(std::string(10'000'000, '[')), {"64 levels"}));
  std::string objects;
  for (int i = 0; i < 65; ++i) objects += "{\"a\":";
  CHECK(contains(json_rejected(objects), {"64 levels"}));
}

TEST_CASE("json: nothing may follow the value") {
  for (const char* text : {"{} {}", "[1],", "1 2", "{}x", "{}\n\n]"})
    CHECK(contains(json_rejected(text), {"cfg: line ", "column "}));
  CHECK(contains(json_rejected(std::string_view("{}\0", 3)), {"line 1, column 3", "zero byte"}));
  CHECK(contains(json_rejected(std::string_view("{\n\0}", 4)), {"line 2, column 1", "zero byte"}));
}

TEST_CASE("json: what is no JSON names line and column") {
  CHECK(contains(json_rejected(""), {"cfg: line 1, column 1: "}));
  CHECK(contains(json_rejected("{\n  \"a\": tru\n}"), {"cfg: line 2, column "}));
  CHECK(contains(json_rejected("{\"a\" 1}"), {"line 1, column 6"}));
  for (const char* text : {"{", "[1,]", "{\"a\":}", "{a: 1}", "'x'", "// c\n1", "/* c */ 1", "NaN", "[Infinity]", "-", "01", "1.",
                           "+1", "\"a", "\"\t\"", "\"\\x\"", "\"\\ud800\"", "nul", "{\"a\":1,}"}) {
    CAPTURE(text);
    CHECK(contains(json_rejected(text), {"cfg: line ", "column "}));
  }
}

TEST_CASE("json: invalid UTF-8 is rejected") {
  for (const char* text : {"\"\xff\"", "\"\xc3\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"", "\xff"}) {
    CHECK(contains(json_rejected(text), {"cfg: line 1, column "}));
  }
}

TEST_CASE("json: numbers beyond their type are rejected") {
  CHECK(contains(json_rejected("[18446744073709551616]"), {"18446744073709551616", "64 bits"}));
  CHECK(contains(json_rejected("[-9223372036854775809]"), {"64 bits"}));
  CHECK(contains(json_rejected("[1e999]"), {"cfg: line 1, column ", "overflow"}));
  CHECK(parse_json("[18446744073709551616.0]", "cfg")[0].is_number_float());
}

TEST_CASE("json: a message is one short printable line, whatever the text") {
  const std::string message = json_rejected("\"\x01" + std::string(5000, 'y'));
  CHECK(message.find_first_of("\n\x01") == std::string::npos);
  CHECK(message.size() < 300);
}

TEST_CASE("json: the size is limited before parsing") {
  CHECK(contains(message_of([&] { parse_json("[1234]", "cfg", 5); }), {"cfg", "6 bytes", "at most 5"}));
  CHECK(parse_json("[1234]", "cfg", 6).size() == 1);
}

TEST_CASE("json: every prefix of a document is an Error") {
  const std::string text = R"({"a": [1, -2.5e3, "x\u00e9"], "b": {"c": null, "d": true}})";
  for (std::size_t n = 0; n < text.size(); ++n) CHECK(json_rejected(text.substr(0, n)) != "no error");
  CHECK(json_rejected(text) == "no error");
}

TEST_CASE("json: released values are empty from the leaves up") {
  auto v = parse_json(R"({"a": [1, [2, {"b": {}}]], "c": "text"})", "cfg");
  {
    const JsonGuard guard{v};
    CHECK(v.size() == 2);
  }
  CHECK(v.is_object());
  CHECK(v.empty());
  auto number = parse_json("3", "cfg");
  release(number);
  CHECK(number == 3);
}

TEST_CASE("json: from a file, messages begin with its path") {
  const TempFolder folder;
  const std::string path = folder / "c.json";
  put(path, "{\"a\": 1}");
  CHECK(read_json(path)["a"] == 1);
  put(path, "{");
  CHECK(message_of([&] { read_json(path); }).starts_with(path + ": line 1, column "));
  CHECK(message_of([&] { read_json(folder / "none"); }).starts_with(folder / "none: "));
}
