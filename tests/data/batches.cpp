#include "../../data/batches.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "../../data/dataset.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

// n images of 1x2x1, image i holding i and i + 100, labelled i % 7.
Split numbered(long n) {
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
  for (long i = 0; i < n; ++i) {
    pixels.insert(pixels.end(), {std::uint8_t(i), std::uint8_t(i + 100)});
    labels.push_back(int(i % 7));
  }
  return make_split({1, 2, 1}, std::move(pixels), std::move(labels), 7);
}

// The samples in the order they come; checks each batch against the split.
std::vector<std::uint32_t> order_of(Batches& batches, const Split& split, long batch_size) {
  std::vector<std::uint32_t> order;
  for (const Batch& b : batches) {
    const long n = b.images.shape[0];
    CHECK(b.images.shape == Shape{n, 1, 2, 1});
    CHECK(n <= batch_size);
    REQUIRE(long(b.labels.size()) == n);
    REQUIRE(long(b.samples.size()) == n);
    for (long i = 0; i < n; ++i) {
      const std::uint32_t s = b.samples[std::size_t(i)];
      CHECK(int(b.images.data[2 * i]) == int(s));
      CHECK(int(b.images.data[2 * i + 1]) == int(s) + 100);
      CHECK(b.labels[std::size_t(i)] == split.labels[s]);
      order.push_back(s);
    }
  }
  return order;
}
std::vector<std::uint32_t> order_of(const Split& split, long batch_size, const BatchOptions& options) {
  Batches batches = split.batches(batch_size, options);
  return order_of(batches, split, batch_size);
}
std::vector<std::uint32_t> counted(std::uint32_t from, std::uint32_t to) {
  std::vector<std::uint32_t> out;
  for (; from < to; ++from) out.push_back(from);
  return out;
}
std::vector<std::uint32_t> sorted(std::vector<std::uint32_t> v) {
  std::sort(v.begin(), v.end());
  return v;
}

}  // namespace

TEST_CASE("batches: without a seed in file order, the last one partial") {
  const Split split = numbered(11);
  CHECK(order_of(split, 4, {}) == counted(0, 11));
  CHECK(split.batches(4).count() == 3);
  CHECK(order_of(split, 4, {.drop_last = true}) == counted(0, 8));
  CHECK(order_of(split, 100, {}) == counted(0, 11));
  CHECK(order_of(split, std::numeric_limits<long>::max(), {}) == counted(0, 11));
  long index = 0;
  for (const Batch& b : split.batches(4)) CHECK(b.index == index++);
  CHECK(index == 3);
}

TEST_CASE("batches: with a seed a permutation of its own per seed and epoch, full batches only") {
  const Split split = numbered(100);
  const auto a = order_of(split, 10, {.shuffle_seed = 1});
  CHECK(a != counted(0, 100));
  CHECK(sorted(a) == counted(0, 100));
  CHECK(order_of(split, 10, {.shuffle_seed = 1}) == a);
  CHECK(order_of(split, 25, {.shuffle_seed = 1}) == a);
  CHECK(order_of(split, 10, {.shuffle_seed = 2}) != a);
  CHECK(order_of(split, 10, {.shuffle_seed = 1, .epoch = 1}) != a);
  CHECK(order_of(split, 30, {.shuffle_seed = 1}) == std::vector(a.begin(), a.begin() + 90));
  CHECK(order_of(split, 30, {.shuffle_seed = 1, .drop_last = false}) == a);
  // The definition, written out: Fisher and Yates from the end, with the numbers of (seed, shuffle, epoch).
  auto expected = counted(0, 100);
  for (std::uint64_t i = 99; i > 0; --i) std::swap(expected[i], expected[Rng(1, Purpose::shuffle, 0).below(i, i + 1)]);
  CHECK(a == expected);
  CHECK(order_of(numbered(1), 1, {.shuffle_seed = 1}) == counted(0, 1));
}

TEST_CASE("batches: the order for a seed is fixed for good") {
  CHECK(order_of(numbered(10), 10, {.shuffle_seed = 42, .epoch = 3}) == std::vector<std::uint32_t>{1, 3, 6, 8, 5, 4, 0, 7, 9, 2});
}

TEST_CASE("batches: every place is equally likely for every sample") {
  const Split split = numbered(6);
  int counts[6][6] = {};
  Batches batches = split.batches(6, {.shuffle_seed = 0});
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    batches.restart({.shuffle_seed = seed});
    const Batch* b = batches.next();
    for (int i = 0; i < 6; ++i) ++counts[i][b->samples[std::size_t(i)]];
  }
  double chi2 = 0;
  for (const auto& row : counts) {
    for (const int n : row) chi2 += (n - 1000.) * (n - 1000.) / 1000;
  }
  CHECK(chi2 < 60);  // 25 degrees of freedom: 52.6 is exceeded once in a thousand seeds, and these are fixed
}

TEST_CASE("batches: an epoch can be entered in the middle") {
  const Split split = numbered(23);
  const auto whole = order_of(split, 5, {.shuffle_seed = 4, .drop_last = false});
  for (long first = 0; first <= 5; ++first) {
    const auto rest = order_of(split, 5, {.shuffle_seed = 4, .drop_last = false, .first_batch = first});
    CHECK(rest == std::vector(whole.begin() + std::min(5 * first, 23L), whole.end()));
  }
  Batches batches = split.batches(5, {.shuffle_seed = 4, .first_batch = 2});
  CHECK(batches.next()->index == 2);
  CHECK(batches.count() == 4);
}

TEST_CASE("batches: the next epoch needs no memory") {
  const Split split = numbered(40);
  Batches batches = split.batches(7, {.shuffle_seed = 1, .augment = {.shift = 1}, .threads = 2});
  const Batch first = *batches.next();
  for (std::uint64_t epoch = 1; epoch < 4; ++epoch) {
    batches.restart({.shuffle_seed = 1, .epoch = epoch, .drop_last = false, .threads = 2});
    CHECK(order_of(batches, split, 7) == order_of(split, 7, {.shuffle_seed = 1, .epoch = epoch, .drop_last = false}));
    batches.restart({.shuffle_seed = 1, .epoch = epoch});
    while (const Batch* b = batches.next()) {
      CHECK(b->images.data == first.images.data);
      CHECK(b->labels.data() == first.labels.data());
      CHECK(b->samples.data() == first.samples.data() + 7 * b->index);
    }
    CHECK(batches.next() == nullptr);
  }
  Batches moved = std::move(batches);
  CHECK(order_of(moved, split, 7).size() == 35);
}

TEST_CASE("batches: an int epoch is a seed, as in the quickstart") {
  const Dataset data = load_digits();
  long images = 0;
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (const Batch& batch : data.train.batches(128, {.shuffle_seed = epoch})) images += long(batch.labels.size());
  }
  CHECK(images == 2 * 11 * 128);
}

TEST_CASE("batches: options out of range are Errors") {
  const Split split = numbered(10);
  const auto made = [&](long size, const BatchOptions& options) { return message_of([&] { split.batches(size, options); }); };
  CHECK(contains(made(0, {}), {"batch size 0"}));
  CHECK(contains(made(-3, {}), {"batch size -3"}));
  CHECK(contains(made(11, {.shuffle_seed = 1}), {"batch size 11", "10 images", "drop_last"}));
  CHECK(made(10, {.shuffle_seed = 1}) == "no error");
  CHECK(made(11, {}) == "no error");
  CHECK(contains(made(4, {.first_batch = 4}), {"first_batch is 4", "3"}));
  CHECK(contains(made(4, {.first_batch = -1}), {"first_batch is -1"}));
  CHECK(contains(made(4, {.threads = 0}), {"0 threads"}));
  CHECK(contains(made(4, {.augment = {.scale = 2}}), {"scale is 2"}));
  Batches batches = split.batches(4);
  CHECK(contains(message_of([&] { batches.restart({.threads = 2}); }), {"2 threads", "1 to 1"}));
  CHECK(contains(message_of([&] { batches.restart({.augment = {.shift = -1}}); }), {"shift is -1"}));
  CHECK(order_of(batches, split, 4) == counted(0, 10));  // as if nothing had been asked

  Split broken = numbered(10);
  broken.labels.pop_back();
  CHECK(contains(message_of([&] { broken.batches(4); }), {"batches: 10 images, but 9 labels"}));
  CHECK(contains(message_of([&] {
                   Split empty;
                   empty.batches(4);
                 }),
                 {"batches: "}));
  const Dataset data = load_digits();
  CHECK(contains(message_of([&] { data.validation.batches(4); }), {"batches: no images"}));
}
