#include "gradcheck.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "kernels/dispatch.h"
#include "rng.h"

namespace six {
namespace {

// sum of weight[i] * x[i], in double.
struct Functional {
  static constexpr const char* name = "gradcheck";
  const real* weight;
  Tensor forward(const Context& c, Tensor x) {
    double sum = 0;
    for (long i = 0; i < x.size(); ++i) sum += double(weight[i]) * double(x[i]);
    real* y = c.make({});
    *y = real(sum);
    return {y, {}};
  }
  void backward(const Back& b, Tensor x) {
    const real dy = *b.plain_dy();
    real* dx = b.memory.fresh<real>(x.size());
    for (long i = 0; i < x.size(); ++i) dx[i] = dy * weight[i];
    b.put(0, dx);
  }
};

// The numbers an op with kinks reads, as plain memory.
std::vector<real> read(const View& v) {
  std::vector<real> y(std::size_t(v.size()));
  if (v.size()) kernels::table().materialize(v.shape.rows(), int(v.shape.channels()), v, y.data());
  return y;
}

// On which side of which kink everything lies.
class Sides {
 public:
  // One code per number that meets a kink: two evaluations with the same codes have no kink between them.
  static std::vector<char> codes(const Tape& tape) {
    std::vector<char> list;
    for_each(tape, [&](const Node&, const Kinks& kinks, real x) { list.push_back(code(kinks, x)); });
    return list;
  }

  // The sides where no number lies, in words; one op with the same kinks is counted together wherever it stands.
  static std::string missed(const Tape& tape) {
    std::map<std::string, bool> seen;
    for_each(tape, [&](const Node& n, const Kinks& kinks, real x) {
      for (int i = 0; i <= kinks.count; ++i) seen[words(n, kinks, i)] |= code(kinks, x) == 2 * i;
    });
    std::string text;
    for (const auto& [side, reached] : seen)
      if (!reached) text += (text.empty() ? "" : ", ") + side;
    return text;
  }

 private:
  template <class F>
  static void for_each(const Tape& tape, F&& f) {
    for (const Node& n : tape.nodes()) {
      if (!n.kind || !n.kind->kinks || !n.state) continue;
      const Kinks kinks = n.kind->kinks(n.state);
      if (kinks.count == 0) continue;
      for (real x : read(tape.nodes()[std::size_t(n.in[0])].view)) f(n, kinks, x);
    }
  }
  // Twice the number of kinks below x, plus 1 on a kink.
  static char code(const Kinks& kinks, real x) {
    int c = 0;
    for (real k : kinks) c += x > k ? 2 : x == k ? 1 : 0;
    return char(c);
  }
  static std::string words(const Node& n, const Kinks& kinks, int side) {
    std::ostringstream text;
    text << n.op << ' ';
    if (side == 0)
      text << "below " << kinks.at[0];
    else if (side == kinks.count)
      text << "above " << kinks.at[side - 1];
    else
      text << "between " << kinks.at[side - 1] << " and " << kinks.at[side];
    return text.str();
  }
};

class Check {
 public:
  Check(const std::function<Var(const std::vector<Var>&)>& f, std::vector<GradcheckInput>& inputs, const GradcheckOptions& o)
      : f_(f), inputs_(inputs), options_(o), plain_(forward_only(o.tape)) {
    for (std::size_t i = 0; i < inputs.size(); ++i) draw(inputs[i], i);
  }

  GradcheckResult run() {
    result_.missed = (at_base(), Sides::missed(plain_));
    const std::vector<std::vector<real>> grads = analytic();
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      for (std::size_t j = 0; j < inputs_[i].values.size(); ++j) compare(int(i), long(j), double(grads[i][j]));
    result_.ok =
        result_.wrong == 0 && result_.missed.empty() && double(result_.skipped) <= options_.max_skipped * double(result_.numbers);
    return result_;
  }

 private:
  static Tape::Options forward_only(Tape::Options o) {
    o.record = false, o.trace = true;
    return o;
  }

  void draw(GradcheckInput& input, std::size_t number) {
    const long size = input.shape.size();
    require(size > 0, "gradcheck: input ", number, " is empty (", input.shape, ")");
    if (input.values.empty()) {
      const Rng rng(options_.seed, Purpose::user, number);
      for (long i = 0; i < size; ++i) input.values.push_back(real(rng.uniform(std::uint64_t(i), options_.lo, options_.hi)));
    }
    require(long(input.values.size()) == size, "gradcheck: input ", number, " has ", input.values.size(), " numbers, its shape ",
            input.shape, " needs ", size);
  }

  std::vector<Var> record_inputs(Tape& tape, bool wants_grad) {
    tape.reset();
    tape.set_step(0);  // the same dropout every time
    std::vector<Var> x;
    for (const GradcheckInput& input : inputs_) x.push_back(tape.input(input.values.data(), input.shape, wants_grad));
    return x;
  }
  std::vector<real> at_base() { return f_(record_inputs(plain_, false)).values(); }

  std::vector<std::vector<real>> analytic() {
    Tape::Options o = options_.tape;
    o.record = true;
    Tape tape(o);
    const std::vector<Var> x = record_inputs(tape, true);
    const Var y = f_(x);
    weight_.resize(std::size_t(y.size()));
    const Rng rng(options_.seed, Purpose::user, ~0u);
    for (std::size_t i = 0; i < weight_.size(); ++i) weight_[i] = real(rng.uniform(i, -1, 1));
    tape.backward(tape.apply(Functional{weight_.data()}, y));
    std::vector<std::vector<real>> grads;
    grads.reserve(x.size());
    for (const Var& v : x) grads.push_back(tape.node(v).grad.g ? v.grad() : std::vector<real>(std::size_t(v.size())));
    return grads;
  }

  // (8 (f(x + h) - f(x - h)) - (f(x + 2h) - f(x - 2h))) / 12h: the error is of order h^4.
  void compare(int input, long index, double analytic) {
    real& x = inputs_[std::size_t(input)].values[std::size_t(index)];
    const real before = x;
    std::vector<real> y[4];
    std::vector<char> codes[4];
    const double steps[4] = {-2, -1, 1, 2};
    for (int s = 0; s < 4; ++s) {
      x = real(double(before) + steps[s] * options_.h);
      y[s] = at_base();
      codes[s] = Sides::codes(plain_);
    }
    x = before;
    ++result_.numbers;
    if (codes[0] != codes[3] || codes[0] != codes[1] || codes[0] != codes[2]) {
      ++result_.skipped;
      return;
    }
    double numeric = 0;  // differences first: most of the output does not move
    for (std::size_t i = 0; i < weight_.size(); ++i)
      numeric += double(weight_[i]) * (8 * (double(y[2][i]) - double(y[1][i])) - (double(y[3][i]) - double(y[0][i])));
    numeric /= 12 * options_.h;
    const double error = std::fabs(analytic - numeric) / std::max({1.0, std::fabs(analytic), std::fabs(numeric)});
    if (!(error <= options_.tolerance)) ++result_.wrong;
    if (result_.worst < error || std::isnan(error)) {
      result_.worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
      result_.input = input, result_.index = index, result_.analytic = analytic, result_.numeric = numeric;
    }
  }

  const std::function<Var(const std::vector<Var>&)>& f_;
  std::vector<GradcheckInput>& inputs_;
  const GradcheckOptions& options_;
  Tape plain_;
  std::vector<real> weight_;
  GradcheckResult result_;
};

}  // namespace

namespace {

// Equal to the bit, NaN as NaN.
bool same(real a, real b) { return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b)); }

// Notes what is wrong at a point; the first few.
template <class... Parts>
void wrong_point(GradcheckResult& r, const Parts&... parts) {
  std::ostringstream text;
  text.precision(std::numeric_limits<real>::max_digits10);
  (text << ... << parts);
  const long noted = std::count(r.points.begin(), r.points.end(), ';');
  if (noted < 2) r.points += (r.points.empty() ? "" : "; ") + text.str();
  r.ok = false;
}

}  // namespace

void check_beside_kinks(GradcheckResult& result, const Activation& a, const GradcheckOptions& options) {
  for (const real kink : a.kinks)
    for (const int side : {-1, 1}) {
      const double h = side * options.h;
      const bool room = std::none_of(a.kinks.begin(), a.kinks.end(), [&](real other) {
        return side * (double(other) - double(kink)) > 0 && side * (double(other) - double(kink)) < 5 * options.h;
      });
      if (!room) continue;
      const real x = std::nextafter(kink, side * kInf);
      const auto f = [&](int steps) { return double(a.f(real(double(x) + steps * h))); };
      const double numeric = (-25 * f(0) + 48 * f(1) - 36 * f(2) + 16 * f(3) - 3 * f(4)) / (12 * h), analytic = double(a.vjp(x, 1));
      const double error = std::fabs(analytic - numeric) / std::max({1.0, std::fabs(analytic), std::fabs(numeric)});
      if (!(error <= options.tolerance))
        wrong_point(result, side < 0 ? "below" : "above", " the kink ", kink, " the derivative is ", analytic, ", by differences ",
                    numeric);
    }
}

void check_probes(GradcheckResult& result, const Activation& a, std::span<const Probe> probes, int column) {
  constexpr double kRounding = 8 * double(std::numeric_limits<real>::epsilon());
  for (const Probe& p : probes) {
    if (const real y = a.f(p.x); !same(y, p.y)) wrong_point(result, "f(", p.x, ") is ", y, ", its probe says ", p.y);
    const real slope = p.slope[column], got = a.vjp(p.x, 1);
    // A gate is closed whatever is upstream; a smooth function's slope of 0 is a limit.
    const bool gate = slope == 0 && a.kinks.count > 0;
    bool right =
        std::isnan(slope) ? std::isnan(got) : std::fabs(double(got) - double(slope)) <= kRounding * std::fabs(double(slope));
    if (slope == 0 && !gate) right = std::fabs(got) <= real(kRounding);
    if (!right) wrong_point(result, "the derivative at ", p.x, " is ", got, ", its probe says ", slope);
    const auto closed = [&](real dy) { return same(a.vjp(p.x, dy), 0); };
    if (gate && right && !(closed(kInf) && closed(-kInf) && closed(real(NAN)) && closed(-1)))
      wrong_point(result, "the derivative at ", p.x, " is 0, but not every dy gives +0 (select, do not multiply)");
  }
}

std::string GradcheckResult::report() const {
  std::ostringstream text;
  text << "gradcheck: " << (ok ? "passed, " : "FAILED, ") << wrong << " of " << numbers << " numbers wrong, worst error " << worst
       << " at input " << input << " [" << index << "] (analytic " << analytic << ", numeric " << numeric << "), " << skipped
       << " skipped near a kink";
  if (!missed.empty()) text << "; no value lay at: " << missed << " (see GradcheckOptions::lo and hi)";
  if (!points.empty()) text << "; " << points;
  return text.str();
}

GradcheckResult gradcheck(const std::function<Var(const std::vector<Var>&)>& f, std::vector<GradcheckInput> inputs,
                          const GradcheckOptions& options) {
  require(options.h > 0 && options.tolerance > 0, "gradcheck: h ", options.h, " and tolerance ", options.tolerance,
          " must be positive");
  require(!inputs.empty(), "gradcheck: no input whose gradient could be checked");
  return Check(f, inputs, options).run();
}

}  // namespace six
