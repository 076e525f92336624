#include "memory_plan.h"

#include <algorithm>
#include <numeric>

namespace six {
namespace {

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

class Planner {
 public:
  Planner(const IntNetwork& net, bool overlap) : net_(net), writer_(net.values.size(), -1) {
    std::vector<int> last(net.values.size(), -1);
    for (int s = 0; s < int(net.stages.size()); ++s) {
      const IntStage& stage = net.stages[std::size_t(s)];
      writer_[std::size_t(stage.out)] = s;
      for (int v : stage.in) last[std::size_t(v)] = s;
    }
    for (int v = 1; v < int(net.values.size()); ++v)
      if (net.storage(v) == v && v != net.storage(net.output))
        all_.push_back({v, net.shape(v).size(), writer_[std::size_t(v)], std::max(writer_[std::size_t(v)], last[std::size_t(v)])});
    ahead_.resize(net.stages.size()), behind_.resize(net.stages.size());
    if (!overlap) return;
    for (std::size_t s = 0; s < net.stages.size(); ++s)
      for (std::size_t i = 0; i < net.stages[s].in.size(); ++i) {
        ahead_[s].push_back(creep(net.stages[s], net, i, false));
        behind_[s].push_back(creep(net.stages[s], net, i, true));
      }
  }

  // The best of several greedy orders: each value at the lowest offset where it fits.
  MemoryPlan best() const {
    MemoryPlan least;
    const auto attempt = [&](auto before) {
      std::vector<Placed> order = all_;
      std::stable_sort(order.begin(), order.end(), before);
      const MemoryPlan p = place(order);
      if (least.offset.empty() || p.size < least.size) least = p;
    };
    attempt([](const Placed& a, const Placed& b) { return a.size > b.size; });
    attempt([](const Placed& a, const Placed& b) { return a.first > b.first; });
    attempt([](const Placed& a, const Placed& b) { return a.first < b.first; });
    return least;
  }

 private:
  MemoryPlan place(const std::vector<Placed>& order) const {
    MemoryPlan p{std::vector<long>(net_.values.size(), -1), std::vector<bool>(net_.stages.size(), false), 0};
    std::vector<Placed> done;
    for (const Placed& v : order) {
      std::vector<long> candidates = {0};
      for (const Placed& d : done) {
        const long at = p.offset[std::size_t(d.value)];
        for (long c : {at + d.size, gap(v, d) + at, at - gap(d, v), at + d.size + behind(d, v) - v.size,
                       at + d.size - behind(v, d) - v.size})
          if (c >= 0) candidates.push_back(c);
      }
      std::sort(candidates.begin(), candidates.end());
      for (long c : candidates) {
        p.offset[std::size_t(v.value)] = c;
        if (std::all_of(done.begin(), done.end(), [&](const Placed& d) { return compatible(p, v, d); }) && directions(p, nullptr))
          break;
      }
      done.push_back(v);
      p.size = std::max(p.size, p.offset[std::size_t(v.value)] + v.size);
    }
    directions(p, &p.backward);
    return p;
  }

  // The stage that writes `out` while it reads `in` for the last time, and which operand that is; -1 if there is none.
  std::pair<int, std::size_t> meeting(const Placed& in, const Placed& out) const {
    if (in.last != out.first || ahead_[std::size_t(out.first)].empty()) return {-1, 0};
    const std::vector<int>& reads = net_.stages[std::size_t(out.first)].in;
    return {out.first, std::size_t(std::find(reads.begin(), reads.end(), in.value) - reads.begin())};
  }
  long gap(const Placed& in, const Placed& out) const {
    const auto [s, i] = meeting(in, out);
    return s < 0 ? 0 : ahead_[std::size_t(s)][i];
  }
  long behind(const Placed& in, const Placed& out) const {
    const auto [s, i] = meeting(in, out);
    return s < 0 ? 0 : behind_[std::size_t(s)][i];
  }
  bool disjoint(const MemoryPlan& p, const Placed& a, const Placed& b) const {
    const long x = p.offset[std::size_t(a.value)], y = p.offset[std::size_t(b.value)];
    return x + a.size <= y || y + b.size <= x;
  }
  bool compatible(const MemoryPlan& p, const Placed& a, const Placed& b) const {
    if (a.last < b.first || b.last < a.first || disjoint(p, a, b)) return true;
    return meeting(a, b).first >= 0 || meeting(b, a).first >= 0;  // which direction is settled by `directions`
  }
  // Whether every stage that lies over an operand of its has a direction that suits all of them.
  bool directions(const MemoryPlan& p, std::vector<bool>* backward) const {
    for (const Placed& out : all_) {
      const long to = p.offset[std::size_t(out.value)];
      if (to < 0) continue;
      bool forward_fits = true, backward_fits = true;
      for (const Placed& in : all_) {
        const auto [s, i] = meeting(in, out);
        const long from = p.offset[std::size_t(in.value)];
        if (s < 0 || from < 0 || disjoint(p, in, out)) continue;
        forward_fits &= to + ahead_[std::size_t(s)][i] <= from;
        backward_fits &= to + out.size >= from + in.size + behind_[std::size_t(s)][i];
      }
      if (!forward_fits && !backward_fits) return false;
      if (backward) (*backward)[std::size_t(out.first)] = !forward_fits;
    }
    return true;
  }

  const IntNetwork& net_;
  std::vector<int> writer_;
  std::vector<Placed> all_;
  std::vector<std::vector<long>> ahead_, behind_;
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

MemoryPlan plan_memory(const IntNetwork& network, bool overlap) { return Planner(network, overlap).best(); }

long live_bytes(const IntNetwork& net, std::size_t stage) {
  long sum = 0;
  for (int v = 1; v < int(net.values.size()); ++v) {
    if (net.storage(v) != v || v == net.storage(net.output)) continue;
    bool written = false, read = false;
    for (std::size_t s = 0; s < net.stages.size(); ++s) {
      written |= s <= stage && net.stages[s].out == v;
      read |= s >= stage && (net.stages[s].out == v || std::count(net.stages[s].in.begin(), net.stages[s].in.end(), v));
    }
    if (written && read) sum += net.shape(v).size();
  }
  return sum;
}

}  // namespace six
