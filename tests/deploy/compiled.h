#pragma once
// Emitted C, compiled and run.
#include <string>
#include <vector>

#include "../../deploy/c_writer.h"
#include "../data/support.h"

namespace six::test {

// Whether a program is on the path.
bool has_program(const std::string& name);

// What a shell command printed on stdout and stderr, and its exit code.
struct Ran {
  std::string output;
  int code = 0;
};
Ran run_command(const std::string& command);

// A network written to C in a folder of its own, with a program around it that reads images and prints logits.
class CompiledNet {
 public:
  CompiledNet(const IntNetwork& network, COptions options);
  // Compiles with `compiler` and flags on top of -std=c99 and every warning as an error; returns what the compiler said.
  Ran compile(const std::string& compiler_and_flags);
  // The self-test's result and, for each image, the class and the logits.
  struct Output {
    int selftest = -1;
    std::vector<std::vector<std::int32_t>> rows;  // class, logits
  };
  Output run(const std::vector<std::uint8_t>& images, const std::string& prefix = "") const;

  const CFiles& files() const { return files_; }
  void set_source(const std::string& source);  // in place of what was written
  std::string path(const std::string& file) const { return folder_ / file; }

 private:
  TempFolder folder_;
  std::string name_;
  CFiles files_;
  long classes_;
};

}  // namespace six::test
