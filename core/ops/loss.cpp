#include "loss.h"

#include "parts.h"

namespace six {
using namespace ops;
namespace {
real* scalar(const Context& c, double value) {
  real* y = c.make({});
  *y = real(value);
  return y;
}
}  // namespace

Tensor CrossEntropy::forward(const Context& c, Tensor x) {
  const long n = x.shape[0], classes = x.shape[1];
  real* p = c.memory.fresh<real>(x.size());
  double* log_sum = c.memory.fresh<double>(n);
  double parts[kMaxBlocks] = {};
  c.blocks(n, x.size(), [&](int i, Block b, int) {
    c.kernel.softmax(b.size(), int(classes), x.y + b.begin * classes, p + b.begin * classes, log_sum + b.begin);
    double sum = 0;
    for (long r = b.begin; r < b.end; ++r)
      for (long k = 0; k < classes; ++k)
        if (const double t = target[r * classes + k]; t != 0) sum += t * (log_sum[r] - x[r * classes + k]);
    parts[i] = sum;
  });
  double total = 0;
  for (double part : parts) total += part;
  prob = p;
  return {scalar(c, total / double(n)), {}};
}

// dx = dy * (softmax(x) * sum(t) - t) / n
void CrossEntropy::backward(const Back& b, Tensor x) {
  const long n = x.shape[0], classes = x.shape[1];
  const double dy = double(*b.plain_dy()) / double(n);
  emit(b, 0, x, [&](Block r, real* dx) {
    for (long row = r.begin; row < r.end; ++row) {
      const real *p = prob + row * classes, *t = target + row * classes;
      double sum = 0;
      for (long k = 0; k < classes; ++k) sum += t[k];
      for (long k = 0; k < classes; ++k) dx[row * classes + k] = real(dy * (p[k] * sum - t[k]));
    }
  });
}

Tensor MseLoss::forward(const Context& c, Tensor x, Tensor target) {
  require(x.shape == target.shape && x.size() > 0, name, ": the shapes differ or are empty (x ", x.shape, ", target ", target.shape,
          ")");
  double sum = 0;
  for (long i = 0; i < x.size(); ++i) {
    const double d = double(x[i]) - double(target[i]);
    sum += d * d;
  }
  return {scalar(c, sum / double(x.size())), {}};
}
void MseLoss::backward(const Back& b, Tensor x, Tensor target) {
  const double k = 2 * double(*b.plain_dy()) / double(x.size());
  const long per = x.shape.sample_size();
  const auto fill = [&](double sign) {
    return [&, sign](Block r, real* out) {
      for (long i = r.begin * per; i < r.end * per; ++i) out[i] = real(sign * k * (double(x[i]) - double(target[i])));
    };
  };
  emit(b, 0, x, fill(1));
  emit(b, 1, target, fill(-1));
}

namespace {
void check_logits(const Shape& s, std::size_t given, long expected, const char* what, double smoothing) {
  require(s.rank() == 2 && s.size() > 0, "cross_entropy: expected logits [n, classes] with n > 0, got ", s);
  require(long(given) == expected, "cross_entropy: ", given, " ", what, " for ", expected, " (logits ", s, ")");
  require(smoothing >= 0 && smoothing <= 1, "cross_entropy: label_smoothing is ", smoothing, ", must be between 0 and 1");
}
}  // namespace

Var cross_entropy(Var logits, std::span<const int> labels, CrossEntropyOptions options) {
  const Shape s = logits.shape();
  check_logits(s, labels.size(), s.rank() ? s[0] : 0, "labels", options.label_smoothing);
  real* target = logits.tape().context().memory.fresh<real>(s.size());
  std::fill_n(target, s.size(), real(options.label_smoothing / double(s[1])));
  for (long r = 0; r < s[0]; ++r) {
    require(labels[std::size_t(r)] >= 0 && labels[std::size_t(r)] < s[1], "cross_entropy: label ", labels[std::size_t(r)],
            " of row ", r, " is outside 0..", s[1] - 1, " (logits ", s, ")");
    target[r * s[1] + labels[std::size_t(r)]] = real(1 - options.label_smoothing + options.label_smoothing / double(s[1]));
  }
  return logits.tape().apply(CrossEntropy{target}, logits);
}

Var cross_entropy(Var logits, std::span<const real> targets, CrossEntropyOptions options) {
  const Shape s = logits.shape();
  check_logits(s, targets.size(), s.size(), "target numbers", options.label_smoothing);
  const real* target = targets.data();
  if (options.label_smoothing > 0) {
    real* smoothed = logits.tape().context().memory.fresh<real>(s.size());
    for (long i = 0; i < s.size(); ++i)
      smoothed[i] = real((1 - options.label_smoothing) * target[i] + options.label_smoothing / double(s[1]));
    target = smoothed;
  }
  return logits.tape().apply(CrossEntropy{target}, logits);
}

Var mse_loss(Var x, Var target) { return x.tape().apply(MseLoss{}, x, target); }

}  // namespace six
