#include "c_writer.h"

#include <algorithm>
#include <set>

#include "../core/error.h"
#include "../data/file.h"
#include "c_layers.h"
#include "c_text.h"
#include "emulator.h"

namespace six {
namespace {

std::string upper(std::string s) {
  for (char& c : s)
    if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
  return s;
}

std::uint32_t checksum(std::span<const std::int8_t> codes) {
  return crc32({reinterpret_cast<const std::uint8_t*>(codes.data()), codes.size()});
}
std::uint32_t checksum(std::span<const std::int32_t> sums) {  // little-endian bytes, as this library's hosts have them
  return crc32({reinterpret_cast<const std::uint8_t*>(sums.data()), sums.size_bytes()});
}

class Writer {
 public:
  Writer(const IntNetwork& n, const COptions& o, const MemoryPlan& plan)
      : net_(n), options_(o), upper_(upper(o.name)), logit_(n.accumulators ? "int32_t" : "int8_t") {
    check_c_name(o.name);
    require(!n.stages.empty() && n.stages.back().out == n.storage(n.output),
            "C writer: the network has no layer that makes its output");
    for (const auto& image : o.images)
      require(long(image.size()) == n.shape(0).size(), "C writer: an image of ", image.size(), " bytes, expected ",
              n.shape(0).size());
    files.plan = plan;
    header();
    source();
  }
  CFiles files;

 private:
  template <class... Parts>
  void put(const Parts&... parts) {
    files.source += text(parts..., '\n');
  }
  std::string signature() const {
    return text("int ", options_.name, "_predict(const uint8_t *image, ", logit_, " *logits",
                options_.caller_arena ? ", int8_t *arena" : "", ")");
  }
  std::string provenance() const {
    std::string out;
    for (const std::string& line : options_.provenance) out += "\n   " + comment_text(line);
    return out;
  }

  void header() {
    files.header =
        text("/* ", options_.name, ".h", provenance(), " */\n#ifndef ", upper_, "_H\n#define ", upper_,
             "_H\n#include <stdint.h>\n\n#define ", upper_, "_IMAGE ", net_.shape(0).size(),
             " /* bytes, rows first, 0 black to 255 white */\n#define ", upper_, "_CLASSES ", net_.classes(), "\n#define ", upper_,
             "_ARENA ", files.plan.size, " /* bytes of working memory */\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
             "/* The class, the first of equal ones; writes ", upper_, "_CLASSES logits. */\n", signature(), ";\n\n#ifdef ", upper_,
             "_SELFTEST\n/* 0, or the number of the first layer that computes something else than on the\n   host; what runs "
             "inside another layer counts as that. */\nint ",
             options_.name, "_selftest(void);\n#endif\n\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
  }

  void source() {
    put("/* ", options_.name, ".c", provenance(), " */");
    put("#include <stdint.h>");
    if (options_.avr) put("#include <avr/pgmspace.h>");
    put("\n#ifndef INT8_MAX\n#error \"this file needs bytes of 8 bits\"\n#endif");
    put("#if defined ", upper_, "_ARENA && (", upper_, "_ARENA != ", files.plan.size, " || ", upper_,
        "_IMAGE != ", net_.shape(0).size(), " || ", upper_, "_CLASSES != ", net_.classes(), ")\n#error \"", options_.name,
        ".h belongs to another net\"\n#endif\n");
    put(primitives(used()));
    if (packed())
      put("/* A weight of 4 bits; the first of two in the lower half of their byte. */\n"
          "static int32_t half_byte(const uint8_t *w, int32_t i) {\n  return (((",
          options_.avr ? "pgm_read_byte(w + (i >> 1))" : "w[i >> 1]", " >> ((i & 1) * 4)) & 15) ^ 8) - 8;\n}\n");
    for (std::size_t i = 0; i < net_.stages.size(); ++i) {
      const CLayer layer = c_layer(net_.stages[i], net_,
                                   {.number = int(i) + 1,
                                    .backward = files.plan.backward[i],
                                    .avr = options_.avr,
                                    .fused = files.plan.fused[i],
                                    .inner = inner(i)});
      put(layer.tables, layer.function);
    }
    selftest_constants();
    predict();
    selftest();
  }

  std::set<std::string> used() const {
    std::set<std::string> names;
    const char* rounding = net_.options.rounding == Rounding::single ? "requantize_single" : "requantize_double";
    for (const IntStage& s : net_.stages) {
      const IntWeights* w = s.weighted();
      const bool rounds = w ? !w->accumulators : std::holds_alternative<IntAdd>(s.op);
      if (rounds) names.insert(rounding);
      if (std::holds_alternative<IntAvgPool>(s.op)) names.insert("mean_code");
      if (!std::holds_alternative<IntMaxPool>(s.op) && !(w && w->accumulators)) names.insert("clamp_code");
    }
    return names;
  }

  bool packed() const {
    return std::any_of(net_.stages.begin(), net_.stages.end(),
                       [](const IntStage& s) { return s.weighted() && s.weighted()->packed; });
  }
  // The stage that runs inside stage i, if one does.
  const IntStage* inner(std::size_t i) const { return i && files.plan.fused[i - 1] ? &net_.stages[i - 1] : nullptr; }
  bool in_arena() const { return files.plan.size > 0; }
  std::string place(int value) const {
    if (value == 0) return "image";
    if (value == net_.storage(net_.output)) return "logits";
    return text("arena + ", files.plan.offset[std::size_t(value)]);
  }

  void predict() {
    if (in_arena() && !options_.caller_arena) {
      put("static int8_t arena[", files.plan.size, "];");
      put("typedef char ", options_.name, "_arena_is_planned[sizeof arena == ", files.plan.size, " ? 1 : -1];\n");
    }
    files.source += signature() + " {\n";
    if (!in_arena() && options_.caller_arena) put("  (void)arena;");
    for (std::size_t i = 0; i < net_.stages.size(); ++i) {
      const IntStage& s = net_.stages[i];
      if (files.plan.fused[i]) continue;
      std::string arguments;
      if (const IntStage* first = inner(i)) arguments = place(first->in[0]) + ", ";
      for (int v : s.in) arguments += place(v) + ", ";
      const bool sums = net_.accumulators && i + 1 == net_.stages.size();
      put("  layer_", i + 1, "(", arguments, place(s.out), ");");
      put("  TRACE(", i, sums ? ", trace_sums(" : ", trace_codes(", place(s.out), ", ", net_.shape(s.out).size(), "))");
    }
    put("  int best = 0;\n  for (int k = 1; k < ", net_.classes(),
        "; ++k)\n    if (logits[k] > logits[best]) best = k;\n  return best;\n}");
  }

  void selftest_constants() {
    put("#ifdef ", upper_, "_SELFTEST");
    put("static uint32_t trace[", net_.stages.size(), "];");
    put("/* CRC-32 of a layer's codes. */\nstatic uint32_t trace_bytes(uint32_t crc, uint8_t byte) {\n  crc ^= byte;\n"
        "  for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;\n  return crc;\n}");
    if (!net_.accumulators || net_.stages.size() > 1)
      put("static uint32_t trace_codes(const int8_t *codes, int32_t n) {\n  uint32_t crc = 0xFFFFFFFFu;\n"
          "  for (int32_t i = 0; i < n; ++i) crc = trace_bytes(crc, (uint8_t)codes[i]);\n  return crc ^ 0xFFFFFFFFu;\n}");
    if (net_.accumulators)
      put("static uint32_t trace_sums(const int32_t *sums, int32_t n) {\n  uint32_t crc = 0xFFFFFFFFu;\n"
          "  for (int32_t i = 0; i < n; ++i)\n    for (int b = 0; b < 32; b += 8) crc = trace_bytes(crc, "
          "(uint8_t)((uint32_t)sums[i] >> b));\n"
          "  return crc ^ 0xFFFFFFFFu;\n}");
    put("#define TRACE(layer, crc) trace[layer] = crc;\n#else\n#define TRACE(layer, crc)\n#endif\n");
  }

  // A pattern that needs no flash: byte i is the top byte of i * 2654435761, modulo 2^32.
  std::vector<std::uint8_t> pattern() const {
    std::vector<std::uint8_t> image(std::size_t(net_.shape(0).size()));
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = std::uint8_t(std::uint32_t(i) * 2654435761u >> 24);
    return image;
  }

  void selftest() {
    std::vector<std::vector<std::uint8_t>> images = options_.images;
    images.push_back(pattern());
    std::vector<std::uint32_t> expected;
    Emulator emulator(net_);
    for (const auto& image : images) {
      const auto logits = emulator.run(image);
      for (std::size_t i = 0; i < net_.stages.size(); ++i) {
        const int out = net_.stages[i].out;
        if (files.plan.fused[i])
          expected.push_back(0);  // leaves no trace; what it computes shows in the next layer
        else
          expected.push_back(net_.accumulators && out == net_.storage(net_.output) ? checksum(logits)
                                                                                   : checksum(emulator.codes(out)));
      }
    }
    const std::size_t layers = net_.stages.size(), stored = options_.images.size(), size = images[0].size();
    put("\n#ifdef ", upper_, "_SELFTEST");
    if (stored)
      files.source +=
          table("uint8_t", "test_images", "", stored * size, [&](std::size_t i) { return long(images[i / size][i % size]); });
    files.source += table("uint32_t", "test_crcs", "", expected.size(), [&](std::size_t i) { return long(expected[i]); });
    put("\nint ", options_.name, "_selftest(void) {\n  static ", logit_, " logits[", net_.classes(), "];");
    if (options_.caller_arena) put("  static int8_t arena[", std::max(files.plan.size, 1L), "];");
    put("  static uint8_t image[", size, "];");
    put("  for (int32_t n = 0; n < ", images.size(), "; ++n) {");
    put("    for (int32_t i = 0; i < ", size, "; ++i)");
    if (stored)
      put("      image[i] = n < ", stored, " ? test_images[n * ", size, " + i] : (uint8_t)((uint32_t)i * 2654435761u >> 24);");
    else
      put("      image[i] = (uint8_t)((uint32_t)i * 2654435761u >> 24);");
    put("    (void)", options_.name, "_predict(image, logits", options_.caller_arena ? ", arena" : "", ");");
    put("    for (int layer = 0; layer < ", layers, "; ++layer)\n      if (trace[layer] != test_crcs[n * ", layers,
        " + layer]) return layer + 1;\n  }\n  return 0;\n}\n#endif");
  }

  const IntNetwork& net_;
  const COptions& options_;
  std::string upper_;
  const char* logit_;
};

}  // namespace

void check_c_name(const std::string& name) {
  static const std::set<std::string> words = {"auto",     "break",   "case",   "char",     "const",  "continue", "default",
                                              "do",       "double",  "else",   "enum",     "extern", "float",    "for",
                                              "goto",     "if",      "inline", "int",      "long",   "main",     "register",
                                              "restrict", "return",  "short",  "signed",   "sizeof", "static",   "struct",
                                              "switch",   "typedef", "union",  "unsigned", "void",   "volatile", "while"};
  static const std::set<std::string> headers = {
      "assert", "complex",     "ctype",    "errno",  "fenv",      "float",  "inttypes", "iso646",    "limits", "locale", "math",
      "setjmp", "signal",      "stdalign", "stdarg", "stdatomic", "stdbit", "stdbool",  "stdckdint", "stddef", "stdint", "stdio",
      "stdlib", "stdnoreturn", "string",   "tgmath", "threads",   "time",   "uchar",    "wchar",     "wctype"};
  constexpr std::size_t kMost = 40;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool fits = !name.empty() && name.size() <= kMost && letter(name[0]) &&
                    std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || c == '_' || (c >= '0' && c <= '9'); });
  require(fits, "the name ", printable(name), " is no C identifier: a letter, then letters, digits and _, at most ", kMost,
          " characters");
  require(!words.count(name), "the name ", printable(name), " is a word of C; choose another");
  std::string file = name;  // as file systems that ignore case see it
  for (char& c : file) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  require(!headers.count(file), "the name ", printable(name), " is that of a header of C, in whose place ", printable(name + ".h"),
          " would be included; choose another");
}

CFiles write_c(const IntNetwork& network, const COptions& options, const MemoryPlan& plan) {
  return Writer(network, options, plan).files;
}
CFiles write_c(const IntNetwork& network, const COptions& options) {
  return write_c(network, options, plan_memory(network, options.memory));
}

}  // namespace six
