#include "compiled.h"

#include <sys/wait.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../../core/error.h"

namespace six::test {
namespace {

// argv: images, file for the self-test's result and, per image, class and logits as int32_t.
constexpr const char* kProgram = R"(#include "NAME.h"
#include <stdio.h>
int main(int argc, char **argv) {
  static uint8_t image[UPPER_IMAGE];
  static LOGIT logits[UPPER_CLASSES];
  FILE *in = argc == 3 ? fopen(argv[1], "rb") : 0, *out = in ? fopen(argv[2], "wb") : 0;
  int32_t row[UPPER_CLASSES + 1] = {NAME_selftest()};
  if (!out) return 1;
  fwrite(row, sizeof row[0], 1, out);
  while (fread(image, 1, sizeof image, in) == sizeof image) {
    row[0] = NAME_predict(image, logits ARENA);
    for (int i = 0; i < UPPER_CLASSES; ++i) row[i + 1] = logits[i];
    fwrite(row, sizeof row[0], UPPER_CLASSES + 1, out);
  }
  return fclose(out) != 0;
}
)";

std::string replaced(std::string s, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = s.find(from, at)) != std::string::npos; at += to.size()) s.replace(at, from.size(), to);
  return s;
}

}  // namespace

Ran run_command(const std::string& command) {
  std::FILE* pipe = popen(("(" + command + ") 2>&1").c_str(), "r");
  require(pipe != nullptr, "cannot run ", command);
  Ran ran;
  std::array<char, 4096> part;
  for (std::size_t n; (n = std::fread(part.data(), 1, part.size(), pipe)) > 0;) ran.output.append(part.data(), n);
  const int status = pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return ran;
}

bool has_program(const std::string& name) { return run_command("command -v " + name).code == 0; }

CompiledNet::CompiledNet(const IntNetwork& network, COptions options)
    : name_(options.name), files_(write_c(network, options)), classes_(network.classes()) {
  std::string upper = name_;
  for (char& c : upper) c = char(std::toupper(c));
  put(path(name_ + ".c"), files_.source), put(path(name_ + ".h"), files_.header);
  std::string program = replaced(replaced(kProgram, "NAME", name_), "UPPER", upper);
  program = replaced(program, "LOGIT", network.accumulators ? "int32_t" : "int8_t");
  std::string arena;
  if (options.caller_arena)
    arena = ", arena", program = replaced(program, "int main", "static int8_t arena[" + upper + "_ARENA];\nint main");
  put(path("main.c"), replaced(program, " ARENA", arena));
}

void CompiledNet::set_source(const std::string& source) { put(path(name_ + ".c"), source); }

Ran CompiledNet::compile(const std::string& compiler) {
  std::string upper = name_;
  for (char& c : upper) c = char(std::toupper(c));
  return run_command("cd " + folder_.path() + " && " + compiler + " -std=c99 -pedantic -Wall -Wextra -Wconversion -Werror -D" +
                     upper + "_SELFTEST " + name_ + ".c main.c -o net");
}

CompiledNet::Output CompiledNet::run(const std::vector<std::uint8_t>& images, const std::string& prefix) const {
  put(path("images"), as_text(images));
  const Ran ran = run_command(prefix + " " + path("net") + " " + path("images") + " " + path("logits"));
  require(ran.code == 0, "the compiled net ended with ", ran.code, ": ", ran.output);
  const std::string bytes = take(path("logits"));
  std::vector<std::int32_t> numbers(bytes.size() / 4);
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * 4);
  Output out;
  out.selftest = numbers.at(0);
  for (std::size_t i = 1; i < numbers.size(); i += std::size_t(classes_) + 1)
    out.rows.emplace_back(numbers.begin() + long(i), numbers.begin() + long(i) + classes_ + 1);
  return out;
}

}  // namespace six::test
