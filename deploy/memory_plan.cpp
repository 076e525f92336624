#include "memory_plan.h"

#include <algorithm>
#include <limits>

#include "../core/rng.h"

namespace six {
namespace {

constexpr std::uint64_t kMoves = 300;

// The input bytes that output (y, x, c) reads: calls f(first, count).
struct Reads {
  long out;  // number of the output
  void (*emit)(void*, long, long);
  void* to;

  template <class G>
  void window(const G& g, int channels, bool own) const {
    const long c = out % channels, x = out / channels % g.ow, y = out / channels / g.ow;
    for (int i = 0; i < g.kh; ++i)
      for (int j = 0; j < g.kw; ++j) {
        const long row = y * g.stride + i - g.pad_top, column = x * g.stride + j - g.pad_left;
        if (row < 0 || row >= g.h || column < 0 || column >= g.w) continue;
        const long first = (row * g.w + column) * g.c;
        emit(to, own ? first + c : first, own ? 1 : g.c);
      }
  }
  void operator()(const IntConv& w) const { window(w.g, w.g.k, false); }
  void operator()(const IntDepthwise& w) const { window(w.g, w.g.k, true); }
  void operator()(const IntAvgPool& p) const { window(p.g, p.g.c, true); }
  void operator()(const IntMaxPool& p) const { window(p.g, p.g.c, true); }
  void operator()(const IntAdd&) const { emit(to, out, 1); }
  void operator()(const IntClamp&) const { emit(to, out, 1); }
};

struct Placed {
  int value;
  long size;
  int first, last;  // stages that write it and read it last
};

// What a stage does to the arena.
struct Step {
  std::vector<int> in;
  int out = -1;
  std::vector<long> ahead, behind;  // creep of each input; none without overlap
};

// A depthwise convolution whose values are read by the pointwise one behind it alone.
bool can_fuse(const IntNetwork& net, std::size_t s) {
  if (s + 1 >= net.stages.size()) return false;
  const IntStage &depthwise = net.stages[s], &next = net.stages[s + 1];
  const auto* pointwise = std::get_if<IntConv>(&next.op);
  if (!std::holds_alternative<IntDepthwise>(depthwise.op) || !pointwise || pointwise->mean || next.in[0] != depthwise.out)
    return false;
  const kernels::Conv &g = pointwise->g, &of = depthwise.weighted()->g;
  return g.kh == 1 && g.kw == 1 && g.stride == 1 && g.oh == of.oh && g.ow == of.ow && g.c == of.k &&
         depthwise.out != net.storage(net.output) &&
         std::none_of(net.stages.begin() + long(s) + 2, net.stages.end(),
                      [&](const IntStage& x) { return std::count(x.in.begin(), x.in.end(), depthwise.out); });
}

// Stage s and the one behind it as one: a convolution that reads what the first reads and writes what the second writes.
IntStage pair_of(const IntNetwork& net, std::size_t s) {
  IntConv both;
  both.g = net.stages[s].weighted()->g;
  both.g.k = net.stages[s + 1].weighted()->g.k;
  return {"", net.stages[s].in, net.stages[s + 1].out, both};
}

Step step_of(const IntNetwork& net, const IntStage& stage, bool overlap) {
  Step step{stage.in, stage.out, {}, {}};
  for (std::size_t i = 0; overlap && i < stage.in.size(); ++i)
    step.ahead.push_back(creep(stage, net, i, false)), step.behind.push_back(creep(stage, net, i, true));
  return step;
}

// The values of the arena, and while which stages they are alive.
std::vector<Placed> lifetimes(const IntNetwork& net, const std::vector<bool>& fused) {
  std::vector<Placed> of(net.values.size(), {-1, 0, -1, -1});
  for (int s = 0; s < int(net.stages.size()); ++s) {
    const IntStage& stage = net.stages[std::size_t(s)];
    const bool inside = fused[std::size_t(s)];  // then of its value a pixel, while the next stage runs
    const int at = s + inside;
    of[std::size_t(stage.out)] = {stage.out, inside ? stage.weighted()->g.k : net.shape(stage.out).size(), at, at};
    for (int v : stage.in) of[std::size_t(v)].last = at;
  }
  std::erase_if(of, [&](const Placed& v) { return v.value < 0 || v.value == net.storage(net.output); });
  return of;
}

class Planner {
 public:
  Planner(const IntNetwork& net, std::vector<Step> steps, const std::vector<bool>& fused)
      : values_(net.values.size()), steps_(std::move(steps)), fused_(fused), all_(lifetimes(net, fused)) {}

  // The best of several orders, each value in turn at the lowest offset where it fits: the largest first, the last, the first, and
  // from the best of these on, single values moved at random as long as the arena grows no larger.
  MemoryPlan best() const {
    MemoryPlan least;
    std::vector<Placed> order;
    const auto attempt = [&](auto before) {
      std::vector<Placed> sorted = all_;
      std::stable_sort(sorted.begin(), sorted.end(), before);
      const MemoryPlan p = place(sorted, std::numeric_limits<long>::max());
      if (least.offset.empty() || p.size < least.size) least = p, order = sorted;
    };
    attempt([](const Placed& a, const Placed& b) { return a.size > b.size; });
    attempt([](const Placed& a, const Placed& b) { return a.first > b.first; });
    attempt([](const Placed& a, const Placed& b) { return a.first < b.first; });
    const Rng rng(1, Purpose::user);
    for (std::uint64_t i = 0; i < kMoves && all_.size() > 1; ++i) {
      std::vector<Placed> moved = order;
      const auto from = moved.begin() + long(rng.below(2 * i, moved.size())),
                 to = moved.begin() + long(rng.below(2 * i + 1, moved.size()));
      from < to ? std::rotate(from, from + 1, to + 1) : std::rotate(to, from, from + 1);
      const MemoryPlan p = place(moved, least.size);
      if (p.size > least.size) continue;
      order = moved;
      if (p.size < least.size) least = p;
    }
    return least;
  }

 private:
  // Gives up once the arena is larger than `most`.
  MemoryPlan place(const std::vector<Placed>& order, long most) const {
    MemoryPlan p{std::vector<long>(values_, -1), std::vector<bool>(steps_.size(), false), fused_};
    std::vector<Placed> done;
    for (const Placed& v : order) {
      if (p.size > most) return p;
      std::vector<long> candidates = {0};
      for (const Placed& d : done) {
        const long at = p.offset[std::size_t(d.value)];
        for (long c : {at + d.size, gap(v, d) + at, at - gap(d, v), at + d.size + behind(d, v) - v.size,
                       at + d.size - behind(v, d) - v.size})
          if (c >= 0) candidates.push_back(c);
      }
      std::sort(candidates.begin(), candidates.end());
      candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
      for (long c : candidates) {
        p.offset[std::size_t(v.value)] = c;
        if (std::all_of(done.begin(), done.end(), [&](const Placed& d) { return compatible(p, v, d); }) && can_run(p, v)) break;
      }
      done.push_back(v);
      p.size = std::max(p.size, p.offset[std::size_t(v.value)] + v.size);
    }
    for (const Placed& v : all_)
      if (steps_[std::size_t(v.first)].out == v.value) p.backward[std::size_t(v.first)] = !directions(p, v).forward;
    return p;
  }

  // The stage that writes `out` while it reads `in` for the last time, and which operand that is; -1 if there is none.
  std::pair<int, std::size_t> meeting(const Placed& in, const Placed& out) const {
    const Step& step = steps_[std::size_t(out.first)];
    const auto read = std::find(step.in.begin(), step.in.end(), in.value);
    if (in.last != out.first || step.out != out.value || step.ahead.empty() || read == step.in.end()) return {-1, 0};
    return {out.first, std::size_t(read - step.in.begin())};
  }
  long gap(const Placed& in, const Placed& out) const {
    const auto [s, i] = meeting(in, out);
    return s < 0 ? 0 : steps_[std::size_t(s)].ahead[i];
  }
  long behind(const Placed& in, const Placed& out) const {
    const auto [s, i] = meeting(in, out);
    return s < 0 ? 0 : steps_[std::size_t(s)].behind[i];
  }
  bool disjoint(const MemoryPlan& p, const Placed& a, const Placed& b) const {
    const long x = p.offset[std::size_t(a.value)], y = p.offset[std::size_t(b.value)];
    return x + a.size <= y || y + b.size <= x;
  }
  bool compatible(const MemoryPlan& p, const Placed& a, const Placed& b) const {
    if (a.last < b.first || b.last < a.first || disjoint(p, a, b)) return true;
    return meeting(a, b).first >= 0 || meeting(b, a).first >= 0;  // `can_run` sees how far
  }
  // In which directions the stage that writes `out` may run over those of its operands that lie under it.
  struct Directions {
    bool forward = true, backward = true;
  };
  Directions directions(const MemoryPlan& p, const Placed& out) const {
    Directions fits;
    const long to = p.offset[std::size_t(out.value)];
    for (const Placed& in : all_) {
      const auto [s, i] = meeting(in, out);
      const long from = p.offset[std::size_t(in.value)];
      if (s < 0 || from < 0 || disjoint(p, in, out)) continue;
      fits.forward &= to + steps_[std::size_t(s)].ahead[i] <= from;
      fits.backward &= to + out.size >= from + in.size + steps_[std::size_t(s)].behind[i];
    }
    return fits;
  }
  // Whether the stages that write v and that read it last have a direction.
  bool can_run(const MemoryPlan& p, const Placed& v) const {
    return std::all_of(all_.begin(), all_.end(), [&](const Placed& out) {
      if (p.offset[std::size_t(out.value)] < 0 || (out.value != v.value && out.first != v.last)) return true;
      const Directions fits = directions(p, out);
      return fits.forward || fits.backward;
    });
  }

  std::size_t values_;
  std::vector<Step> steps_;
  std::vector<bool> fused_;
  std::vector<Placed> all_;
};

}  // namespace

long creep(const IntStage& stage, const IntNetwork& net, std::size_t input, bool backward) {
  const long n = net.shape(stage.out).size(), m = net.shape(stage.in[input]).size();
  // Backward is forward with both tensors counted from their ends.
  std::vector<long> last_read(std::size_t(m), -1);
  struct Target {
    std::vector<long>* last;
    long time, size;
    bool backward;
  } target{&last_read, 0, m, backward};
  const auto note = [](void* to, long first, long count) {
    Target& t = *static_cast<Target*>(to);
    for (long i = first; i < first + count; ++i) (*t.last)[std::size_t(t.backward ? t.size - 1 - i : i)] = t.time;
  };
  for (target.time = 0; target.time < n; ++target.time)
    std::visit(Reads{backward ? n - 1 - target.time : target.time, note, &target}, stage.op);
  // needed[t]: the first input byte that is read after output t was written.
  std::vector<long> needed(std::size_t(n), m);
  for (long i = m - 1; i >= 0; --i)
    if (last_read[std::size_t(i)] > 0) needed[std::size_t(last_read[std::size_t(i)] - 1)] = i;
  long distance = 0, first = m;
  for (long t = n - 1; t >= 0; --t) {
    first = std::min(first, needed[std::size_t(t)]);
    distance = std::max(distance, first == m ? 0 : t + 1 - first);
  }
  return distance;
}

MemoryPlan plan_memory(const IntNetwork& net, const MemoryOptions& options) {
  const std::size_t n = net.stages.size();
  std::vector<Step> alone, paired(n);
  std::vector<bool> none(n), fused(n);
  for (std::size_t s = 0; s < n; ++s) {
    alone.push_back(step_of(net, net.stages[s], options.overlap));
    fused[s] = options.fuse && can_fuse(net, s);
    if (fused[s]) paired[s] = step_of(net, pair_of(net, s), options.overlap);
  }
  const auto plan = [&](const std::vector<bool>& pairs) {
    std::vector<Step> steps = alone;
    for (std::size_t s = 0; s < n; ++s)
      if (pairs[s]) steps[s] = {}, steps[s + 1] = paired[s];
    return Planner(net, std::move(steps), pairs).best();
  };
  MemoryPlan apart = plan(none);
  if (fused == none) return apart;
  // Of all pairs, those are taken apart again that save nothing.
  MemoryPlan least = plan(fused);
  for (std::size_t s = 0; s < n; ++s) {
    if (!least.fused[s]) continue;
    std::vector<bool> fewer = least.fused;
    fewer[s] = false;
    if (const MemoryPlan p = plan(fewer); p.size <= least.size) least = p;
  }
  return apart.size <= least.size ? apart : least;
}

long live_bytes(const IntNetwork& net, const MemoryPlan& plan, std::size_t stage) {
  if (plan.fused[stage]) ++stage;  // inside which it runs
  long sum = 0;
  for (const Placed& v : lifetimes(net, plan.fused))
    if (v.first <= int(stage) && int(stage) <= v.last) sum += v.size;
  return sum;
}

}  // namespace six
