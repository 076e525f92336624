#pragma once
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <vector>

#include "../core/bytes.h"
#include "../core/rng.h"
#include "augment.h"

namespace six {

struct Split;

struct BatchOptions {
  std::optional<std::uint64_t> shuffle_seed = std::nullopt;  // absent: file order
  std::uint64_t epoch = 0;                                   // with one seed, every epoch has its own order and augmentation
  std::optional<bool> drop_last = std::nullopt;              // leave out the last batch if it is not full; default: when shuffled
  Augment augment = {};
  int threads = 1;       // for augmentation; the result is the same for any number
  long first_batch = 0;  // to go on inside an epoch
};

// Some images with their labels; valid until the next one is asked for.
struct Batch {
  Bytes images;                            // [n, h, w, c]
  std::span<const int> labels;             // n of them
  std::span<const std::uint32_t> samples;  // their indices in the split
  long index = 0;                          // number of the batch within the epoch
};

// The batches of one epoch, in an order and with changes that depend on seed and epoch only. Refers to the split, which must
// outlive it. After construction nothing is allocated, neither by iterating nor by restart.
class Batches {
 public:
  // Throws if the split is empty or inconsistent, an option is out of range, or no full batch exists and partial ones are dropped.
  Batches(const Split& split, long batch_size, const BatchOptions& options);
  Batches(Batches&&) = default;
  Batches(const Batches&) = delete;  // two would not share the buffer

  // Starts again, usually with another epoch. Throws like the constructor; `threads` may not grow.
  void restart(const BatchOptions& options);
  // The next batch, or nullptr at the end of the epoch.
  const Batch* next();
  long count() const { return count_; }  // batches of the epoch, those before first_batch included

  // For range-for: a single pass from `first_batch`.
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    using pointer = const Batch*;
    using reference = const Batch&;
    reference operator*() const { return *batch_; }
    pointer operator->() const { return batch_; }
    iterator& operator++() {
      batch_ = owner_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return batch_ == nullptr; }

   private:
    friend class Batches;
    explicit iterator(Batches* owner) : owner_(owner), batch_(owner->next()) {}
    Batches* owner_;
    const Batch* batch_;
  };
  iterator begin() {
    next_ = options_.first_batch;
    return iterator(this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  void gather(std::span<const std::uint32_t> samples);

  const Split* split_;
  long batch_size_, count_ = 0, next_ = 0;
  BatchOptions options_;
  Augmenter augmenter_;
  int threads_;                       // the augmenter has room for
  std::vector<std::uint32_t> order_;  // of the split's samples
  std::vector<std::uint8_t> pixels_;
  std::vector<int> labels_;
  Batch batch_;
};

}  // namespace six
