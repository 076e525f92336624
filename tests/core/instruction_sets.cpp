// The choice of an instruction set, and this program run once more under each of them.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "../../core/kernels/dispatch.h"
#include "../../optim/sgd.h"
#include "small_net.h"

using namespace six;
using namespace six::test;

namespace {

struct Outcome {
  int status = -1;  // of the program
  std::string text;
};

// Runs this test program again.
Outcome again(const std::string& isa, const std::string& arguments) {
  char path[4096] = {};
  REQUIRE(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
  // Threads that wait sleep: there may be more of them than processors.
  const std::string command = "OMP_WAIT_POLICY=passive SIX_ISA=" + isa + " '" + path + "' --no-colors=1 " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe);
  Outcome o;
  char part[4096];
  while (const std::size_t n = std::fread(part, 1, sizeof part, pipe)) o.text.append(part, n);
  const int status = pclose(pipe);
  o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return o;
}

// FNV-1a over the bits of a few training steps.
unsigned long digest() {
  SmallNet net(37);
  SGD sgd(net.set, {.lr = 1e-2, .momentum = 0.9});
  Tape tape({.threads = 2});
  unsigned long hash = 14695981039346656037ul;
  const auto add = [&](const real* x, long n) {
    std::vector<unsigned char> bytes(std::size_t(n) * sizeof(real));
    std::memcpy(bytes.data(), x, bytes.size());
    for (unsigned char b : bytes) hash = (hash ^ b) * 1099511628211ul;
  };
  for (int step = 0; step < 3; ++step) {
    tape.reset();
    const Var loss = net(tape);
    const real value = loss.item();
    tape.backward(loss);
    add(&value, 1), add(net.set.grads(), net.set.size());
    sgd.step();
  }
  add(net.set.values(), net.set.size());
  return hash;
}

}  // namespace

TEST_CASE("digest of a training run" * doctest::skip()) { std::printf("digest %016lx\n", digest()); }

TEST_CASE("a failing check" * doctest::skip()) { CHECK(std::string("red") == "green"); }

TEST_CASE("the verdict of a run is its exit code") {
  CHECK(again("", "--no-skip --test-case='a failing check'").status != 0);
  CHECK(again("", "--no-skip --test-case='digest of a training run'").status == 0);
}

TEST_CASE("the environment chooses the instruction set; a name that is none is an error that lists the names") {
  for (const kernels::Table* t : kernels::tables()) {
    CHECK(t->lanes * int(sizeof(real)) == (std::strcmp(t->isa, "v4") == 0 ? 64 : std::strcmp(t->isa, "v3") == 0 ? 32 : 16));
    CHECK(cpu_features().find(t->isa) != std::string::npos);
  }
  const Outcome o = again("v7", "--no-skip --test-case='digest of a training run'");
  CHECK(o.status != 0);
  CHECK(o.text.find("SIX_ISA: this machine cannot run \"v7\"; it can run baseline") != std::string::npos);
}

TEST_CASE("a training run has the same bits on all instruction sets with fused multiply-add") {
  std::string first;
  for (const kernels::Table* t : kernels::tables()) {
    if (t == kernels::tables().front()) continue;
    const std::string text = again(t->isa, "--no-skip --test-case='digest of a training run'").text;
    const std::size_t at = text.find("digest ");
    REQUIRE(at != std::string::npos);
    if (first.empty()) first = text.substr(at, 23);
    CHECK(text.substr(at, 23) == first);
  }
}

TEST_CASE("every instruction set passes the tests of ops, of ReLU6 on the tape and PyTorch's numbers") {
  for (const kernels::Table* t : kernels::tables()) {
    if (t == &kernels::table()) continue;  // this run
    CAPTURE(std::string(t->isa));
    const Outcome o = again(t->isa,
                            "--source-file='*/tests/core/ops/*,*/tests/core/relu6_tape.*,*/tests/core/golden_*'"
                            " --test-case-exclude='each of ten wrong*'");  // of which no kernel is part
    CAPTURE(o.text);
    CHECK(o.status == 0);
    CHECK(o.text.find("| 0 failed") != std::string::npos);
  }
}
