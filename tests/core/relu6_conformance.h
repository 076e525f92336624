#pragma once
// The conformance vector of ReLU6, run against any implementation of it.
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "../../core/kernels/pointwise.h"
#include "../precision.h"
#include "../thorough.h"
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace six::test {

// The number's bits; the same for every NaN.
inline unsigned long long bits(real x) {
  if (std::isnan(x)) return ~0ull;
  unsigned long long b = 0;
  std::memcpy(&b, &x, sizeof x);
  return b;
}

#if defined(__SSE2__)
// While it lives, denormal results (FTZ) and operands (DAZ) are zero.
struct FlushToZero {
  unsigned before = _mm_getcsr();
  FlushToZero() { _mm_setcsr(before | 0x8040); }
  ~FlushToZero() { _mm_setcsr(before); }
};
#endif

// A ReLU6 under test, over n numbers. forward: y[i] = f(x[i]), where y may be x. backward adds to dx[i]; it may read x or y.
struct Relu6Run {
  std::function<void(AtKink, long n, const real* x, real* y)> forward;
  std::function<void(AtKink, long n, const real* x, const real* y, const real* dy, real* dx)> backward;
};

// The formula in plain loops.
template <PointwiseOp O>
Relu6Run run_formula() {
  return {[](AtKink k, long n, const real* x, real* y) {
            O op = {};
            op.at_kink = k;
            for (long i = 0; i < n; ++i) y[i] = op.f(x[i]);
          },
          [](AtKink k, long n, const real* x, const real* y, const real* dy, real* dx) {
            O op = {};
            op.at_kink = k;
            for (long i = 0; i < n; ++i) dx[i] += op.vjp(saves_output<O>() ? y[i] : x[i], dy[i]);
          }};
}

// What a run got wrong, each fault once: "f(7) = 7", "f(7) = 7 in place", "df(6) * 2 = 2 at_kink 0 0 onto 9": the gradient for
// dy = 2 added to a 9.
class Relu6Faults {
 public:
  // `denormals` false: leaves out the two rows that flush-to-zero changes.
  explicit Relu6Faults(const Relu6Run& run, bool denormals = true) : run_(run) {
    for (const Probe& p : Relu6::probes)
      if (denormals || bits(std::fabs(p.x)) != bits(kDenormal)) rows_.push_back(p);
    // Every row at every position of every length; daily each column of derivatives at every fourth of these.
    for (int column = 0; column < 4; ++column)
      for (long n = 1; n <= 33; ++n)
        for (long shift = 0; shift < long(rows_.size()); ++shift)
          if (thorough() || (n + shift) % 4 == column) check(column, n, shift);
  }
  const std::vector<std::string>& list() const { return faults_; }
  bool none() const { return faults_.empty(); }
  bool has(const std::string& fault) const {
    for (const std::string& f : faults_)
      if (f == fault) return true;
    return false;
  }

 private:
  static const char* written(const char* text) { return text; }
  static std::string written(real x) {
    std::ostringstream text;
    text << x;
    return std::isnan(x) ? "nan" : text.str();  // never -nan
  }
  static unsigned long long key(const char* text) { return reinterpret_cast<std::uintptr_t>(text); }
  static unsigned long long key(real x) { return bits(x); }
  template <class... Parts>
  void fault(const Parts&... parts) {
    if (!seen_.insert({key(parts)...}).second) return;  // text is made of new ones only
    std::ostringstream text;
    (text << ... << written(parts));
    if (!has(text.str())) faults_.push_back(text.str());
  }

  void check(int column, long n, long shift) {
    const AtKink k = kProbeAtKink[column];
    std::vector<Probe> row;
    std::vector<real> x, y(n, 9);
    for (long i = 0; i < n; ++i) row.push_back(rows_[(i + shift) % long(rows_.size())]), x.push_back(row.back().x);
    run_.forward(k, n, x.data(), y.data());
    std::vector<real> in_place = x;
    run_.forward(k, n, in_place.data(), in_place.data());
    for (long i = 0; i < n; ++i) {
      if (bits(y[i]) != bits(row[i].y)) fault("f(", row[i].x, ") = ", y[i]);
      if (bits(in_place[i]) != bits(row[i].y)) fault("f(", row[i].x, ") = ", in_place[i], " in place");
    }
    for (real dy : {real(2), real(-2), kNaN, kInf, -kInf})
      for (real before : {real(9), real(-0.0)}) {  // onto -0, a gradient of -0 is not taken for +0
        const std::vector<real> dys(n, dy);
        std::vector<real> dx(n, before);
        run_.backward(k, n, x.data(), y.data(), dys.data(), dx.data());
        for (long i = 0; i < n; ++i) {
          const real slope = row[i].slope[column], want = before + (slope == 0 ? real(0) : slope * dy);
          if (bits(dx[i]) == bits(want)) continue;
          fault("df(", row[i].x, ") * ", dy, " = ", dx[i] - before, " at_kink ", k.lo, " ", k.hi, " onto ", before);
        }
      }
  }

  Relu6Run run_;
  std::vector<Probe> rows_;
  std::set<std::array<unsigned long long, 12>> seen_;
  std::vector<std::string> faults_;
};

}  // namespace six::test
