#include "c_text.h"

#include "../core/error.h"

extern const unsigned char six_requantize_h[];
extern const unsigned long six_requantize_h_size;

namespace six {
namespace {

// A function of the header: its comment and text.
struct Function {
  std::string name, text;
};

const std::vector<Function>& functions() {
  static const std::vector<Function> all = [] {
    const std::string header(reinterpret_cast<const char*>(six_requantize_h), six_requantize_h_size);
    std::vector<Function> list;
    for (std::size_t at = header.find("\n\n"); at != std::string::npos;) {
      const std::size_t end = header.find("\n\n", at + 2);
      const std::string block = header.substr(at + 2, end == std::string::npos ? end : end - at - 1);
      const std::size_t begin = block.find("static inline"), open = block.find('(', begin);
      if (begin != std::string::npos) {
        const std::size_t space = block.rfind(' ', open);
        list.push_back({block.substr(space + 1, open - space - 1), block});
      }
      at = end;
    }
    return list;
  }();
  return all;
}

}  // namespace

std::string primitives(std::set<std::string> names) {
  const auto& all = functions();
  std::string out;
  for (auto f = all.rbegin(); f != all.rend(); ++f) {  // callers stand behind what they call
    if (!names.count(f->name)) continue;
    for (const Function& other : all)
      if (f->text.find(other.name + "(") != std::string::npos) names.insert(other.name);
  }
  for (const Function& f : all)
    if (names.erase(f.name)) out += f.text + (f.text.back() == '\n' ? "\n" : "\n\n");
  require(names.empty(), "C writer: there is no primitive ", names.empty() ? "" : *names.begin());
  return out;
}

std::string table(const std::string& type, const std::string& name, const std::string& qualifier, std::size_t size,
                  const std::function<long(std::size_t)>& number) {
  constexpr std::size_t kWidth = 118;
  std::string out = text("static const ", type, ' ', name, '[', size, "]", qualifier, " = {"), line = "\n ";
  for (std::size_t i = 0; i < size; ++i) {
    const std::string item = ' ' + literal(number(i)) + (i + 1 < size ? "," : "");
    if (line.size() + item.size() > kWidth) out += line, line = "\n ";
    line += item;
  }
  return out + line + "};\n";
}

std::string literal(long number) {
  if (number == -2147483648L) return "(-2147483647 - 1)";
  return number < 0 ? text('(', number, ')') : text(number);
}

std::string plus(long number) {
  if (number == 0) return "";
  return number < 0 ? text(" - ", -number) : text(" + ", number);
}

std::string loop(const std::string& v, long n, bool backward) {
  if (backward) return text("for (int32_t ", v, " = ", n - 1, "; ", v, " >= 0; --", v, ")");
  return text("for (int32_t ", v, " = 0; ", v, " < ", n, "; ++", v, ")");
}

std::string comment_text(const std::string& line) {
  std::string out;
  for (char c : line) {
    if (c == '/' && !out.empty() && out.back() == '*') out += ' ';
    if (c == '*' && !out.empty() && out.back() == '/') out += ' ';
    out += c >= ' ' && c <= '~' && c != '\\' ? c : '?';
  }
  return out;
}

}  // namespace six
