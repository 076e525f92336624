#include "int_inference.h"

#include <algorithm>

#include "../core/error.h"
#include "../core/kernels/dispatch.h"
#include "../core/kernels/requantize.h"
#include "../core/parallel.h"
#include "emulator.h"

namespace six {
namespace {

constexpr long kSlack = 128;  // bytes behind a value that kernels may read

const kernels::Conv* window_of(const IntStage& s) {
  const IntWeights* w = s.weighted();
  return w ? &w->g : nullptr;
}

// A folded mean has the same weights at every tap; the kernels want them one after the other.
std::vector<std::int8_t> repeated_weights(const IntStage& s) {
  const IntWeights& w = *s.weighted();
  const auto* conv = std::get_if<IntConv>(&s.op);
  if (!conv || !conv->mean) return w.weights;
  std::vector<std::int8_t> all;
  for (auto row = w.weights.begin(); row != w.weights.end(); row += w.g.c)
    for (int tap = 0; tap < w.g.kh * w.g.kw; ++tap) all.insert(all.end(), row, row + w.g.c);
  return all;
}

bool fast_depthwise(const IntWeights& w) { return w.g.kh == 3 && w.g.kw == 3 && w.g.stride <= 2; }

}  // namespace

IntInference::IntInference(const IntNetwork& net, int threads, const kernels::Int8Table* table)
    : kernel_(table ? *table : *kernels::int8_tables().back()),
      classes_(net.classes()),
      image_size_(net.shape(0).size()),
      threads_(threads ? threads : hardware_threads()),
      accumulators_(net.accumulators) {
  require(threads >= 0 && threads <= 1024, "integer inference: threads must be 0 (all processors) to 1024, got ", threads);
  require(net.options.rounding == Rounding::single,
          "integer inference: these kernels round once; a network that rounds twice runs in the emulator");
  place(net);
  for (const IntStage& s : net.stages) compile(net, s);
  output_ = values_[std::size_t(net.storage(net.output))];
  work_.resize(std::size_t(work_size_ * threads_));
  for (int t = 0; t < threads_; ++t)  // borders never change
    for (std::size_t v = 0; v < values_.size(); ++v) {
      const Value& x = values_[v];
      const long begin = x.first - x.top * x.row - x.left * x.c, n = x.row * (x.h + x.top + x.bottom);
      const int zero = net.values[v].q.zero + 128;
      for (long i = begin; i < begin + n && x.row; ++i) {
        std::uint8_t* at = work_.data() + t * work_size_ + i * kernel_.element;
        at[0] = std::uint8_t(zero);
      }
    }
}

void IntInference::place(const IntNetwork& net) {
  values_.resize(net.values.size());
  for (const IntStage& s : net.stages)
    if (const kernels::Conv* g = window_of(s)) {
      Value& v = values_[std::size_t(s.in[0])];
      v.top = std::max(v.top, g->pad_top), v.left = std::max(v.left, g->pad_left);
      v.bottom = std::max(v.bottom, (g->oh - 1) * g->stride + g->kh - g->pad_top - g->h);
      v.right = std::max(v.right, (g->ow - 1) * g->stride + g->kw - g->pad_left - g->w);
    }
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (net.storage(int(i)) != int(i)) continue;
    Value& v = values_[i];
    const Shape& s = net.shape(int(i));
    v.h = s.rank() == 3 ? int(s[0]) : 1, v.w = s.rank() == 3 ? int(s[1]) : 1, v.c = int(s[-1]);
    // A reader that takes the value for one row of features reads through any border as long as there is none.
    v.row = long(v.w + v.left + v.right) * v.c;
    v.first = work_size_ / kernel_.element + v.top * v.row + v.left * v.c;
    work_size_ += (v.row * (v.h + v.top + v.bottom) * kernel_.element + kSlack + 63) / 64 * 64;
  }
}

IntInference::Constants* IntInference::constants(const IntWeights& w, bool depthwise, const std::vector<std::int8_t>& weights) {
  auto k = std::make_unique<Constants>();
  const std::size_t channels = w.bias.size(), padded = std::size_t(kernels::padded(long(channels)));
  k->bias.resize(padded), k->m.resize(padded), k->d.resize(padded), k->c.resize(padded, 0), k->s.resize(padded, 62);
  const std::size_t taps = depthwise ? std::size_t(w.g.kh * w.g.kw) : weights.size() / channels, lanes = std::size_t(kernel_.lanes);
  for (std::size_t c = 0; c < channels; ++c) {
    std::int64_t sum = 0;
    for (std::size_t t = 0; t < taps; ++t) sum += weights[depthwise ? t * channels + c : c * taps + t];
    // Elements are codes + 128, borders hold the code of 0.
    k->bias[c] = std::int32_t(w.bias[c] - sum * (w.zero_in + 128));
    const Multiplier& m = w.multipliers[c];
    const std::size_t at = c / lanes * lanes + c % lanes / 2 + (c % 2) * (lanes / 2);  // even channels of a vector first
    k->m[c] = m.m, k->d[c] = std::int32_t(std::uint32_t(std::uint64_t(1) << (31 + m.e)));
    k->c[at] = (std::int64_t(1) << (30 - m.e)) + (std::int64_t(1) << 62), k->s[at] = 31 - m.e;
  }
  k->zero = w.zero_out + 128, k->lo = w.lo + 128, k->hi = w.hi + 128, k->accumulators = w.accumulators;
  if (depthwise) {
    k->packed.resize(std::size_t(kernel_.depthwise_packed_size(w.g.c)));
    kernel_.depthwise_pack(weights.data(), w.g.c, k->packed.data());
  } else {
    k->packed.resize(std::size_t(kernel_.packed_size(w.g.k, w.g.kh, w.g.kw * w.g.c)));
    kernel_.pack(weights.data(), w.g.k, w.g.kh, w.g.kw * w.g.c, k->packed.data());
  }
  constants_.push_back(std::move(k));
  return constants_.back().get();
}

void IntInference::compile_mean(const IntAvgPool& p, const Value& x, const Value& y) {
  const auto buffers = std::make_shared<std::vector<std::int32_t>>(std::size_t(threads_ * x.c));
  steps_.push_back([=, this](std::uint8_t* work, std::int32_t*) {
    std::int32_t* sums = buffers->data() + (work - work_.data()) / work_size_ * x.c;
    std::fill_n(sums, x.c, 0);
    const auto add = [&]<class E>(const E* from) {
      for (int r = 0; r < x.h; ++r)
        for (int column = 0; column < x.w; ++column)
          for (int c = 0; c < x.c; ++c) sums[c] += from[r * x.row + long(column) * x.c + c];
    };
    const std::uint8_t* from = work + x.first * kernel_.element;
    kernel_.element == 1 ? add(from) : add(reinterpret_cast<const std::uint16_t*>(from));
    const int pixels = x.h * x.w;
    for (int c = 0; c < x.c; ++c)
      work[(y.first + c) * kernel_.element] = std::uint8_t(clamp_code(mean_code(sums[c] - 128 * pixels, pixels), p.lo, p.hi) + 128);
  });
}

void IntInference::compile(const IntNetwork& net, const IntStage& stage) {
  const Value x = values_[std::size_t(stage.in[0])], y = values_[std::size_t(stage.out)];
  const int bytes = kernel_.element;
  const IntWeights* w = stage.weighted();
  const bool depthwise = std::holds_alternative<IntDepthwise>(stage.op), border_free = x.top + x.left + x.bottom + x.right == 0;
  // A value with a border is an image to all who read it as one.
  const bool image = w && (border_free || (w->g.h == x.h && w->g.w == x.w));
  if (image && (!depthwise || fast_depthwise(*w))) {
    const Constants* k = constants(*w, depthwise, repeated_weights(stage));
    kernels::Conv g = w->g;
    const bool one_row = !depthwise && g.kh == 1 && g.kw == 1 && g.stride == 1 && border_free && y.row == long(y.w) * y.c;
    if (one_row) g.ow *= g.oh, g.w *= g.h, g.oh = g.h = 1;
    const long row = border_free ? long(g.w) * g.c : x.row, from = x.first - g.pad_top * row - long(g.pad_left) * g.c;
    steps_.push_back([=, kernel = &kernel_](std::uint8_t* work, std::int32_t* logits) {
      const kernels::Requantize r{k->bias.data(), k->m.data(), k->d.data(),
                                  k->c.data(),    k->s.data(), k->zero,
                                  k->lo,          k->hi,       k->accumulators ? logits : nullptr};
      (depthwise ? kernel->depthwise : kernel->conv)(g, work + from * bytes, row, k->packed.data(), r, work + y.first * bytes,
                                                     y.row);
    });
    return;
  }
  if (const auto* p = std::get_if<IntAvgPool>(&stage.op); p && p->g.kh == x.h && p->g.kw == x.w) return compile_mean(*p, x, y);
  // Everything else is small: the plain loops, on codes.
  auto copy = std::make_shared<IntNetwork>();
  copy->options = net.options, copy->values = net.values;
  std::vector<Value> in;
  for (int v : stage.in) in.push_back(values_[std::size_t(v)]);
  const auto buffers = std::make_shared<std::vector<std::vector<std::vector<std::int8_t>>>>(
      std::size_t(threads_), std::vector<std::vector<std::int8_t>>(3));
  for (auto& b : *buffers) {
    for (std::size_t i = 0; i < in.size(); ++i) b[i].resize(std::size_t(net.shape(stage.in[i]).size()));
    b[2].resize(std::size_t(net.shape(stage.out).size()));
  }
  steps_.push_back([=, this](std::uint8_t* work, std::int32_t* logits) {
    auto& b = (*buffers)[std::size_t((work - work_.data()) / work_size_)];
    const std::int8_t* pointers[2] = {b[0].data(), b[1].data()};
    const auto each = [&](const Value& v, auto f) {
      long i = 0;
      for (int r = 0; r < v.h; ++r)
        for (long e = 0; e < long(v.w) * v.c; ++e, ++i) f(i, work[(v.first + r * v.row + e) * bytes]);
    };
    for (std::size_t i = 0; i < in.size(); ++i)
      each(in[i], [&](long n, std::uint8_t& element) { b[i][std::size_t(n)] = std::int8_t(element - 128); });
    run_stage(stage, *copy, pointers, b[2].data(), logits);
    each(y, [&](long n, std::uint8_t& element) { element = std::uint8_t(b[2][std::size_t(n)] + 128); });
  });
}

void IntInference::run(std::uint8_t* work, const std::uint8_t* image, std::int32_t* out) const {
  const Value& x = values_[0];
  kernel_.from_bytes(x.h, long(x.w) * x.c, image, work + x.first * kernel_.element, x.row);
  for (const Step& step : steps_) step(work, out);
  if (accumulators_) return;
  long i = 0;
  for (int r = 0; r < output_.h; ++r)
    for (long e = 0; e < long(output_.w) * output_.c; ++e, ++i)
      out[i] = work[(output_.first + r * output_.row + e) * kernel_.element] - 128;
}

void IntInference::logits(std::span<const std::uint8_t> image, std::span<std::int32_t> out) const {
  require(long(image.size()) == image_size_ && long(out.size()) == classes_, "integer inference: an image of ", image.size(),
          " bytes and ", out.size(), " logits, expected ", image_size_, " and ", classes_);
  run(work_.data(), image.data(), out.data());
}

void IntInference::logits(Bytes images, std::span<std::int32_t> out) const {
  const long n = images.shape.samples();
  require(images.shape.size() == n * image_size_ && long(out.size()) == n * classes_, "integer inference: images ", images.shape,
          " and ", out.size(), " logits, expected n x ", image_size_, " and n x ", classes_);
  parallel_for(threads_, int(n),
               [&](int i, int t) { run(work_.data() + t * work_size_, images.data + i * image_size_, out.data() + i * classes_); });
}

std::vector<std::int32_t> integer_logits(const IntNetwork& net, Bytes images, int threads, long checked) {
  const long n = images.shape.samples(), classes = net.classes(), size = net.shape(0).size();
  const bool fast = net.options.rounding == Rounding::single;
  if (threads == 0) threads = hardware_threads();
  std::vector<std::int32_t> out(std::size_t(n * classes));
  if (fast) IntInference(net, threads).logits(images, out);
  std::vector<Emulator> emulators(std::size_t(std::min<long>(threads, n)), Emulator(net));
  std::vector<char> same(std::size_t(n), 1);
  parallel_for(threads, int(fast ? std::min(n, checked) : n), [&](int i, int t) {
    const auto logits = emulators[std::size_t(t)].run({images.data + i * size, std::size_t(size)});
    std::int32_t* to = out.data() + i * classes;
    if (fast)
      same[std::size_t(i)] = std::equal(logits.begin(), logits.end(), to);
    else
      std::copy(logits.begin(), logits.end(), to);
  });
  const auto differs = std::find(same.begin(), same.end(), 0);
  require(differs == same.end(), "integer inference: the kernels ", kernels::int8_tables().back()->name,
          " and the emulator have different logits for image ", differs - same.begin(), "; this is an error of the library");
  return out;
}

}  // namespace six
