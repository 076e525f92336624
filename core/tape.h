#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "arena.h"
#include "kernels/pointwise_op.h"
#include "parallel.h"
#include "param.h"
#include "tensor.h"

namespace six {

class Tape;

// A value on a tape: a handle, free to copy, that must not outlive the tape, as an iterator its container. Using one after
// `Tape::reset`, or on another tape, throws.
class Var {
 public:
  Var() = default;
  const Shape& shape() const;
  long size() const { return shape().size(); }
  real item() const;                           // the value of a single number; throws if there are more
  std::vector<real> values() const;            // all numbers, written out if they were deferred
  void copy_values(std::span<real> to) const;  // the same into size() numbers of the caller's: allocates nothing
  std::vector<real> grad() const;              // after `Tape::backward`; throws if nothing flowed here or it was not kept
  Tape& tape() const;
  int id() const { return id_; }

 private:
  friend class Tape;
  Var(Tape* tape, int id, std::uint64_t generation) : tape_(tape), id_(id), generation_(generation) {}
  Tape* tape_ = nullptr;
  int id_ = -1;
  std::uint64_t generation_ = 0;
};

// What an op's `forward` gets besides its inputs.
struct Context {
  Arena& memory;
  Lanes& lanes;
  const kernels::Table& kernel;
  int threads;
  bool records;    // a backward sweep may follow
  bool training;   // batch norm uses batch statistics, dropout drops
  bool* reversed;  // the direction of the last sweep

  // New memory for a result.
  real* make(const Shape& s) const { return memory.reused<real>(s.size()); }
  // Calls f(block, range, thread) for each non-empty block of samples; serially when `work` (numbers touched) is small.
  template <class F>
  void blocks(long samples, long work, F&& f) const {
    run(samples, work, false, f);
  }
  // The same for a pass over large tensors: each runs through the blocks against the direction of the one before, and so begins
  // with what that left in the caches.
  template <class F>
  void sweep(long samples, long work, F&& f) const {
    *reversed = !*reversed;
    run(samples, work, *reversed, f);
  }
  static constexpr long kGrain = 1 << 14;

 private:
  template <class F>
  void run(long samples, long work, bool backwards, F& f) const {
    const auto block = [&](int i, int thread) {
      const Block range = block_of(samples, i);
      if (range.size()) f(i, range, thread);
    };
    if (work == 0) return;  // an empty batch
    parallel_for(work < kGrain ? 1 : threads, kMaxBlocks, block, backwards);
  }
};

// An op's type, by address: `node.as<ops::Conv2d>()`. Where the op says where its derivative jumps, `kinks` asks it.
struct OpKind {
  Kinks (*kinks)(const void* op) = nullptr;
};
template <class O>
constexpr OpKind kind_of() {
  if constexpr (requires(const O& op) { op.kinks(); }) return {[](const void* op) { return static_cast<const O*>(op)->kinks(); }};
  return {};
}
template <class O>
inline constexpr OpKind op_kind = kind_of<O>();

struct Node {
  View view;            // the value
  Grad grad;            // the gradient of z, written by the consumers; a clamp has none of its own, it writes into its owner's
  const char* op = "";  // for messages
  const char* scope = "";
  int owner = -1;  // the tensor or affine whose gradient this value's consumers write
  int home = -1;   // the node whose memory the value lies in
  std::array<int, 4> in{-1, -1, -1, -1};
  int dense = -1;           // this value written out, once somebody needed that
  bool wants_grad = false;  // a gradient can flow through here
  bool twins = false;       // two inputs have the same owner
  bool reached = false;     // the loss depends on it
  bool leaf = false, keeps_grad = false;
  bool owns_value = false, owns_grad = true;  // memory to give back once the sweep is past
  bool gone = false;                          // the value's memory was given back
  ParamSet* params = nullptr;                 // of a parameter: the set it is in
  void* state = nullptr;                      // the op, kept in the arena
  void (*backward)(Tape&, int) = nullptr;
  const OpKind* kind = nullptr;  // which op

  // The op with its settings, on a tape that traces; null if it is another op.
  template <class O>
  const O* as() const {
    return kind == &op_kind<O> ? static_cast<const O*>(state) : nullptr;
  }
};

// What an op's `backward` gets besides the inputs of its forward.
struct Back : Context {
  Tape& tape;
  int id;
  const Node& node() const;
  Grad dy() const { return node().grad; }     // possibly deferred: for kernels that read a Grad
  const real* plain_dy() const;               // written out
  bool wants(int i) const;                    // does input i want a gradient
  Sink into(int i) const;                     // for one put per element; null `g` if not wanted
  void give(int i, const Grad& d) const;      // hand over a whole gradient unevaluated
  void put(int i, const real* values) const;  // put a plain gradient of input i's shape
  void put(int i, const Sink& into, const real* values) const;
};

// Records ops as they run and sweeps them backwards. Nodes stand in execution order, so backward is one loop from the loss to the
// first node. See docs/DESIGN.md for deferred values.
class Tape {
 public:
  struct Options {
    int threads = 0;            // 0: all processors
    bool training = true;       // false: running statistics, no dropout
    bool record = true;         // false: no backward, less memory
    bool defer = true;          // false: every result is written out (the oracle for fused kernels)
    bool check_finite = false;  // name the first op and layer that produces NaN or infinity, forward or backward
    bool trace = false;         // keep every op's settings, for Node::as: the graph of a model is its tape
    std::uint64_t seed = 0;     // of dropout
  };
  Tape() : Tape(Options{}) {}
  explicit Tape(Options options);
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Leaves. The data are not copied: they must live until the reset.
  Var input(const real* data, Shape shape, bool wants_grad = false);
  Var input(Bytes images);
  Var constant(Shape shape, real value);
  Var param(ParamSet& set, int index);  // the set must live until the reset: without it no value is read or swept

  // Runs an op on inputs and records it. `O` has a name, `R forward(const Context&, A...)` and, unless R is View (a clamp),
  // `void backward(const Back&, A...)`; R is Tensor (new memory), Affine or View (another view of the first input's memory).
  template <class O, class... In>
  Var apply(O op, In... in) {
    return record(op, &O::forward, {in...});
  }

  // Adds d loss / d v into the gradient of every leaf v that wants one. Values above 64 KiB and gradients of inner nodes are
  // reused on the way: reading them later throws. Throws if the loss is no single number, or on a second sweep. A sweep that throws
  // half way leaves gradients of parameters that count as used.
  void backward(Var loss);
  // Forgets all nodes. Keeps the memory.
  void reset();
  // Asks for the gradient of an inner value to stay; use the Var returned from here on.
  Var keep_grad(Var v);
  // Names the ops recorded from here on, for messages; the text must live until the reset. Returns the previous name.
  const char* set_scope(const char* scope) { return std::exchange(scope_, scope); }
  // Dropout's numbers are functions of (seed, step, position on the tape); `reset` counts steps, a resumed training sets it.
  void set_step(std::uint64_t step) { step_ = step; }
  std::uint64_t dropout_stream() { return step_ << 16 | dropouts_++; }

  const Options& options() const { return options_; }
  Context context() { return {memory_, lanes_, kernel_, options_.threads, options_.record, options_.training, &reversed_}; }
  const Node& node(Var v) const;
  const std::vector<Node>& nodes() const { return nodes_; }
  std::size_t bytes_reserved() const { return memory_.bytes_reserved() + lanes_.bytes_reserved(); }

 private:
  friend struct Back;
  friend class Var;
  template <class O, class R, class... A>
  Var record(O op, R (O::*)(const Context&, A...), std::array<Var, sizeof...(A)> in);
  template <class A>
  Var readable(Var v) {  // v, or v written out if an op that takes an A cannot read it
    require_present(node(v));
    return A::holds(node(v).view) ? v : written_out(v);
  }
  Var written_out(Var v);
  Var push(Node n);
  void begin_backward(int loss);
  void sweep(int loss);
  Sink sink(const Node& x, bool clear);  // opens x's gradient to one consumer, which sees it through x's view
  void evaluate(Node& owner);            // a gradient handed over unevaluated becomes plain
  void release(Node& n);
  void require_present(const Node& n) const;  // throws if backward has reused the value's memory, or parameters are gone
  void require_params() const;                // throws if parameters are gone, which any value may refer to
  // Options::check_finite: throw, naming op and scope, with the ranges of what went in.
  void check_value(const Node& n);
  void check_grads(const Node& n);
  const real* grad_values(const Node& owner);
  std::string inputs_of(const Node& n) const;

  Options options_;
  const kernels::Table& kernel_;
  std::vector<Node> nodes_;
  struct Watched {
    const ParamSet* set;
    std::weak_ptr<const void> life;
  };
  std::vector<Watched> sets_;  // whose parameters are on the tape
  Arena memory_;
  Lanes lanes_;
  const char* scope_ = "";
  std::uint64_t step_ = 0, dropouts_ = 0;
  std::uint64_t generation_;  // of this recording, another one for every recording of the process
  bool swept_ = false, reversed_ = false;
};

template <class O, class R, class... A>
Var Tape::record(O op, R (O::*)(const Context&, A...), std::array<Var, sizeof...(A)> in) {
  static_assert(sizeof...(A) <= std::tuple_size_v<decltype(Node::in)>, "an op has at most four inputs");
  static_assert(std::is_trivially_copyable_v<O>, "an op is kept as plain memory: numbers and pointers");
  static constexpr auto inputs = std::index_sequence_for<A...>{};
  Node n;
  n.op = O::name, n.scope = scope_;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((in[I] = readable<A>(in[I])), ...);
    n.view = op.forward(context(), A(node(in[I]).view)...);
    ((n.view.y == node(in[I]).view.y && n.home < 0 ? void(n.home = node(in[I]).home) : void()), ...);
    n.owns_value = n.home < 0;
  }
  (inputs);
  for (std::size_t a = 0; a < in.size(); ++a) {
    n.in[a] = in[a].id_, n.wants_grad |= node(in[a]).wants_grad;
    for (std::size_t b = 0; b < a; ++b) n.twins |= node(in[a]).owner == node(in[b]).owner;
  }
  n.wants_grad &= options_.record;
  n.kind = &op_kind<O>;
  if (n.wants_grad || options_.trace) n.state = new (memory_.fresh<O>(1)) O(op);
  if constexpr (std::is_same_v<R, View>)
    n.owner = node(in[0]).owner;  // a clamp's backward is the mask of every put, all of it
  else if (n.wants_grad) {
    n.backward = [](Tape& t, int id) {
      const Back back{t.context(), t, id};
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        static_cast<O*>(t.nodes_[id].state)->backward(back, A(t.nodes_[t.nodes_[id].in[I]].view)...);
      }
      (inputs);
    };
  }
  if (options_.check_finite) check_value(n);
  const Var y = push(n);
  return options_.defer ? y : readable<Tensor>(y);
}

}  // namespace six
