#pragma once
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "error.h"
#include "real.h"
#include "shape.h"

namespace six {

// A member that tells whether the object it is in still exists; copies have one of their own.
class Life {
 public:
  Life() : token_(std::make_shared<char>()) {}
  Life(const Life&) : Life() {}
  Life& operator=(const Life&) = delete;
  std::weak_ptr<const void> watch() const { return token_; }

 private:
  std::shared_ptr<char> token_;
};

// A trainable tensor, by name; its numbers live in the slabs of the ParamSet that owns it.
struct Param {
  std::string name;       // torch-like path, "layers.3.weight"
  Shape shape;            // in memory order (convolutions [kh, kw, c, k], linear [in, out])
  long offset = 0;        // of the first element in the slabs
  bool decays = true;     // false for biases and batch norm's gamma and beta
  bool trainable = true;  // false: frozen, optimizers pass it by
};

// State that is saved with the parameters but never trained: batch norm's running statistics.
struct Buffer {
  std::string name;
  Shape shape;
  long offset = 0;
};

// The parameters of a model in two slabs, values and gradients, 64-byte aligned; buffers in a third.
// Slabs move when something is added: build first, then take pointers. Nothing is assigned to a set, which others refer to.
class ParamSet {
 public:
  // Adds a parameter of zeros; returns its index. Throws if the name is taken.
  int add(std::string name, Shape shape, bool decays);
  // Adds a buffer; returns its index. Throws if the name is taken.
  int add_buffer(std::string name, Shape shape, real value);

  std::vector<Param>& params() { return params_; }
  const std::vector<Param>& params() const { return params_; }
  const std::vector<Buffer>& buffers() const { return buffers_; }
  long size() const { return long(values_.size()); }  // of a slab, in elements (all parameters, frozen ones too)

  real* values() { return values_.data(); }
  const real* values() const { return values_.data(); }
  real* grads() { return grads_.data(); }
  const real* grads() const { return grads_.data(); }
  real* value(int i) { return values() + params_[i].offset; }
  const real* value(int i) const { return values() + params_[i].offset; }
  real* grad(int i) { return grads() + params_[i].offset; }
  const real* grad(int i) const { return grads() + params_[i].offset; }
  real* buffer(int i) { return buffer_values_.data() + buffers_[i].offset; }
  const real* buffer(int i) const { return buffer_values_.data() + buffers_[i].offset; }
  long buffer_size() const { return long(buffer_values_.size()); }
  real* buffer_values() { return buffer_values_.data(); }
  const real* buffer_values() const { return buffer_values_.data(); }

  // Gradients add up over backward calls until an optimizer's step marks them used; the next backward starts from zero.
  // They stay readable after the step.
  void mark_grads_used() { grads_used_ = true; }
  // Zeroes the gradients if they were used; `training` is that of the tape.
  void begin_backward(bool training = true);
  bool grads_used() const { return grads_used_; }  // nothing new in them since then

  // Gradients of a tape in inference mode (running statistics, no dropout) are rarely meant to be trained with: optimizers refuse
  // them unless this is set.
  void allow_inference_gradients() { inference_allowed_ = true; }
  bool trainable_gradients() const { return inference_allowed_ || !from_inference_; }

  std::weak_ptr<const void> watch() const { return life_.watch(); }  // expires with the set

  // The values are somebody else's until this expires: Ema::swap_in.
  void lend(std::weak_ptr<const void> until) { lent_ = std::move(until); }
  bool lent() const { return !lent_.expired(); }
  // Throws, beginning with `where`, while they are.
  template <class... Where>
  void require_not_lent(const Where&... where) const {
    require(!lent(), where..., " while the averages are swapped in; end the swap first");
  }

 private:
  template <class T>
  struct Aligned {  // minimal allocator: 64-byte aligned slabs
    using value_type = T;
    Aligned() = default;
    template <class U>
    Aligned(const Aligned<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64))); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t(64)); }
    bool operator==(const Aligned&) const { return true; }
  };
  using Slab = std::vector<real, Aligned<real>>;

  void require_new_name(const std::string& name) const;

  std::vector<Param> params_;
  std::vector<Buffer> buffers_;
  Slab values_, grads_, buffer_values_;
  bool grads_used_ = true, from_inference_ = false, inference_allowed_ = false;
  Life life_;
  std::weak_ptr<const void> lent_;
};

}  // namespace six
