#pragma once
// What ops share: limits, scratch for each thread, and gradients of weights summed over the blocks in block order.
#include <algorithm>
#include <climits>

#include "../tape.h"

namespace six {

// Throws unless every place in an image of `channels` can be an int, as kernels count: padded, and one step more.
inline void require_countable(const char* op, const Shape& x, long channels, long border_h, long border_w, int stride) {
  const double numbers =
      (double(x[1]) + double(border_h) + stride) * (double(x[2]) + double(border_w) + stride) * double(kernels::padded(channels));
  require(numbers <= INT_MAX, op, ": an image of ", channels, " channels, with padding and stride ", stride, ", has ", numbers,
          " numbers, at most ", INT_MAX, " are supported (x ", x, ")");
}

// Per-thread scratch of `each` numbers, and per-block partial gradients [kMaxBlocks][rows][padded(columns)]. Only one is alive at
// a time: they share the lanes.
class BlockMemory {
 public:
  BlockMemory(const Context& c, long each, long rows = 0, long columns = 0)
      : lanes_(c.lanes), threads_(std::min(c.threads, kMaxBlocks)), each_((each + 15) / 16 * 16), rows_(rows), columns_(columns) {
    lanes_.reserve(each_ + rows * kernels::padded(columns));
  }
  real* scratch(int thread) const { return lanes_.lane(kMaxBlocks * thread / threads_); }  // the lane of its first block
  real* part(int block) const { return rows_ ? lanes_.lane(block) + each_ : nullptr; }

  // The sum over the blocks of `samples` samples, in block order, put into `dw`, the sink of input i (opened
  // before this memory, which is taken back first).
  void put_sum(const Back& b, int i, const Sink& dw, long samples) const {
    if (!dw) return;
    real* sum = b.memory.fresh<real>(rows_ * columns_);
    const long padded = kernels::padded(columns_);
    b.blocks(rows_, rows_ * columns_ * kMaxBlocks, [&](int, Block range, int) {
      for (long r = range.begin; r < range.end; ++r) {
        real* to = sum + r * columns_;
        bool first = true;
        for (int block = 0; block < kMaxBlocks; ++block) {
          if (!block_of(samples, block).size()) continue;
          const real* from = part(block) + r * padded;
          if (std::exchange(first, false))
            std::copy_n(from, columns_, to);
          else
            for (long j = 0; j < columns_; ++j) to[j] += from[j];
        }
        if (first) std::fill_n(to, columns_, real(0));
      }
    });
    b.put(i, dw, sum);
  }

 private:
  Lanes& lanes_;
  int threads_;
  long each_, rows_, columns_;
};

// Gradient of a plain input, written by f(range of samples, out): into its place, or beside it and then added.
template <class F>
void emit(const Back& b, int i, const Tensor& x, F&& f) {
  const Sink dx = b.into(i);
  if (!dx) return;
  Arena::Scratch undo(b.memory);
  real* out = dx.stores ? dx.g : b.memory.fresh<real>(x.size());
  b.blocks(x.shape.samples(), x.size(), [&](int, Block range, int) { f(range, out); });
  const long per = x.shape.sample_size();
  if (!dx.stores)
    b.blocks(x.shape.samples(), x.size(), [&](int, Block range, int) {
      b.kernel.axpy(range.size() * per, 1, out + range.begin * per, dx.g + range.begin * per, dx.g + range.begin * per);
    });
}

}  // namespace six
