#include "inference.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/kernels/dispatch.h"

namespace six {
namespace {

using kernels::Strided;

struct Extent {  // a value as an image; features are one pixel
  long h, w, c;
  explicit Extent(const Shape& s) : h(s.rank() == 3 ? s[0] : 1), w(s.rank() == 3 ? s[1] : 1), c(s.rank() ? s[s.rank() - 1] : 1) {}
};

// The border that a stage wants around the value it reads.
Padding wanted_border(const Stage& s) {
  if (const auto* conv = std::get_if<Stage::Conv>(&s.op)) return conv->padding;
  if (const auto* dw = std::get_if<Stage::Depthwise>(&s.op)) return dw->padding;
  return {};
}
// Whether a stage can step over a border that another reader wants.
bool reads_rows(const Stage& s) {
  return std::holds_alternative<Stage::Conv>(s.op) || std::holds_alternative<Stage::Depthwise>(s.op) ||
         std::holds_alternative<Stage::Mean>(s.op) || std::holds_alternative<Stage::Add>(s.op) ||
         std::holds_alternative<Stage::Pointwise>(s.op);
}

// Unfolded, batch norm's scale meets a sum over the window, which may be small; folded, every term of that sum must be a number.
void require_moderate(const Stage& s) {
  static const double limit = std::sqrt(double(std::numeric_limits<real>::max()));
  for (const std::vector<double>* numbers : {&s.weights, &s.bias})
    for (double v : *numbers)
      require(std::abs(v) <= limit, s.name, ": a folded weight is ", v, ", the limit is ", limit, "; it has no compiled form");
}

}  // namespace

Inference::Inference(const Graph& graph, int threads)
    : input_(graph.input),
      output_(graph.shape(graph.output)),
      result_(graph.output),
      threads_(threads ? threads : hardware_threads()),
      kernel_(kernels::table()) {
  require(threads >= 0 && threads <= 1024, "inference: threads must be 0 (all processors) to 1024, got ", threads);
  require(!graph.quant,
          "inference: the model is fake-quantised, it has no compiled form in floating point; deploy makes integers of it");
  place(graph);
  for (std::size_t i = 0; i < graph.stages.size(); ++i) compile(graph, graph.stages[i], int(i) + 1);
  work_.assign(std::size_t(work_size_ * threads_), 0);
}

void Inference::place(const Graph& g) {
  values_.resize(g.stages.size() + 1);
  for (const Stage& s : g.stages)
    for (int v : s.in) {
      Padding &b = values_[std::size_t(v)].border, want = wanted_border(s);
      b = {std::max(b.top, want.top), std::max(b.left, want.left), std::max(b.bottom, want.bottom), std::max(b.right, want.right)};
    }
  for (const Stage& s : g.stages)
    for (int v : s.in)
      require(reads_rows(s) || values_[std::size_t(v)].border == Padding(0), s.name,
              ": shares its input with a padded convolution; it has no compiled form");
  for (std::size_t v = 0; v < values_.size(); ++v) {
    const Extent e(g.shape(int(v)));
    Value& value = values_[v];
    const Padding& b = value.border;
    value.row = (e.w + b.left + b.right) * e.c;
    value.offset = work_size_;
    value.first = value.offset + b.top * value.row + b.left * e.c;
    work_size_ += kernels::padded((e.h + b.top + b.bottom) * value.row) + kernels::kPad;
  }
}

const real* Inference::keep(std::vector<real> numbers) {
  constants_.push_back(std::move(numbers));
  return constants_.back().data();
}

kernels::Epilogue Inference::epilogue(const Stage& s) {
  kernels::Epilogue e;
  std::vector<real> bias(std::size_t(kernels::padded(Extent(s.out).c)));
  std::copy(s.bias.begin(), s.bias.end(), bias.begin());
  e.bias = keep(std::move(bias)), e.lo = real(s.lo), e.hi = real(s.hi);
  return e;
}

void Inference::compile_conv(const Graph& g, const Stage& s, int value) {
  const auto* conv = std::get_if<Stage::Conv>(&s.op);
  const auto* dw = std::get_if<Stage::Depthwise>(&s.op);
  const Extent in(g.shape(s.in[0])), out(s.out);
  const Value &x = values_[std::size_t(s.in[0])], &y = values_[std::size_t(value)];
  const kernels::Epilogue e = epilogue(s);
  const int kh = conv ? conv->kh
                 : dw ? dw->kh
                      : 1,
            kw = conv ? conv->kw
                 : dw ? dw->kw
                      : 1,
            stride = conv ? conv->stride
                     : dw ? dw->stride
                          : 1;
  const Padding p = wanted_border(s);
  const kernels::Conv shape{1, int(in.h), int(in.w), int(in.c), int(out.h), int(out.w), int(out.c), kh, kw, stride, p.top, p.left};
  const std::vector<real> w(s.weights.begin(), s.weights.end());
  const long from = x.first - p.top * x.row - p.left * in.c;
  if (dw) {
    std::vector<real> padded(std::size_t(kh * kw * kernels::padded(in.c)));
    for (long t = 0; t < kh * kw; ++t) std::copy_n(w.data() + t * in.c, in.c, padded.data() + t * kernels::padded(in.c));
    steps_.push_back([=, kernel = &kernel_, k = keep(std::move(padded))](real* work) {
      kernel->infer_depthwise(shape, Strided{work + from, x.row}, k, e, work + y.first, y.row);
    });
    return;
  }
  const int window = kh * kw * int(in.c);
  std::vector<real> packed(std::size_t(kernel_.matmul_packed_size(window, int(out.c))));
  kernel_.pack(w.data(), window, int(out.c), packed.data());
  const real* k = keep(std::move(packed));
  const bool rows_touch = x.row == in.w * in.c;
  if (kh * kw * stride == 1 && p == Padding(0) && rows_touch) {  // all pixels in one product
    std::vector<int> at;
    for (long i = 0; i < out.h * out.w; ++i) at.push_back(int(i / out.w * y.row + i % out.w * out.c));
    places_.push_back(std::move(at));
    steps_.push_back([=, kernel = &kernel_, place = places_.back().data()](real* work) {
      kernel->infer_matmul({out.h * out.w, int(in.c), int(out.c)}, work + x.first, k, e, work + y.first, place);
    });
    return;
  }
  steps_.push_back([=, kernel = &kernel_](real* work) {
    kernel->infer_conv(shape, Strided{work + from, x.row}, k, e, work + y.first, y.row);
  });
}

void Inference::compile_pool(const Graph& g, const Stage& s, int value) {
  const auto* max = std::get_if<Stage::MaxPool>(&s.op);
  const PoolOptions& o = max ? max->options : std::get<Stage::AvgPool>(s.op).options;
  const Extent in(g.shape(s.in[0])), out(s.out);
  const Value &x = values_[std::size_t(s.in[0])], &y = values_[std::size_t(value)];
  require(y.border == Padding(0), s.name, ": a pool in front of a padded convolution has no compiled form");
  const kernels::Pool p{1,
                        int(in.h),
                        int(in.w),
                        int(in.c),
                        int(out.h),
                        int(out.w),
                        o.kernel,
                        o.kernel,
                        o.stride ? o.stride : o.kernel,
                        o.padding.top,
                        o.padding.left};
  if (!max) {
    steps_.push_back([=, kernel = &kernel_](real* work) { kernel->avg_pool_forward(p, work + x.first, work + y.first); });
    return;
  }
  const long index = work_size_;  // the kernel's notes, unused here, lie behind the values
  work_size_ += kernels::padded(s.out.size()) * long(sizeof(int)) / long(sizeof(real)) + kernels::kPad;
  steps_.push_back([=, kernel = &kernel_](real* work) {
    kernel->max_pool_forward(p, work + x.first, work + y.first, reinterpret_cast<int*>(work + index));
  });
}

void Inference::compile(const Graph& g, const Stage& s, int value) {
  const Extent in(g.shape(s.in[0])), out(s.out);
  const Value x = values_[std::size_t(s.in[0])], y = values_[std::size_t(value)];
  require_moderate(s);
  if (!s.weights.empty()) return compile_conv(g, s, value);
  if (std::holds_alternative<Stage::MaxPool>(s.op) || std::holds_alternative<Stage::AvgPool>(s.op))
    return compile_pool(g, s, value);
  const kernels::Epilogue e = epilogue(s);
  if (std::holds_alternative<Stage::Mean>(s.op)) {
    steps_.push_back([=, kernel = &kernel_](real* work) {
      kernel->infer_mean(int(in.h), int(in.w), int(in.c), Strided{work + x.first, x.row}, e, work + y.first);
    });
  } else if (std::holds_alternative<Stage::Add>(s.op)) {
    const Value z = values_[std::size_t(s.in[1])];
    steps_.push_back([=, kernel = &kernel_](real* work) {
      kernel->infer_add(int(out.h), out.w * out.c, Strided{work + x.first, x.row}, Strided{work + z.first, z.row}, e,
                        work + y.first, y.row);
    });
  } else if (const auto* p = std::get_if<Stage::Pointwise>(&s.op)) {
    steps_.push_back([=, kernel = &kernel_, op = *p](real* work) {
      for (long h = 0; h < out.h; ++h)
        kernel->pointwise_forward(op.index, op.formula.data(), out.w * out.c, work + x.first + h * x.row,
                                  work + y.first + h * y.row);
    });
  } else {  // reshape
    const long n = s.out.size();
    steps_.push_back([=](real* work) { std::copy_n(work + x.first, n, work + y.first); });
  }
}

void Inference::run(real* work, std::span<real> out) const {
  for (const Step& step : steps_) step(work);
  std::copy_n(work + values_[std::size_t(result_)].first, output_.size(), out.begin());
}

void Inference::logits(std::span<const std::uint8_t> image, std::span<real> out) const {
  require(long(image.size()) == input_.size() && long(out.size()) == classes(), "inference: the image has ", image.size(),
          " numbers and the output ", out.size(), ", expected ", input_.size(), " and ", classes());
  const Extent in(input_);
  kernel_.infer_bytes(int(in.h), in.w * in.c, image.data(), work_.data() + values_[0].first, values_[0].row);
  run(work_.data(), out);
}

void Inference::logits(std::span<const real> image, std::span<real> out) const {
  require(long(image.size()) == input_.size() && long(out.size()) == classes(), "inference: the image has ", image.size(),
          " numbers and the output ", out.size(), ", expected ", input_.size(), " and ", classes());
  const Extent in(input_);
  for (long h = 0; h < in.h; ++h)
    std::copy_n(image.data() + h * in.w * in.c, in.w * in.c, work_.data() + values_[0].first + h * values_[0].row);
  run(work_.data(), out);
}

void Inference::logits(Bytes images, std::span<real> out) const {
  const Extent in(input_);
  const long n = images.shape.rank() ? images.shape[0] : 0;
  require(n * input_.size() == images.shape.size() && long(out.size()) == n * classes(), "inference: images ", images.shape,
          " and an output of ", out.size(), " numbers, expected [n] x ", input_, " and n x ", classes());
  parallel_for(threads_, int(n), [&](int i, int thread) {
    real* work = work_.data() + work_size_ * thread;
    kernel_.infer_bytes(int(in.h), in.w * in.c, images.data + i * input_.size(), work + values_[0].first, values_[0].row);
    run(work, out.subspan(std::size_t(i * classes()), std::size_t(classes())));
  });
}

}  // namespace six
