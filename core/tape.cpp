#include "tape.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "kernels/dispatch.h"
#include "ops/materialize.h"

namespace six {
namespace {
constexpr std::size_t kKept = std::size_t(64) << 10;  // values up to this many bytes stay readable after backward

std::size_t bytes_of(const View& v) { return std::size_t(v.size()) * sizeof(real); }

Tape::Options checked(Tape::Options o) {
  require(o.threads >= 0 && o.threads <= 1024, "tape: threads must be 0 (all processors) to 1024, got ", o.threads);
  if (o.threads == 0) o.threads = hardware_threads();
  return o;
}

// Writes a value out into `y`, in blocks of samples.
void write_out(const Context& c, const View& x, real* y) {
  const long per = x.shape.sample_size(), channels = x.shape.channels();
  c.blocks(x.shape.samples(), x.size(), [&](int, Block b, int) {
    if (x.bytes)
      c.kernel.bytes_to_real(b.size() * per, x.bytes + b.begin * per, y + b.begin * per);
    else
      c.kernel.materialize(b.size() * per / channels, int(channels), at(x, b.begin * per), y + b.begin * per);
  });
}

void put_all(const Context& c, const View& x, const kernels::Grad& dy, const Sink& dx) {
  const long per = x.shape.sample_size(), channels = x.shape.channels();
  c.blocks(x.shape.samples(), x.size(), [&](int i, Block b, int) {
    c.kernel.put(b.size() * per / channels, int(channels), at(dy, b.begin * per), at(dx, b.begin * per, i, channels));
  });
}

// Numbers the recordings of the process: a Var of a tape that is gone is no Var of the next one at the same address.
std::uint64_t next_generation() {
  static std::atomic<std::uint64_t> count{0};
  return ++count;
}
}  // namespace

Tensor ops::Materialize::forward(const Context& c, View x) {
  real* y = c.make(x.shape);
  write_out(c, x, y);
  return {y, x.shape};
}
void ops::Materialize::backward(const Back& b, View x) {
  if (const Sink dx = b.into(0)) put_all(b, x, b.dy(), dx);
}

Tape::Tape(Options options) : options_(checked(options)), kernel_(kernels::table()), generation_(next_generation()) {
  nodes_.reserve(256);
}

const Node& Tape::node(Var v) const {
  require(v.tape_ != nullptr, "tape: this Var is empty");
  require(v.tape_ == this, "tape: this Var belongs to another tape");
  require(v.generation_ == generation_,
          "tape: this Var is from before the last reset, or of a tape that is gone; record the value again");
  return nodes_[v.id_];
}

Var Tape::push(Node n) {
  if (n.owner < 0) n.owner = int(nodes_.size());
  if (n.home < 0) n.home = int(nodes_.size());
  nodes_.push_back(n);
  return {this, int(nodes_.size()) - 1, generation_};
}

Var Tape::input(const real* data, Shape shape, bool wants_grad) {
  Node n;
  n.view = View(data, shape), n.op = "input", n.wants_grad = wants_grad && options_.record, n.leaf = true;
  return push(n);
}

Var Tape::input(Bytes images) {
  Node n;
  n.view.shape = images.shape, n.view.bytes = images.data, n.op = "input", n.leaf = true;
  return push(n);
}

Var Tape::constant(Shape shape, real value) {
  real* data = memory_.fresh<real>(shape.size());
  std::fill_n(data, shape.size(), value);
  return input(data, shape);
}

Var Tape::param(ParamSet& set, int index) {
  require(index >= 0 && index < int(set.params().size()), "tape: parameter ", index, " of ", set.params().size());
  const Param& p = set.params()[index];
  const auto known = [&](const Watched& w) { return w.set == &set && !w.life.expired(); };
  if (std::none_of(sets_.begin(), sets_.end(), known)) sets_.push_back({&set, set.watch()});
  Node n;
  n.view = View(set.value(index), p.shape), n.op = p.name.c_str(), n.scope = scope_, n.leaf = true, n.params = &set;
  n.wants_grad = p.trainable && options_.record;
  if (n.wants_grad) n.grad.g = set.grad(index);
  return push(n);
}

Var Tape::written_out(Var v) {
  if (node(v).dense < 0 || nodes_[node(v).dense].gone) {
    const Var y = apply(ops::Materialize{}, v);
    nodes_[v.id_].dense = y.id_;
  }
  return {this, node(v).dense, generation_};
}

Var Tape::keep_grad(Var v) {
  v = readable<Tensor>(v);
  nodes_[v.id_].keeps_grad = true;
  return v;
}

void Tape::reset() {
  nodes_.clear(), sets_.clear(), memory_.reset(), ++step_, dropouts_ = 0, swept_ = false, scope_ = "";
  generation_ = next_generation();
}

void Tape::evaluate(Node& owner) {
  Grad& d = owner.grad;
  if (!d.c0) return;
  const View& v = owner.view;
  const long per = v.shape.sample_size(), channels = v.shape.channels();
  context().blocks(v.shape.samples(), v.size(), [&](int, Block b, int) {
    const kernels::Grad part = at(d, b.begin * per);
    kernel_.evaluate(b.size() * per / channels, int(channels), part, part.g);
  });
  d.c0 = d.c1 = d.c2 = nullptr;
}

Sink Tape::sink(const Node& x, bool clear) {
  Sink s;
  if (!x.wants_grad) return s;
  Node& owner = nodes_[x.owner];
  const View& v = owner.view;
  const bool first = !owner.grad.g;
  if (first) {
    owner.grad.g = memory_.reused<real>(v.size());
    if (clear) std::fill_n(owner.grad.g, v.size(), real(0));
    if (v.scale) owner.grad.sums = memory_.zeros<double>(kMaxBlocks * 2 * kernels::padded(v.shape.channels()));
  }
  evaluate(owner);
  s.g = owner.grad.g, s.x = x.view, s.center = v.center, s.sums = owner.grad.sums, s.stores = first && !clear;
  return s;
}

void Tape::release(Node& n) {
  if (n.leaf) return;
  if (n.keeps_grad) evaluate(n);  // while what it is to be evaluated from is there
  if (n.grad.g && n.owns_grad && !n.keeps_grad) memory_.give_back(n.grad.g, bytes_of(n.view));
  if (n.owns_value && bytes_of(n.view) > kKept) memory_.give_back(n.view.y, bytes_of(n.view)), n.gone = true;
}

void Tape::require_params() const {
  for (const Watched& w : sets_)
    require(
        !w.life.expired(),
        "tape: the parameters of a model on this tape are gone, destroyed or replaced by an assignment; keep the model until the "
        "values are read, or reset the tape and record again");
}

void Tape::require_present(const Node& n) const {
  require_params();
  require(!nodes_[n.home].gone, "tape: the value of ", n.op, ' ', n.view.shape,
          " is gone, backward has reused its memory; read values above 64 KiB before");
}

// Only where the loss depends on them do a set's gradients begin anew: an optimizer over another set sees that nothing came.
void Tape::begin_backward(int loss) {
  nodes_[loss].reached = true;
  for (int i = loss; i >= 0; --i) {
    Node& n = nodes_[i];
    if (!n.reached || !n.wants_grad) continue;
    if (n.params) n.params->begin_backward(options_.training);
    for (int in : n.in)
      if (in >= 0) nodes_[in].reached = true;
  }
}

void Tape::backward(Var loss) {
  require(options_.record, "backward: this tape does not record (Tape::Options::record is false)");
  require(node(loss).view.size() == 1, "backward: the loss must be a single number, got shape ", node(loss).view.shape);
  require(node(loss).wants_grad, "backward: the loss depends on no parameter or input that wants a gradient");
  require_params();
  require(!std::exchange(swept_, true), "backward: this tape was swept already; reset it and record again");
  begin_backward(loss.id_);
  try {
    sweep(loss.id_);
  } catch (...) {  // the next sweep must not add to half a gradient
    for (const Node& n : nodes_)
      if (n.params && n.reached && n.wants_grad) n.params->mark_grads_used();
    throw;
  }
}

void Tape::sweep(int loss) {
  real one = 1;
  kernels::Grad seed;
  seed.g = &one;
  nodes_[nodes_[loss].owner].keeps_grad = true;
  put_all(context(), nodes_[loss].view, seed, sink(nodes_[loss], false));  // the world outside is one more consumer
  for (int i = loss; i >= 0; --i) {
    Node& n = nodes_[i];
    if (!n.backward || !n.grad.g) continue;
    n.backward(*this, i);
    if (options_.check_finite) check_grads(n);
    release(n);
  }
}

namespace {
// One line for messages: the smallest and largest value, and how many are not finite.
std::string range_of(std::span<const real> x) {
  real lo = kInf, hi = -kInf;
  long bad = 0;
  for (real v : x) std::isfinite(v) ? (lo = std::min(lo, v), hi = std::max(hi, v), 0) : ++bad;
  std::ostringstream text;
  if (bad < long(x.size())) text << "in [" << lo << ", " << hi << "]";
  if (bad) text << (bad < long(x.size()) ? ", " : "") << bad << " of " << x.size() << " not finite";
  return text.str();
}
bool finite(const real* x, long n) {
  return std::all_of(x, x + n, [](real v) { return std::isfinite(v); });
}
void describe(std::ostream& to, const char* what, const Node& n, const real* values) {
  to << "; " << what << ' ' << n.op << ' ' << n.view.shape << ' ' << range_of({values, std::size_t(n.view.size())});
}
std::string place(const Node& n) { return *n.scope ? n.scope + (" (" + std::string(n.op) + ')') : n.op; }
}  // namespace

std::string Tape::inputs_of(const Node& n) const {
  std::ostringstream text;
  for (int i : n.in)
    if (i >= 0 && !nodes_[nodes_[i].home].gone)
      describe(text, "input", nodes_[i], Var{const_cast<Tape*>(this), i, generation_}.values().data());
  return text.str();
}

// Every value is looked at as its readers will see it, deferred or not.
void Tape::check_value(const Node& n) {
  const Arena::Scratch scratch(memory_);
  real* values = memory_.fresh<real>(n.view.size());
  write_out(context(), n.view, values);
  if (!finite(values, n.view.size())) fail(place(n), ": the output ", n.view.shape, " is not finite", inputs_of(n));
}

// A gradient with c0, c1, c2 applied, in the arena.
const real* Tape::grad_values(const Node& owner) {
  if (!owner.grad.c0) return owner.grad.g;
  const View& v = owner.view;
  const long channels = v.shape.channels();
  real* values = memory_.fresh<real>(v.size());
  kernel_.evaluate(v.size() / channels, int(channels), owner.grad, values);
  return values;
}

void Tape::check_grads(const Node& n) {
  for (int i : n.in) {
    if (i < 0 || !nodes_[i].wants_grad) continue;
    const Node& owner = nodes_[nodes_[i].owner];
    if (!owner.grad.g) continue;
    const Arena::Scratch scratch(memory_);
    const real* dx = grad_values(owner);
    if (finite(dx, owner.view.size())) continue;
    std::ostringstream text;
    describe(text, "gradient of the output", n, grad_values(n));
    describe(text, "gradient of the input", owner, dx);
    fail(place(n), ": the gradient of its input ", owner.op, ' ', owner.view.shape, " is not finite", text.str(), inputs_of(n));
  }
}

const Node& Back::node() const { return tape.nodes_[id]; }
bool Back::wants(int i) const { return tape.nodes_[node().in[i]].wants_grad; }
Sink Back::into(int i) const { return tape.sink(tape.nodes_[node().in[i]], node().twins); }

const real* Back::plain_dy() const {
  tape.evaluate(tape.nodes_[id]);
  return node().grad.g;
}

void Back::give(int i, const Grad& d) const {
  const Node& x = tape.nodes_[node().in[i]];
  if (!x.wants_grad) return;
  Node& owner = tape.nodes_[x.owner];
  if (!owner.grad.g && !owner.leaf && !node().keeps_grad &&
      Tensor::holds(x.view)) {  // nobody else wrote or reads it: no pass over memory
    owner.grad = d, owner.grad.sums = nullptr;
    tape.nodes_[id].owns_grad = false;
    return;
  }
  put_all(*this, x.view, d, into(i));
}

void Back::put(int i, const Sink& into, const real* values) const {
  kernels::Grad d;
  d.g = const_cast<real*>(values);
  if (into) put_all(*this, tape.nodes_[node().in[i]].view, d, into);
}
void Back::put(int i, const real* values) const { put(i, into(i), values); }

Tape& Var::tape() const {
  require(tape_ != nullptr, "tape: this Var is empty");
  return *tape_;
}
const Shape& Var::shape() const { return tape().node(*this).view.shape; }

real Var::item() const {
  require(size() == 1, "item: the value has shape ", shape(), ", expected a single number");
  real value = 0;
  copy_values({&value, 1});
  return value;
}

std::vector<real> Var::values() const {
  std::vector<real> y(static_cast<std::size_t>(size()));
  copy_values(y);
  return y;
}

void Var::copy_values(std::span<real> to) const {
  const Node& n = tape().node(*this);
  tape_->require_present(n);
  require(long(to.size()) == n.view.size(), "copy_values: room for ", to.size(), " numbers, the value has ", n.view.size(), " (",
          n.view.shape, ')');
  write_out(tape_->context(), n.view, to.data());
}

std::vector<real> Var::grad() const {
  const Node& n = tape().node(*this);
  tape_->require_params();
  require(n.wants_grad, "grad: ", n.op, ' ', n.view.shape, " wants no gradient");
  require(n.owner == id_ && (n.leaf || n.keeps_grad), "grad: the gradient of ", n.op, ' ', n.view.shape,
          " was not kept; call Tape::keep_grad before using the value");
  require(n.grad.g != nullptr, "grad: no gradient has reached ", n.op, ' ', n.view.shape);
  tape_->evaluate(tape_->nodes_[id_]);
  return {n.grad.g, n.grad.g + n.view.size()};
}

}  // namespace six
