#include "harness.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>

#include "../core/rng.h"
#include "thorough.h"

namespace six::test {
namespace {

constexpr real kSentinel = 77;
// Central differences run the naive formula alone: in a build that looks for wrong accesses, a part of them is enough.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSlow = true;
#else
constexpr bool kSlow = false;
#endif

bool same_bits(const std::vector<real>& a, const std::vector<real>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(real)) == 0;
}

struct Settings {
  Tape::Options tape = {};
  real before = 0;  // in the gradients
  int frozen = -1;  // the input that wants no gradient
};

struct Run {
  std::vector<real> y;
  std::vector<std::vector<real>> grads;  // what was added
  std::vector<std::string> faults;
};

// The inputs of a case as parameters, a few numbers between one and the next: nobody may read or write those.
class Guarded {
 public:
  Guarded(const Case& c, int frozen) {
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      params_.add("guard" + std::to_string(i), {3 + 2 * long(i % 3)}, false);
      params_.add("input" + std::to_string(i), c.inputs[i].shape, true);
    }
    params_.add("guard", {9}, false);
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      std::transform(c.inputs[i].v.begin(), c.inputs[i].v.end(), params_.value(input(i)), [](double v) { return real(v); });
      params_.params()[std::size_t(input(i))].trainable = int(i) != frozen;
    }
    for (int g = 0; g < int(params_.params().size()); g += 2) std::fill_n(params_.value(g), size(g), real(std::nanf("")));
    values_.assign(params_.values(), params_.values() + params_.size());
  }
  static int input(std::size_t i) { return int(2 * i + 1); }
  long size(int i) const { return params_.params()[std::size_t(i)].shape.size(); }
  ParamSet& params() { return params_; }

  // The first sweep finds NaN and starts from zero; later ones add to what is there.
  void prepare(bool first, real before) {
    if (first) {
      std::fill_n(params_.grads(), params_.size(), real(std::nanf("")));
      params_.mark_grads_used();
      return;
    }
    params_.begin_backward();
    std::fill_n(params_.grads(), params_.size(), before);
    for (int g = 0; g < int(params_.params().size()); g += 2) std::fill_n(params_.grad(g), size(g), kSentinel);
  }
  bool intact(bool first) const {
    for (int g = 0; g < int(params_.params().size()); g += 2)
      if (std::any_of(params_.grad(g), params_.grad(g) + size(g), [&](real x) { return x != (first ? real(0) : kSentinel); }))
        return false;
    return std::memcmp(values_.data(), params_.values(), values_.size() * sizeof(real)) == 0;
  }

 private:
  ParamSet params_;
  std::vector<real> values_;
};

std::vector<real> weights(long n) {
  std::vector<real> w;
  for (double v : drawn({n}, 99, -1, 1).v) w.push_back(real(v));
  return w;
}

// Two steps on one tape: both must give the same.
Run run(const Case& c, const Settings& s) {
  Guarded inputs(c, s.frozen);
  Tape::Options o = s.tape;
  o.training = c.training;
  o.threads = std::max(o.threads, 1);
  Tape tape(o);
  Run results[2];
  for (int step = 0; step < 2; ++step) {
    Run& r = results[step];
    tape.reset();
    tape.set_step(0);
    std::vector<Var> x;
    for (std::size_t i = 0; i < c.inputs.size(); ++i) x.push_back(tape.param(inputs.params(), Guarded::input(i)));
    const Var y = c.op(x);
    r.y = y.values();
    const bool first = s.before == 0;
    if (o.record) {
      const std::vector<real> w = weights(y.size());
      const Var loss = sum(mul(y, tape.input(w.data(), y.shape())));
      inputs.prepare(first, s.before);
      tape.backward(loss);
    } else {
      inputs.prepare(false, kSentinel);
    }
    if (!inputs.intact(first && o.record)) r.faults.push_back("writes beside its inputs or their gradients");
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      const real* g = inputs.params().grad(Guarded::input(i));
      r.grads.emplace_back(g, g + c.inputs[i].shape.size());
      for (real& v : r.grads.back()) v -= s.before;
    }
  }
  bool same = same_bits(results[0].y, results[1].y);
  for (std::size_t i = 0; i < c.inputs.size(); ++i) same = same && same_bits(results[0].grads[i], results[1].grads[i]);
  if (!same) results[0].faults.push_back("the second step on the same tape differs");
  return results[0];
}

class Faults {
 public:
  explicit Faults(const Case& c) : c_(c) {}
  std::vector<std::string> list() {
    const double rounding = kDouble ? 1e-13 : 1e-6;
    base_ = run(c_, {});
    take(base_, "");
    check_values();
    check_derivatives();
    compare("onto a gradient of 9", {.before = 9}, 10 * rounding);
    compare("written out", {.tape = {.defer = false}}, rounding);
    compare("written out, onto a gradient of 9", {.tape = {.defer = false}, .before = 9}, 10 * rounding);
    for (const bool defer : {true, false}) {
      const Run plain = run(c_, {.tape = {.record = false, .defer = defer}});
      take(plain, "not recorded: ");
      if (!same_bits(plain.y, base_.y)) fault("not recorded: the values differ");
    }
    if (c_.large)
      for (int threads : {2, 7}) compare(std::to_string(threads) + " threads", {.tape = {.threads = threads}}, 0);
    for (int i = 0; i < int(c_.inputs.size()) && c_.inputs.size() > 1; ++i)
      compare("input " + std::to_string(i) + " frozen", {.frozen = i}, rounding);
    return list_;
  }

 private:
  template <class... Parts>
  void fault(const Parts&... parts) {
    std::ostringstream out;
    out << c_.name << ": ";
    (out << ... << parts);
    if (list_.size() < 5) list_.push_back(out.str());
  }
  void take(const Run& r, const std::string& how) {
    for (const std::string& f : r.faults) fault(how, f);
  }

  void check_values() {
    const Array y = c_.naive(c_.inputs);
    if (y.v.size() != base_.y.size()) return fault("gives ", base_.y.size(), " numbers, expected ", y.v.size(), " ", y.shape);
    for (std::size_t i = 0; i < y.v.size(); ++i)
      if (!(std::fabs(base_.y[i] - y.v[i]) <= (kDouble ? 1e-12 : 3e-5) * std::max(1.0, std::fabs(y.v[i]))))
        return fault("value [", i, "] is ", base_.y[i], ", expected ", y.v[i]);
  }

  double functional(const std::vector<Array>& inputs) const {
    const Array y = c_.naive(inputs);
    const std::vector<real> w = weights(long(y.v.size()));
    double sum = 0;
    for (std::size_t i = 0; i < w.size(); ++i) sum += double(w[i]) * y.v[i];
    return sum;
  }

  void check_derivatives() {
    std::vector<Array> inputs = c_.inputs;
    long numbers = 0, skipped = 0;
    Path::reset();
    c_.naive(inputs);
    if (!Path::all_sides) fault("its inputs leave out a side of a kink");
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::size_t n = inputs[i].v.size(), stride = c_.large ? n / 3 + 1 : kSlow && !thorough() ? n / 64 + 1 : 1;
      double largest = 1;
      for (real g : base_.grads[i]) largest = std::max(largest, std::fabs(double(g)));
      for (std::size_t j = 0; j < n; j += stride) {
        const double h = c_.large ? 1e-4 : 1e-5, before = inputs[i].v[j], exact = base_.grads[i][j];
        inputs[i].v[j] = before + h, Path::reset();
        const double up = functional(inputs);
        const std::vector<int> way = std::move(Path::way);
        inputs[i].v[j] = before - h, Path::reset();
        const double down = functional(inputs), numeric = (up - down) / (2 * h);
        inputs[i].v[j] = before;
        ++numbers;
        if (way != Path::way)
          ++skipped;
        else if (!(std::fabs(exact - numeric) <=
                   (kDouble ? 1e-7 * std::max({1.0, std::fabs(exact), std::fabs(numeric)}) : 1e-4 * largest)))
          return fault("gradient of input ", i, " [", j, "] is ", exact, ", numerically ", numeric);
      }
    }
    if (skipped * 20 > numbers && !c_.large) fault(skipped, " of ", numbers, " numbers lie near a kink");
  }

  // The same values, and gradients within `tolerance` of the largest number in them; bit by bit if that is 0.
  void compare(const std::string& how, const Settings& settings, double tolerance) {
    const Run other = run(c_, settings);
    take(other, how + ": ");
    if (!same_bits(base_.y, other.y)) fault(how, ": the values differ");
    for (int i = 0; i < int(base_.grads.size()); ++i) {
      std::vector<real> expected = base_.grads[std::size_t(i)];
      if (i == settings.frozen) std::fill(expected.begin(), expected.end(), real(0));
      double largest = settings.before, worst = 0;
      for (std::size_t j = 0; j < expected.size(); ++j) {
        worst = worse(worst, std::fabs(double(expected[j]) - double(other.grads[std::size_t(i)][j])));
        largest = std::max(largest, std::fabs(double(expected[j])));
      }
      if (!(worst <= tolerance * largest))
        fault(how, ": the gradient of input ", i, " differs by ", worst, ", its largest is ", largest);
    }
  }

  const Case& c_;
  Run base_;
  std::vector<std::string> list_;
};

}  // namespace

Array drawn(Shape shape, unsigned seed, double lo, double hi) {
  Array a(shape);
  const Rng rng(seed, Purpose::user);
  for (std::size_t i = 0; i < a.v.size(); ++i) a.v[i] = double(float(rng.uniform(i, lo, hi)));
  return a;
}

std::vector<std::string> faults_of(const Case& c) { return Faults(c).list(); }

std::string text(const std::vector<std::string>& faults) {
  std::string all;
  for (const std::string& f : faults) all += f + '\n';
  return all;
}

}  // namespace six::test
