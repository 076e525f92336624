// One listing of settings: reading, writing, checking, the table.
#include "../../layers/config.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "../../core/error.h"
#include "../data/support.h"

using namespace six;
using namespace six::test;

namespace {

enum class Color { red, green, blue };
std::span<const char* const> choices_of(Color) {
  static constexpr const char* names[] = {"red", "green", "blue"};
  return names;
}

struct Inner {
  int depth = 2;
  static void fields(auto& visit, auto& c) { visit("depth", c.depth, "how deep", between(1, 5)); }
};

struct Sample {
  int size = 0;
  bool flag = true;
  double rate = 0.1;
  float share = 0.1f;
  std::uint64_t seed = 1;
  std::string text = "abc";
  Color color = Color::green;
  AtKink kink = {};
  Inner inner = {};
  std::vector<int> steps = {1, 2};
  std::vector<double> betas = {0.9, 0.999};
  std::vector<std::string> words = {};
  real open = kInf;
  static void fields(auto& visit, auto& c) {
    visit("size", c.size, "how large", required(between(1, 100)));
    visit("flag", c.flag, "whether");
    visit("rate", c.rate, "how fast", at_least(0));
    visit("share", c.share, "how much");
    visit("seed", c.seed, "which");
    visit("text", c.text, "what");
    visit("color", c.color, "which color");
    visit("kink", c.kink, "slopes");
    visit("inner", c.inner, "inside");
    visit("steps", c.steps, "when", at_least(1));
    visit("betas", c.betas, "decay", between(0, 1));
    visit("words", c.words, "words");
    visit("open", c.open, "no bound if absent");
  }
};

std::string error_for(const std::string& json) {
  return message_of([&] {
    Sample s;
    read_fields(Json::parse(json), fields_in(s));
  });
}

}  // namespace

TEST_CASE("config: every type is read and written, numbers in their shortest form") {
  Sample s;
  CHECK(one_line(write_fields(fields_in(s))) ==
        R"({"size": 0, "flag": true, "rate": 0.1, "share": 0.1, "seed": 1, "text": "abc", "color": "green", "kink": [0, 0], )"
        R"("inner": {"depth": 2}, "steps": [1, 2], "betas": [0.9, 0.999], "words": []})");
  const char* text =
      R"({"size": 7, "flag": false, "rate": 1e-05, "share": 0.25, "seed": 18446744073709551615, "text": "\"x\"", "color": "blue", )"
      R"("kink": [0, 0.5], "inner": {"depth": 5}, "steps": [3], "betas": [1], "words": ["a", "b"], "open": 4.5})";
  read_fields(Json::parse(text), fields_in(s));
  CHECK(s.size == 7);
  CHECK_FALSE(s.flag);
  CHECK(s.rate == 1e-5);
  CHECK(s.seed == ~std::uint64_t(0));
  CHECK(s.color == Color::blue);
  CHECK(s.kink.hi == real(0.5));
  CHECK(s.inner.depth == 5);
  CHECK(s.betas == std::vector<double>{1});
  CHECK(s.open == real(4.5));
  CHECK(one_line(write_fields(fields_in(s))) == text);
}

TEST_CASE("config: one number is both kinks") {
  Sample s;
  read_fields(Json::parse(R"({"size": 1, "kink": 1})"), fields_in(s));
  CHECK(s.kink.lo == 1);
  CHECK(s.kink.hi == 1);
}

TEST_CASE("config: shortest digits read back to the same bits") {
  for (real v : {real(0.1), real(1) / 3, real(1e-30), real(-2.5), real(3), real(16777216), real(1e20)}) {
    const OrderedJson j = number(v);
    CHECK(real(j.get<double>()) == v);
  }
  CHECK(number(3).dump() == "3");
  CHECK(number(real(0.1)).dump() == "0.1");
  CHECK(std::signbit(number(real(-0.0)).get<double>()));
  CHECK(number(kInf).is_null());
}

TEST_CASE("config: wrong types name the key, what is expected and what stands there") {
  CHECK(error_for(R"({"size": 3.0})") == "size must be an integer, got 3.0");
  CHECK(error_for(R"({"size": "3"})") == "size must be an integer, got \"3\"");
  CHECK(error_for(R"({"size": true})") == "size must be an integer, got true");
  CHECK(error_for(R"({"size": 1, "flag": 1})") == "flag must be true or false, got 1");
  CHECK(error_for(R"({"size": 1, "rate": "fast"})") == "rate must be a number, got \"fast\"");
  CHECK(error_for(R"({"size": 1, "seed": -1})") == "seed must be an integer from 0 to 2^64 - 1, got -1");
  CHECK(error_for(R"({"size": 1, "text": null})") == "text must be a string, got null");
  CHECK(error_for(R"({"size": 1, "kink": [0, 0, 1]})") == "kink must be 0, 0.5 or 1, or a pair of them, got [0,0,1]");
  CHECK(error_for(R"({"size": 1, "inner": 3})") == "inner must be an object, got 3");
  CHECK(error_for(R"({"size": 1, "steps": 3})") == "steps must be an array of integers, got 3");
  CHECK(error_for(R"({"size": 1, "steps": [1, 2.5]})") == "steps[1] must be an integer, got 2.5");
  CHECK(error_for(R"({"size": 1, "words": [1]})") == "words[0] must be a string, got 1");
  CHECK(error_for(R"({"size": 1, "color": "gren"})") ==
        "color must be \"red\", \"green\" or \"blue\", got \"gren\", did you mean \"green\"?");
  CHECK(error_for(R"({"size": 1, "color": 7})") == "color must be \"red\", \"green\" or \"blue\", got 7");
  CHECK(error_for("[1]") == "must be a JSON object, got [1]");
}

TEST_CASE("config: numbers out of range name the value and the bound") {
  CHECK(error_for(R"({"size": 0})") == "size is 0, must be between 1 and 100");
  CHECK(error_for(R"({"size": 3000000000})") == "size is 3000000000, must be between 1 and 100");
  CHECK(error_for(R"({"size": 9223372036854775807})") == "size is 9223372036854775807, must be between 1 and 100");
  CHECK(error_for(R"({"size": 1, "rate": -0.5})") == "rate is -0.5, must be at least 0");
  CHECK(error_for(R"({"size": 1, "inner": {"depth": 9}})") == "inner: depth is 9, must be between 1 and 5");
  CHECK(error_for(R"({"size": 1, "steps": [1, 0]})") == "steps[1] is 0, must be at least 1");
  CHECK(error_for(R"({"size": 1, "betas": [1.5]})") == "betas[0] is 1.5, must be between 0 and 1");
  CHECK(error_for(R"({"size": 1, "share": 1e300})") == "share is 1e+300, too large for single precision");
  CHECK(error_for(R"({"size": 1, "steps": [5000000000]})") == "steps[0] is 5000000000, must be between -2147483648 and 2147483647");
  CHECK(error_for(R"({"size": 1, "steps": [18446744073709551615]})").find("18446744073709551615") != std::string::npos);
}

TEST_CASE("config: all problems of one object in one message") {
  const std::string e = error_for(R"({"sise": 3, "rate": -1, "flag": 0, "inner": {"dept": 1}})");
  CHECK(
      e ==
      "unknown key \"sise\", did you mean \"size\"? (known: size, flag, rate, share, seed, text, color, kink, inner, steps, betas, "
      "words, open); missing key \"size\"; flag must be true or false, got 0; rate is -1, must be at least 0; inner: unknown key "
      "\"dept\", did you mean \"depth\"? (known: depth)");
}

TEST_CASE("config: of a thousand unknown keys a few are named") {
  std::string json = R"({"size": 1)";
  for (int i = 0; i < 1000; ++i) json += ", \"none" + std::to_string(i) + "\": 0";
  const std::string e = error_for(json + "}");
  CHECK(contains(e, {"unknown key \"none0\"", "; 995 more unknown keys (known: size, "}));
  CHECK(e.size() < 400);
}

TEST_CASE("config: settings made in C++ obey the same limits") {
  Sample s;
  s.size = 1000, s.rate = std::nan(""), s.inner.depth = 0;
  CHECK(message_of([&] { check_fields(fields_in(s)); }) ==
        "size is 1000, must be between 1 and 100; rate is nan, must be a number; inner: depth is 0, must be between 1 and 5");
}

TEST_CASE("config: the table of keys") {
  Sample s;
  const std::string rows = markdown_rows(fields_in(s));
  CHECK(rows.starts_with(
      "| `size` | integer from 1 to 100 | required | how large |\n| `flag` | true or false | `true` | whether |\n"));
  for (const char* row :
       {"| `rate` | number >= 0 | `0.1` | how fast |\n", "| `color` | \"red\", \"green\" or \"blue\" | `\"green\"` |",
        "| `open` | number |  | no bound if absent |\n", "| `inner` | object | `{\"depth\": 2}` | inside |\n"})
    CHECK(rows.find(row) != rows.npos);
  CHECK(markdown_rows(fields_in(s.inner), "`inner`") == "| `inner` | `depth` | integer from 1 to 5 | `2` | how deep |\n");
}

TEST_CASE("config: nearest spelling, or none") {
  static constexpr std::string_view words[] = {"conv2d", "depthwise_conv2d", "relu", "relu6"};
  CHECK(nearest("conv2", words) == "conv2d");
  CHECK(nearest("Relu6", words) == "relu6");
  CHECK(nearest("depthwiseconv", words) == "depthwise_conv2d");
  CHECK(nearest("transformer", words).empty());
  CHECK(nearest("", words).empty());
  CHECK(nearest(std::string(100'000, 'x'), words).empty());
}
