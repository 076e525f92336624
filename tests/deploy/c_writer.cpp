// Emitted C against the emulator, bit for bit, with every compiler at hand.
#include "../../deploy/c_writer.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "../../deploy/emulator.h"
#include "../thorough.h"
#include "compiled.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

std::vector<std::string> compilers() {
  std::vector<std::string> all;
  for (const char* name : {"gcc", "clang"})
    if (has_program(name)) all.push_back(name);
  return all;
}

std::vector<std::vector<std::int32_t>> emulated(const IntNetwork& net, const std::vector<std::uint8_t>& images) {
  Emulator emulator(net);
  std::vector<std::vector<std::int32_t>> rows;
  const std::size_t size = std::size_t(net.shape(0).size());
  for (std::size_t at = 0; at < images.size(); at += size) {
    const auto logits = emulator.run(std::span(images).subspan(at, size));
    rows.push_back({argmax(logits)});
    rows.back().insert(rows.back().end(), logits.begin(), logits.end());
  }
  return rows;
}

void check_same_bits(const IntNetwork& net, const COptions& options, const std::string& compiler) {
  CAPTURE(compiler);
  CompiledNet c(net, options);
  const Ran said = c.compile(compiler);
  REQUIRE_MESSAGE(said.code == 0, said.output, c.files().source);
  const std::vector<std::uint8_t> images = noise(net.shape(0), 20, 17);
  const CompiledNet::Output out = c.run(images);
  CHECK(out.selftest == 0);
  CHECK(out.rows == emulated(net, images));
}

}  // namespace

// Daily one combination of rounding and logits for each net, another one in each precision; over all nets and precisions, all four.
TEST_CASE("the compiled file computes the bits of the emulator, every layer, both roundings, every option") {
  const std::vector<std::string> all = compilers();
  REQUIRE(!all.empty());
  int variant = 0, taken = 0, folded = 0, fused = 0;
  for (const Net& net : integer_nets())
    for (Rounding rounding : {Rounding::single, Rounding::twofold})
      for (bool accumulators : {false, true}) {
        const int number = variant++;
        if (!thorough() && (number + number / 4) % 4 != (sizeof(real) == 4 ? 0 : 2)) continue;
        ++taken;
        CAPTURE(net.name);
        QuantOptions o;
        o.rounding = rounding;
        const IntNetwork integer = integer_network(net.model, o, accumulators, rounding == Rounding::single);
        folded += integer.stages.back().weighted() && std::holds_alternative<IntConv>(integer.stages.back().op) &&
                  std::get<IntConv>(integer.stages.back().op).mean;
        COptions c{.name = "net", .memory = {.overlap = taken % 2 == 1, .fuse = true}, .caller_arena = taken % 4 >= 2};
        if (taken % 3) c.images = {noise(integer.shape(0), 1)};
        const std::string compiler = all[std::size_t(taken / 3) % all.size()];
        const std::vector<bool> pairs = plan_memory(integer, c.memory).fused;
        fused += std::count(pairs.begin(), pairs.end(), true) > 0;
        const bool undefined = compiler == "gcc" || thorough();  // clang takes ten seconds for one of the nets
        check_same_bits(integer, c, compiler + (undefined ? " -O1 -fsanitize=undefined -fno-sanitize-recover=all" : " -O1"));
      }
  CHECK(taken >= 5);
  CHECK(folded >= 1);
  CHECK(fused >= 1);
}

TEST_CASE("two weights of 4 bits share a byte, and the compiled file computes the same bits") {
  const std::vector<Net> nets = integer_nets();
  QuantOptions o;
  CHECK(message_of([&] {
          IntNetwork eight = integer_network(nets[0].model, o);
          pack_weights(eight);
        }) == "packing: two weights of 8 bits do not fit into a byte; train or quantise with 4 bits (--weight-bits 4)");
  o.weights.bits = 4;
  for (std::size_t n : {0, 2}) {
    IntNetwork net = integer_network(nets[n].model, o);
    long weights = 0, before = 0, after = 0;
    for (const IntStage& s : net.stages)
      before += s.constant_bytes(), weights += s.weighted() ? long(s.weighted()->weights.size()) : 0;
    pack_weights(net);
    for (const IntStage& s : net.stages) after += s.constant_bytes();
    CHECK(std::abs(before - after - weights / 2) <= long(net.stages.size()));
    check_same_bits(net, {.name = "net"}, compilers()[0] + " -O1 -fsanitize=undefined -fno-sanitize-recover=all");
  }
}

TEST_CASE("the compiled file computes the same with every compiler, optimisation and sanitizer") {
  const std::vector<Net> nets = integer_nets();
  const IntNetwork net = integer_network(nets[0].model);
  for (const std::string& compiler : compilers())
    for (const char* flags : {" -O0", " -O3", " -Os", " -O3 -ffast-math -funsigned-char", " -O1 -fsanitize=address"})
      check_same_bits(net, {.name = "net"}, compiler + flags);
}

TEST_CASE("the self-test finds one wrong bit in any layer's constants, and names the layer") {
  const std::vector<Net> nets = integer_nets();
  const IntNetwork right = integer_network(nets[0].model);
  const std::string compiler = compilers()[0] + " -O1";
  for (std::size_t layer : {std::size_t(0), right.stages.size() / 2, right.stages.size() - 1}) {
    IntNetwork wrong = right;
    IntStage& s = wrong.stages[layer];
    IntWeights* w = std::holds_alternative<IntConv>(s.op) ? static_cast<IntWeights*>(std::get_if<IntConv>(&s.op))
                                                          : static_cast<IntWeights*>(std::get_if<IntDepthwise>(&s.op));
    if (!w) continue;
    w->weights[0] = std::int8_t(w->weights[0] ^ 64);
    CompiledNet c(right, {.name = "net"});
    // The wrong tables with the right checksums.
    std::string source = write_c(wrong, {.name = "net"}).source;
    const std::string right_source = c.files().source;
    const std::size_t at = source.find("test_crcs[");
    source = source.substr(0, at) + right_source.substr(right_source.find("test_crcs["));
    c.set_source(source);
    REQUIRE(c.compile(compiler).code == 0);
    CHECK(c.run(noise(right.shape(0), 1)).selftest == int(layer) + 1);
  }
}

TEST_CASE("the file is the same when written twice, includes only stdint.h, and needs nothing but the compiler") {
  const std::vector<Net> nets = integer_nets();
  const IntNetwork net = integer_network(nets[1].model);
  const COptions options{.name = "tiny_net", .provenance = {"sixgrad */ test\\", "second line"}};
  const CFiles a = write_c(net, options), b = write_c(net, options);
  CHECK(a.source == b.source);
  CHECK(a.header == b.header);
  CHECK(a.source.find("#include <stdint.h>") == a.source.find("#include"));
  CHECK(a.source.find("#include", a.source.find("#include") + 1) == std::string::npos);
  CHECK(a.source.find("sixgrad * / test?\n   second line */\n") != std::string::npos);
  CHECK(a.source.find("float") == std::string::npos);
  CHECK(a.source.find("double") == std::string::npos);
  CompiledNet c(net, options);
  for (const std::string& compiler : compilers()) {
    CHECK(run_command("cd " + c.path("") + " && " + compiler + " -std=c99 -Os -c tiny_net.c -o tiny.o").code == 0);
    CHECK(run_command("nm -u " + c.path("tiny.o")).output == "");
    // All there is in memory is the arena, of exactly the planned size.
    const Ran bss = run_command("nm -S " + c.path("tiny.o") + " | grep -i ' [bd] '");
    CHECK(bss.output.find("arena") != std::string::npos);
    CHECK(std::count(bss.output.begin(), bss.output.end(), '\n') == 1);
    const std::size_t size_at = bss.output.find(' ') + 1;
    CHECK(std::stol(bss.output.substr(size_at, 16), nullptr, 16) == c.files().plan.size);
  }
}

TEST_CASE("a header of another net is noticed where the compiler sees both files") {
  const std::vector<Net> nets = integer_nets();
  CompiledNet c(integer_network(nets[0].model), {.name = "net"});
  const std::string both =
      "gcc -std=c99 -Wall -Werror -include " + c.path("net.h") + " -c " + c.path("net.c") + " -o " + c.path("net.o");
  const Ran right = run_command(both);
  CHECK_MESSAGE(right.code == 0, right.output);
  const CFiles other = write_c(integer_network(nets[4].model), {.name = "net"});
  put(c.path("net.h"), other.header);
  const Ran wrong = run_command(both);
  CHECK(wrong.code != 0);
  CHECK(wrong.output.find("net.h belongs to another net") != std::string::npos);
}

TEST_CASE("two nets of different names link together, from C++ too") {
  const std::vector<Net> nets = integer_nets();
  TempFolder folder;
  std::string sources;
  for (int i : {0, 1}) {
    const std::string name = i ? "second" : "first";
    const CFiles f = write_c(integer_network(nets[std::size_t(i)].model), {.name = name});
    put(folder / (name + ".c"), f.source), put(folder / (name + ".h"), f.header);
  }
  put(folder / "main.cpp",
      "#include \"first.h\"\n#include \"second.h\"\nstatic uint8_t x[4096]; static int8_t y[64];\n"
      "int main() { return first_predict(x, y) < 0 || second_predict(x, y) < 0; }\n");
  const Ran ran =
      run_command("cd " + folder.path() + " && gcc -c first.c second.c && g++ main.cpp first.o second.o -o both && ./both");
  CHECK_MESSAGE(ran.code == 0, ran.output);
}

TEST_CASE("names that are no C identifiers are refused") {
  const std::vector<Net> nets = integer_nets();
  const IntNetwork net = integer_network(nets[3].model);
  for (const char* name :
       {"", "9lives", "my-net", "a b", "net.c", "_net", "n\xc3\xa4he", "a23456789012345678901234567890123456789012"})
    CHECK(message_of([&] { write_c(net, {.name = name}); }).find("is no C identifier") != std::string::npos);
  for (const char* name : {"int", "while", "main", "restrict"})
    CHECK(message_of([&] { write_c(net, {.name = name}); }) ==
          "the name \"" + std::string(name) + "\" is a word of C; choose another");
  for (const char* name : {"stdint", "Stdint", "limits", "stdio", "string"})
    CHECK(message_of([&] { write_c(net, {.name = name}); }).find("is that of a header of C") != std::string::npos);
  check_c_name("stdint2"), check_c_name("Int");
  CHECK(message_of([&] { write_c(net, {.name = "net", .images = {{1, 2}}}); }) == "C writer: an image of 2 bytes, expected 9");
}
