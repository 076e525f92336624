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

// Expanded, a depthwise convolution of that, and back to few channels; around the second block a residual.
const char* const kV2 = R"(8, "stride": 2}, {"type": "inverted_residual", "out_channels": 12, "expansion": 6},
  {"type": "inverted_residual", "out_channels": 12, "expansion": 2})";

// Replays the stages on a memory of owners: every byte read must still be the one that was written.
class Replay {
 public:
  Replay(const IntNetwork& net, const MemoryPlan& plan) : net_(net), plan_(plan), memory_(std::size_t(plan.size)) {
    for (std::size_t s = 0; s < net.stages.size(); ++s)
      if (!plan.fused[s]) run(s);
  }
  long wrong = 0;

 private:
  struct Owner {
    int value = -1;
    long index = 0;
  };

  void run(std::size_t s) {
    const IntStage& stage = net_.stages[s];
    const long n = net_.shape(stage.out).size(), channels = stage.weighted() ? stage.weighted()->g.k : 1;
    const bool inner = s > 0 && plan_.fused[s - 1];
    for (long t = 0; t < n; ++t) {
      const long o = plan_.backward[s] ? n - 1 - t : t;
      if (inner && t % channels == 0) pixel(net_.stages[s - 1], o / channels);
      for (int v : stage.in) reads(stage, v, o);
      write(stage.out, o);
    }
  }
  // All channels of one pixel of a fused stage.
  void pixel(const IntStage& stage, long number) {
    const long channels = stage.weighted()->g.k;
    for (long o = number * channels; o < (number + 1) * channels; ++o) {
      reads(stage, stage.in[0], o);
      write(stage.out, o);
    }
  }
  // Where a value's byte lies; null outside the arena. Of a fused value there is one pixel.
  Owner* place(int value, long index) {
    const long at = plan_.offset[std::size_t(value)];
    for (std::size_t s = 0; s < net_.stages.size(); ++s)
      if (plan_.fused[s] && net_.stages[s].out == value) index %= net_.stages[s].weighted()->g.k;
    return at < 0 ? nullptr : &memory_.at(std::size_t(at + index));
  }
  void write(int value, long index) {
    if (Owner* to = place(value, index)) *to = {value, index};
  }
  void read(int value, long index) {
    const Owner* owner = place(value, index);
    wrong += owner && (owner->value != value || owner->index != index);
  }
  // What output o of a stage reads of a value.
  void reads(const IntStage& stage, int v, long o) {
    const auto window = [&](const auto& g, long channels, bool own) {
      const long k = o % channels, x = o / channels % g.ow, y = o / channels / g.ow;
      for (int i = 0; i < g.kh; ++i)
        for (int j = 0; j < g.kw; ++j) {
          const long row = y * g.stride + i - g.pad_top, column = x * g.stride + j - g.pad_left;
          if (row < 0 || row >= g.h || column < 0 || column >= g.w) continue;
          for (int c = 0; c < g.c; ++c)
            if (!own || c == k) read(v, (row * g.w + column) * g.c + c);
        }
    };
    if (const IntWeights* w = stage.weighted())
      window(w->g, w->g.k, std::holds_alternative<IntDepthwise>(stage.op));
    else if (const auto* mean = std::get_if<IntAvgPool>(&stage.op))
      window(mean->g, mean->g.c, true);
    else if (const auto* most = std::get_if<IntMaxPool>(&stage.op))
      window(most->g, most->g.c, true);
    else
      read(v, o);
  }

  const IntNetwork& net_;
  const MemoryPlan& plan_;
  std::vector<Owner> memory_;
};

}  // namespace

TEST_CASE("the arena has the size of the largest two neighbours, or with overlap of the largest tensor and a little") {
  const IntNetwork xs = mobilenet(kXs), s = mobilenet(kS);
  CHECK(plan_memory(xs, {.overlap = false}).size == 3920);
  CHECK(plan_memory(s, {.overlap = false}).size == 9408);
  CHECK(plan_memory(xs).size == 14 * 14 * 12 + 8 - 1);
  CHECK(plan_memory(s).size == 14 * 14 * 32 + 16 - 1);
  long live = 0;
  for (std::size_t i = 0; i < xs.stages.size(); ++i) live = std::max(live, live_bytes(xs, plan_memory(xs), i));
  CHECK(live == 3920);
}

TEST_CASE("fused into the pointwise convolution behind it, a depthwise one costs a pixel of memory") {
  const IntNetwork v2 = mobilenet(kV2);
  // stem; expand, dw, project; expand, dw, project, add; mean, linear
  const long pixels = 14 * 14, pixel = 6 * 8;
  CHECK(plan_memory(v2, {.overlap = false}).size == 2 * pixels * pixel);  // what is expanded, twice
  const MemoryPlan fused = plan_memory(v2, {.overlap = false, .fuse = true});
  CHECK(fused.size == pixels * pixel + pixels * 12 + pixel);
  CHECK(fused.fused == std::vector<bool>{false, false, true, false, false, false, false, false, false, false});
  CHECK(live_bytes(v2, fused, 2) == fused.size);
  CHECK(live_bytes(v2, fused, 3) == fused.size);
  // Over what it reads: a row and a pixel that are still to be read.
  CHECK(plan_memory(v2).size == pixels * pixel + 15 * pixel);
  // A row and a pixel of the 12 channels, and of the next pixel all but one.
  CHECK(plan_memory(v2, {.fuse = true}).size == pixels * pixel + 15 * 12 + 12 - 1 + pixel);
}

TEST_CASE("no byte is overwritten before it was read") {
  std::vector<IntNetwork> nets = {mobilenet(kXs), mobilenet(kS), mobilenet(kV2)};
  for (const Net& net : integer_nets()) nets.push_back(integer_network(net.model));
  int fused = 0;
  for (const IntNetwork& net : nets)
    for (bool overlap : {false, true})
      for (bool fuse : {false, true}) {
        const MemoryPlan p = plan_memory(net, {overlap, fuse});
        CHECK(Replay(net, p).wrong == 0);
        CHECK(p.size <= plan_memory(net, {overlap, false}).size);
        CHECK(p.size <= plan_memory(net, {false, fuse}).size);
        fused += int(std::count(p.fused.begin(), p.fused.end(), true));
      }
  CHECK(fused > 0);
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
