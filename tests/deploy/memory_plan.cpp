// Where values lie in the arena; that no byte is overwritten too early is shown by the compiled files (c_writer.cpp), too.
#include "../../deploy/memory_plan.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "../layers/support.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

// The layer table of a MobileNet on 28x28 without the classifier's size.
IntNetwork mobilenet(const char* layers) {
  Model m = model_of(std::string(R"({"type": "conv2d", "out_channels": )") + layers +
                         R"(, {"type": "global_avg_pool"}, {"type": "linear", "out_features": 10})",
                     "[28, 28, 1]");
  disturb(m);
  return integer_network(m);
}
const char* const kXs = R"(8, "stride": 2}, {"type": "batch_norm"}, {"type": "relu6"}, {"type": "separable", "out_channels": 12},
  {"type": "separable", "out_channels": 16, "stride": 2}, {"type": "separable", "out_channels": 24})";
const char* const kS = R"(16, "stride": 2}, {"type": "batch_norm"}, {"type": "relu6"}, {"type": "separable", "out_channels": 32},
  {"type": "separable", "out_channels": 48, "stride": 2}, {"type": "separable", "out_channels": 64})";

// Replays the stages on a memory of owners: every byte read must still be the one that was written.
void check_plan(const IntNetwork& net, const MemoryPlan& p) {
  struct Owner {
    int value = -1;
    long index = 0;
  };
  std::vector<Owner> memory(std::size_t(p.size));
  long wrong = 0;
  for (std::size_t s = 0; s < net.stages.size(); ++s) {
    const IntStage& stage = net.stages[s];
    const long n = net.shape(stage.out).size(), to = p.offset[std::size_t(stage.out)];
    const IntWeights* w = stage.weighted();
    for (long t = 0; t < n; ++t) {
      const long o = p.backward[s] ? n - 1 - t : t;
      for (int v : stage.in) {
        const long from = p.offset[std::size_t(v)];
        if (from < 0) continue;
        const auto read = [&](long i) {
          const Owner& owner = memory[std::size_t(from + i)];
          wrong += owner.value != v || owner.index != i;
        };
        const auto window = [&](const auto& g, long channels, bool own) {
          const long k = o % channels, x = o / channels % g.ow, y = o / channels / g.ow;
          for (int i = 0; i < g.kh; ++i)
            for (int j = 0; j < g.kw; ++j) {
              const long row = y * g.stride + i - g.pad_top, column = x * g.stride + j - g.pad_left;
              if (row < 0 || row >= g.h || column < 0 || column >= g.w) continue;
              for (int c = 0; c < g.c; ++c)
                if (!own || c == k) read((row * g.w + column) * g.c + c);
            }
        };
        if (w)
          window(w->g, w->g.k, std::holds_alternative<IntDepthwise>(stage.op));
        else if (const auto* mean = std::get_if<IntAvgPool>(&stage.op))
          window(mean->g, mean->g.c, true);
        else if (const auto* most = std::get_if<IntMaxPool>(&stage.op))
          window(most->g, most->g.c, true);
        else
          read(o);
      }
      if (to >= 0) memory[std::size_t(to + o)] = {stage.out, o};
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("the arena has the size of the largest two neighbours, or with overlap of the largest tensor and a little") {
  const IntNetwork xs = mobilenet(kXs), s = mobilenet(kS);
  CHECK(plan_memory(xs, false).size == 3920);
  CHECK(plan_memory(s, false).size == 9408);
  CHECK(plan_memory(xs).size == 14 * 14 * 12 + 8 - 1);
  CHECK(plan_memory(s).size == 14 * 14 * 32 + 16 - 1);
  long live = 0;
  for (std::size_t i = 0; i < xs.stages.size(); ++i) live = std::max(live, live_bytes(xs, i));
  CHECK(live == 3920);
}

TEST_CASE("no byte is overwritten before it was read") {
  std::vector<IntNetwork> nets = {mobilenet(kXs), mobilenet(kS)};
  for (const Net& net : integer_nets()) nets.push_back(integer_network(net.model));
  for (const IntNetwork& net : nets)
    for (bool overlap : {false, true}) {
      const MemoryPlan p = plan_memory(net, overlap);
      check_plan(net, p);
      CHECK(p.size <= plan_memory(net, false).size);
      for (int v = 0; v < int(net.values.size()); ++v)
        if (p.offset[std::size_t(v)] >= 0) CHECK(p.offset[std::size_t(v)] + net.shape(v).size() <= p.size);
    }
}

TEST_CASE("how far an output may lie over its input") {
  const IntNetwork xs = mobilenet(kXs);
  // stem, dw, pw, dw s2, pw, dw, pw, mean, linear
  CHECK(creep(xs.stages[1], xs, 0, false) <= 2 * 14 * 8);  // depthwise: two rows
  CHECK(creep(xs.stages[2], xs, 0, false) ==
        14 * 14 * (12 - 8) + 8 - 1);              // pointwise: what it grows by, and all of a pixel but the last channel
  CHECK(creep(xs.stages[3], xs, 0, false) == 0);  // stride 2
  CHECK(creep(xs.stages[7], xs, 0, false) == 0);  // a mean
}
