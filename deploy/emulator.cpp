#include "emulator.h"

#include <algorithm>

#include "../core/error.h"
#include "../core/kernels/requantize.h"

namespace six {
namespace {

struct RunStage {
  const IntStage& stage;
  const IntNetwork& network;
  std::span<const std::int8_t* const> in;
  std::int8_t* out;
  std::int32_t* sums;

  // Calls f(input offset, tap) for the taps inside the image, rows and columns first to last.
  template <class G, class F>
  static void for_taps(const G& g, int oy, int ox, F&& f) {
    for (int i = 0; i < g.kh; ++i)
      for (int j = 0; j < g.kw; ++j) {
        const int y = oy * g.stride + i - g.pad_top, x = ox * g.stride + j - g.pad_left;
        if (y >= 0 && y < g.h && x >= 0 && x < g.w) f((long(y) * g.w + x) * g.c, i * g.kw + j);
      }
  }
  void finish(const IntWeights& w, std::int32_t acc, long at, int k) const {
    if (w.accumulators)
      sums[at] = acc;
    else
      out[at] = clamp_code(requantize(acc, w.multipliers[std::size_t(k)], network.options.rounding) + w.zero_out, w.lo, w.hi);
  }

  void operator()(const IntConv& w) const {
    const kernels::Conv& g = w.g;
    const long step = w.mean ? 0 : g.c, window = w.mean ? g.c : long(g.kh) * g.kw * g.c;
    for (int oy = 0; oy < g.oh; ++oy)
      for (int ox = 0; ox < g.ow; ++ox)
        for (int k = 0; k < g.k; ++k) {
          std::int32_t acc = w.bias[std::size_t(k)];
          for_taps(g, oy, ox, [&](long pixel, int tap) {
            const std::int8_t *x = in[0] + pixel, *q = w.weights.data() + k * window + tap * step;
            for (int c = 0; c < g.c; ++c) acc += q[c] * (x[c] - w.zero_in);
          });
          finish(w, acc, (long(oy) * g.ow + ox) * g.k + k, k);
        }
  }
  void operator()(const IntDepthwise& w) const {
    const kernels::Conv& g = w.g;
    for (int oy = 0; oy < g.oh; ++oy)
      for (int ox = 0; ox < g.ow; ++ox)
        for (int c = 0; c < g.c; ++c) {
          std::int32_t acc = w.bias[std::size_t(c)];
          for_taps(g, oy, ox,
                   [&](long pixel, int tap) { acc += w.weights[std::size_t(tap * g.c + c)] * (in[0][pixel + c] - w.zero_in); });
          finish(w, acc, (long(oy) * g.ow + ox) * g.c + c, c);
        }
  }
  void operator()(const IntAdd& a) const {
    for (long i = 0; i < network.shape(stage.out).size(); ++i)
      out[i] = clamp_code(add_codes(in[0][i], a.zero_a, in[1][i], a.zero_b, a.multipliers, network.options.rounding) + a.zero_out,
                          a.lo, a.hi);
  }
  void operator()(const IntAvgPool& p) const {
    pool(p.g, [&](int y, int x, int c) {
      std::int32_t sum = 0;
      for_taps(p.g, y, x, [&](long pixel, int) { sum += in[0][pixel + c]; });
      return clamp_code(mean_code(sum, p.g.kh * p.g.kw), p.lo, p.hi);
    });
  }
  void operator()(const IntMaxPool& p) const {
    pool(p.g, [&](int y, int x, int c) {
      std::int8_t most = -128;
      for_taps(p.g, y, x, [&](long pixel, int) { most = std::max(most, in[0][pixel + c]); });
      return most;
    });
  }
  template <class F>
  void pool(const kernels::Pool& g, F&& f) const {
    for (int y = 0; y < g.oh; ++y)
      for (int x = 0; x < g.ow; ++x)
        for (int c = 0; c < g.c; ++c) out[(long(y) * g.ow + x) * g.c + c] = f(y, x, c);
  }
  void operator()(const IntClamp& c) const {
    for (long i = 0; i < network.shape(stage.out).size(); ++i) out[i] = clamp_code(in[0][i], c.lo, c.hi);
  }
};

}  // namespace

void run_stage(const IntStage& stage, const IntNetwork& network, std::span<const std::int8_t* const> in, std::int8_t* out,
               std::int32_t* sums) {
  std::visit(RunStage{stage, network, in, out, sums}, stage.op);
}

Emulator::Emulator(const IntNetwork& network) : network_(&network), logits_(std::size_t(network.classes())) {
  for (std::size_t v = 0; v < network.values.size(); ++v)
    values_.emplace_back(network.storage(int(v)) == int(v) ? std::size_t(network.shape(int(v)).size()) : 0);
}

std::span<const std::int32_t> Emulator::run(std::span<const std::uint8_t> image) {
  require(image.size() == values_[0].size(), "the image has ", image.size(), " bytes, the network takes ", values_[0].size());
  for (std::size_t i = 0; i < image.size(); ++i) values_[0][i] = std::int8_t(image[i] - 128);
  for (const IntStage& s : network_->stages) {
    const std::int8_t* in[2] = {};
    for (std::size_t i = 0; i < s.in.size(); ++i) in[i] = values_[std::size_t(s.in[i])].data();
    run_stage(s, *network_, in, values_[std::size_t(s.out)].data(), logits_.data());
  }
  if (!network_->accumulators) {
    const std::span<const std::int8_t> last = codes(network_->output);
    std::copy(last.begin(), last.end(), logits_.begin());
  }
  return logits_;
}

int argmax(std::span<const std::int32_t> logits) { return int(std::max_element(logits.begin(), logits.end()) - logits.begin()); }

}  // namespace six
