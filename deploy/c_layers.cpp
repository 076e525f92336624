#include "c_layers.h"

#include "c_text.h"

namespace six {
namespace {

class LayerText {
 public:
  LayerText(const IntStage& s, const IntNetwork& n, const CLayerOptions& o) : stage_(s), net_(n), options_(o) {}
  CLayer out;

  void operator()(const IntConv& w) {
    tables(w);
    begin(w.accumulators ? "int32_t" : "int8_t");
    if (w.mean) return mean(w);
    const kernels::Conv& g = w.g;
    pixels(g.oh, g.ow);
    if (options_.inner) body(6, "layer_", options_.number - 1, "(x, oy, ox, pixel);");
    body(6, loop("k", g.k, options_.backward), " {");
    body(8, "int32_t acc = ", read("B", "k", 32), ";");
    taps(g, 8, [&](int indent, const std::string& pixel, const std::string& tap) {
      const std::string index = one_channel(g.c) ? "" : " + c";
      if (!one_channel(g.c)) body(indent, loop("c", g.c, false)), indent += 2;
      const std::string window = tap.empty() ? text("k * ", g.c) : text("((k * ", g.kh, " + i) * ", g.kw, " + j) * ", g.c);
      body(indent, "acc += (int32_t)", weight(w, window + index), " * ",
           tap_value(pixel.empty() ? (one_channel(g.c) ? "0" : "c") : pixel + index, w.zero_in), ";");
    });
    finish(w, "k", text("(oy * ", g.ow, " + ox) * ", g.k, " + k"));
    body(6, "}");
    if (options_.inner) body(4, "}");
  }

  void operator()(const IntDepthwise& w) {
    tables(w);
    begin(w.accumulators ? "int32_t" : "int8_t");
    const kernels::Conv& g = w.g;
    pixels(g.oh, g.ow);
    body(6, loop("c", g.c, options_.backward), " {");
    body(8, "int32_t acc = ", read("B", "c", 32), ";");
    taps(g, 8, [&](int indent, const std::string& pixel, const std::string& tap) {
      body(indent, "acc += (int32_t)", weight(w, (tap.empty() ? "" : text("(i * ", g.kw, " + j) * ", g.c, " + ")) + "c"), " * ",
           tap_value(pixel + " + c", w.zero_in), ";");
    });
    finish(w, "c", options_.fused ? "c" : text("(oy * ", g.ow, " + ox) * ", g.c, " + c"));
    body(6, "}");
  }

  void operator()(const IntAdd& a) {
    begin("int8_t");
    const AddMultipliers& m = a.multipliers;
    const auto scaled = [&](const char* name, int input, int zero, const Multiplier& by) {
      body(4, "const int32_t ", name, " = (int32_t)",
           requantize(text('(', value(input, "i"), plus(-zero), ") * ((int32_t)1 << 20)"), by), ";");
    };
    body(2, loop("i", net_.shape(stage_.out).size(), options_.backward), " {");
    scaled("a", 0, a.zero_a, m.a);
    scaled("b", 1, a.zero_b, m.b);
    body(4, "y[i] = clamp_code(", requantize("a + b", m.out), plus(a.zero_out), ", ", a.lo, ", ", a.hi, ");");
    body(2, "}");
  }

  void operator()(const IntAvgPool& p) {
    begin("int8_t");
    pool(p.g, "int32_t acc = 0;", "acc += ");
    body(8, "y[(oy * ", p.g.ow, " + ox) * ", p.g.c, " + c] = clamp_code(mean_code(acc, ", p.g.kh * p.g.kw, "), ", p.lo, ", ", p.hi,
         ");");
    body(6, "}");
  }

  void operator()(const IntMaxPool& p) {
    begin("int8_t");
    pool(p.g, "int32_t acc = -128;", "");
    body(8, "y[(oy * ", p.g.ow, " + ox) * ", p.g.c, " + c] = (int8_t)acc;");
    body(6, "}");
  }

  void operator()(const IntClamp& c) {
    begin("int8_t");
    body(2, loop("i", net_.shape(stage_.out).size(), options_.backward));
    body(4, "y[i] = clamp_code(", value(0, "i"), ", ", c.lo, ", ", c.hi, ");");
  }

  void end() { out.function += "}\n"; }

 private:
  static bool one_channel(int c) { return c == 1; }
  template <class... Parts>
  void body(int indent, const Parts&... parts) {
    out.function += text(std::string(std::size_t(options_.fused ? indent - 4 : indent), ' '), parts..., '\n');
  }
  std::string n() const { return std::to_string(options_.number); }
  std::string input_name(std::size_t i) const { return stage_.in.size() == 1 ? "x" : i == 0 ? "x" : "z"; }
  bool is_image(std::size_t i) const { return stage_.in[i] == 0; }

  void begin(const char* result) {
    out.function = "/* " + text(options_.number) + ": " + comment_text(description(stage_, net_)) +
                   (options_.backward ? ", last to first" : "") + (options_.fused ? ", one pixel" : "") +
                   " */\nstatic void layer_" + n() + "(";
    const std::vector<int>& in = (options_.inner ? *options_.inner : stage_).in;
    for (std::size_t i = 0; i < in.size(); ++i)
      out.function += text("const ", in[i] == 0 ? "uint8_t" : "int8_t", " *", input_name(i), ", ");
    if (options_.fused) out.function += "int32_t oy, int32_t ox, ";
    if (options_.inner) out.function += "int8_t *pixel, ";
    out.function += text(result, " *y) {\n");
  }
  // The code of an input; the image's bytes are codes + 128.
  std::string value(int input, const std::string& index) const {
    const std::string x = input_name(std::size_t(input)) + "[" + index + "]";
    return is_image(std::size_t(input)) ? text("(int32_t)", x, " - 128") : "(int32_t)" + x;
  }
  std::string tap_value(const std::string& index, int zero) const {
    const long offset = -zero - (is_image(0) ? 128 : 0);
    const std::string x = text(options_.inner ? "pixel" : "x", '[', index, ']');
    return offset ? text('(', x, plus(offset), ')') : x;
  }
  // An element of one of the layer's tables.
  std::string read(const char* kind, const std::string& index, int bits) const {
    const std::string name = text(kind, '_', n());
    if (!options_.avr) return text(name, '[', index, ']');
    return bits == 8 ? text("(int8_t)pgm_read_byte(", name, " + ", index, ")")
                     : text("(int32_t)pgm_read_dword(", name, " + ", index, ")");
  }
  std::string weight(const IntWeights& w, const std::string& index) const {
    return w.packed ? text("half_byte(W_", n(), ", ", index, ')') : read("W", index, 8);
  }
  std::string requantize(const std::string& acc, const std::string& m, const std::string& e) const {
    return text(net_.options.rounding == Rounding::single ? "requantize_single(" : "requantize_double(", acc, ", ", m, ", ", e,
                ")");
  }
  std::string requantize(const std::string& acc, const Multiplier& m) const { return requantize(acc, text(m.m), text(m.e)); }

  void tables(const IntWeights& w) {
    const std::string in_flash = options_.avr ? " PROGMEM" : "";
    const auto add = [&](const char* type, const char* kind, std::size_t size, auto number) {
      out.tables += table(type, text(kind, '_', n()), in_flash, size, [&](std::size_t i) { return long(number(i)); });
    };
    const auto half = [&](std::size_t i) { return i < w.weights.size() ? w.weights[i] & 15 : 0; };
    if (w.packed)
      add("uint8_t", "W", (w.weights.size() + 1) / 2, [&](std::size_t i) { return half(2 * i) | half(2 * i + 1) << 4; });
    else
      add("int8_t", "W", w.weights.size(), [&](std::size_t i) { return w.weights[i]; });
    add("int32_t", "B", w.bias.size(), [&](std::size_t i) { return w.bias[i]; });
    if (w.accumulators) return;
    add("int32_t", "M", w.bias.size(), [&](std::size_t i) { return w.multipliers[i].m; });
    add("int8_t", "E", w.bias.size(), [&](std::size_t i) { return w.multipliers[i].e; });
  }

  // A linear layer on the mean of an image: each channel is added up once.
  void mean(const IntWeights& w) {
    const kernels::Conv& g = w.g;
    const std::string outputs = loop("k", g.k, false);
    body(2, "int32_t acc[", g.k, "];");
    body(2, outputs, " acc[k] = ", read("B", "k", 32), ";");
    body(2, loop("c", g.c, false), " {");
    body(4, "int32_t sum = ", literal(-long(g.h) * g.w * w.zero_in), ";");
    body(4, loop("i", long(g.h) * g.w, false), " sum += ", value(0, text("i * ", g.c, " + c")), ";");
    body(4, outputs, " acc[k] += (int32_t)", weight(w, text("k * ", g.c, " + c")), " * sum;");
    body(2, "}");
    body(2, outputs);
    if (w.accumulators) return body(4, "y[k] = acc[k];");
    body(4, "y[k] = clamp_code(", requantize("acc[k]", read("M", "k", 32), read("E", "k", 8)), plus(w.zero_out), ", ", w.lo, ", ",
         w.hi, ");");
  }

  void pixels(int oh, int ow) {
    if (options_.fused) return;
    body(2, loop("oy", oh, options_.backward));
    body(4, loop("ox", ow, options_.backward), options_.inner ? " {" : "");
  }

  // Loops over the taps inside the image; f(indent, index of the tap's pixel, "" if there is one tap only).
  template <class G, class F>
  void taps(const G& g, int indent, F&& f) {
    const bool inside = g.pad_top == 0 && g.pad_left == 0 && (g.oh - 1) * g.stride < g.h && (g.ow - 1) * g.stride < g.w;
    if (g.kh == 1 && g.kw == 1 && inside) {
      if (options_.inner) return f(indent, "", "");
      const std::string pixel = g.stride == 1 ? text("(oy * ", g.w, " + ox) * ", g.c)
                                              : text("(oy * ", long(g.stride) * g.w, " + ox * ", g.stride, ") * ", g.c);
      return f(indent, pixel, "");
    }
    axis(indent, "i", "r", "oy", g.kh, g.stride, g.pad_top, g.h, g.oh);
    axis(indent + 2, "j", "s", "ox", g.kw, g.stride, g.pad_left, g.w, g.ow);
    f(indent + 4, text("(r * ", g.w, " + s) * ", g.c), "tap");
    body(indent + 2, "}");
    body(indent, "}");
  }
  void axis(int indent, const char* tap, const char* at, const char* out_at, int kernel, int stride, int before, int size,
            int outs) {
    body(indent, loop(tap, kernel, false), " {");
    body(indent + 2, "const int32_t ", at, " = ", out_at, stride > 1 ? text(" * ", stride) : "", " + ", tap, plus(-before), ";");
    const bool above = (outs - 1) * stride + kernel - 1 - before >= size;
    if (before || above)
      body(indent + 2, "if (", before ? text(at, " < 0") : "", before && above ? " || " : "", above ? text(at, " >= ", size) : "",
           ") continue;");
  }

  void pool(const kernels::Pool& g, const char* first, const char* sum) {
    pixels(g.oh, g.ow);
    body(6, loop("c", g.c, options_.backward), " {");
    body(8, first);
    taps(g, 8, [&](int indent, const std::string& pixel, const std::string&) {
      const std::string v = value(0, pixel + " + c");
      if (*sum)
        body(indent, sum, v, ";");
      else
        body(indent, "if (", v, " > acc) acc = ", v, ";");
    });
  }

  void finish(const IntWeights& w, const char* channel, const std::string& at) {
    if (w.accumulators) return body(8, "y[", at, "] = acc;");
    body(8, "y[", at, "] = clamp_code(", requantize("acc", read("M", channel, 32), read("E", channel, 8)), plus(w.zero_out), ", ",
         w.lo, ", ", w.hi, ");");
  }

  const IntStage& stage_;
  const IntNetwork& net_;
  const CLayerOptions& options_;
};

std::string c_sides(const Shape& s) {
  std::string out;
  for (int i = 0; i < s.rank(); ++i) out += (i ? "x" : "") + std::to_string(s[i]);
  return out;
}

}  // namespace

CLayer c_layer(const IntStage& stage, const IntNetwork& network, const CLayerOptions& options) {
  LayerText layer(stage, network, options);
  std::visit(layer, stage.op);
  layer.end();
  return std::move(layer.out);
}

std::string description(const IntStage& stage, const IntNetwork& net) {
  std::string out = stage.name;
  const IntWeights* w = stage.weighted();
  const auto* conv = std::get_if<IntConv>(&stage.op);
  if (conv && conv->mean)
    out += " of the mean";
  else if (w && (w->g.kh > 1 || w->g.kw > 1))
    out += text(" ", w->g.kh, 'x', w->g.kw);
  if (w && w->g.stride > 1) out += text(" stride ", w->g.stride);
  return out + ", " + c_sides(net.shape(stage.in[0])) + " -> " + c_sides(net.shape(stage.out));
}

}  // namespace six
