#include "batches.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "../core/error.h"
#include "../core/parallel.h"
#include "dataset.h"

namespace six {
namespace {

const Split& checked_split(const Split& split) {
  check_split(split, "batches", LabelCheck::count_only);
  return split;
}

}  // namespace

Batches::Batches(const Split& split, long batch_size, const BatchOptions& options)
    : split_(&checked_split(split)),
      batch_size_(batch_size),
      augmenter_(options.augment, split.image, options.threads),
      threads_(options.threads) {
  require(batch_size >= 1, "batches: batch size ", batch_size, ", must be at least 1");
  const std::size_t n = std::size_t(std::min(batch_size, split.size()));
  order_.resize(std::size_t(split.size()));
  pixels_.resize(n * std::size_t(split.image.size()));
  labels_.resize(n);
  restart(options);
}

void Batches::restart(const BatchOptions& options) {
  const long n = split_->size();
  const bool drop = options.drop_last.value_or(options.shuffle_seed.has_value());
  const long count = n / batch_size_ + (!drop && n % batch_size_ != 0);
  require(count > 0, "batches: batch size ", batch_size_, " exceeds the ", n,
          " images and partial batches are dropped; use a smaller batch or drop_last = false");
  require(options.first_batch >= 0 && options.first_batch <= count, "batches: first_batch is ", options.first_batch,
          ", the epoch has ", count);
  require(options.threads >= 1 && options.threads <= threads_, "batches: ", options.threads, " threads, from 1 to ", threads_,
          " are possible");
  augmenter_.set(options.augment);
  options_ = options;
  count_ = count;
  next_ = options.first_batch;
  std::iota(order_.begin(), order_.end(), 0u);
  if (!options.shuffle_seed) return;
  const Rng rng(*options.shuffle_seed, Purpose::shuffle, options.epoch);
  for (std::size_t i = order_.size() - 1; i > 0; --i) std::swap(order_[i], order_[rng.below(i, i + 1)]);  // Fisher and Yates
}

const Batch* Batches::next() {
  if (next_ >= count_) return nullptr;
  const long first = next_ * batch_size_, n = std::min(batch_size_, split_->size() - first);
  gather(std::span(order_).subspan(std::size_t(first), std::size_t(n)));
  const Shape& image = split_->image;
  batch_ = {{pixels_.data(), {n, image[0], image[1], image[2]}},
            {labels_.data(), std::size_t(n)},
            {order_.data() + first, std::size_t(n)},
            next_++};
  return &batch_;
}

void Batches::gather(std::span<const std::uint32_t> samples) {
  const std::size_t size = std::size_t(split_->image.size());
  for (std::size_t i = 0; i < samples.size(); ++i) labels_[i] = split_->labels[samples[i]];
  if (!options_.augment.any()) {
    for (std::size_t i = 0; i < samples.size(); ++i)
      std::memcpy(pixels_.data() + i * size, split_->pixels.data() + samples[i] * size, size);
    return;
  }
  const Rng rng(options_.shuffle_seed.value_or(0), Purpose::augment, options_.epoch);
  parallel_for(options_.threads, int(samples.size()), [&](int i, int thread) {
    const std::uint32_t sample = samples[std::size_t(i)];
    augmenter_.warp(augmenter_.draw(rng, sample), split_->pixels.data() + sample * size, pixels_.data() + std::size_t(i) * size,
                    thread);
  });
}

}  // namespace six
