#include "../../data/dataset.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "../../data/idx.h"
#include "support.h"

using namespace six;
using namespace six::test;

namespace {

std::string images_file(std::uint32_t n, std::uint32_t h = 2, std::uint32_t w = 3) {
  Idx idx{IdxType::u8, {n, h, w}, std::vector<std::uint8_t>(std::size_t(n) * h * w)};
  for (std::size_t i = 0; i < idx.bytes.size(); ++i) idx.bytes[i] = std::uint8_t(i);
  return idx_bytes(idx);
}
std::string labels_file(std::uint32_t n, std::uint8_t last = 0) {
  Idx idx{IdxType::u8, {n}, std::vector<std::uint8_t>(n)};
  for (std::size_t i = 0; i < n; ++i) idx.bytes[i] = std::uint8_t(i % 10);
  if (last) idx.bytes.back() = last;
  return idx_bytes(idx);
}

// The four files, spelt with - or . and packed or not.
void put_mnist(const TempFolder& folder, const std::string& dot, const std::string& ending, std::uint32_t train = 12,
               std::uint32_t test = 4) {
  const auto packed = [&](const std::string& content) { return ending.empty() ? content : gzip(content); };
  put(folder / ("train-images" + dot + "idx3-ubyte" + ending), packed(images_file(train)));
  put(folder / ("train-labels" + dot + "idx1-ubyte" + ending), packed(labels_file(train)));
  put(folder / ("t10k-images" + dot + "idx3-ubyte" + ending), packed(images_file(test)));
  put(folder / ("t10k-labels" + dot + "idx1-ubyte" + ending), packed(labels_file(test)));
}

Split small(long n, int classes = 3) {
  std::vector<std::uint8_t> pixels(std::size_t(2 * n));
  std::vector<int> labels;
  for (long i = 0; i < n; ++i) pixels[std::size_t(2 * i)] = std::uint8_t(i), labels.push_back(int(i) % classes);
  return make_split({1, 2, 1}, std::move(pixels), std::move(labels), classes);
}

}  // namespace

TEST_CASE("dataset: MNIST in both spellings, plain and gzip, is the same set") {
  std::uint32_t digest = 0;
  for (const char* dot : {"-", "."}) {
    for (const char* ending : {"", ".gz"}) {
      const TempFolder folder;
      CHECK_FALSE(has_mnist(folder.path()));
      put_mnist(folder, dot, ending);
      CHECK(has_mnist(folder.path()));
      const Dataset data = load_mnist(folder.path());
      CHECK(data.name == "mnist");
      CHECK(data.train.size() == 12);
      CHECK(data.test.size() == 4);
      CHECK(data.validation.size() == 0);
      CHECK(data.train.image == Shape{2, 3, 1});
      CHECK(data.train.classes == 10);
      CHECK(int(data.train.pixels[13]) == 13);
      CHECK(data.train.labels[11] == 1);
      if (digest == 0) digest = data.digest;
      CHECK(data.digest == digest);
    }
  }
  CHECK(digest != 0);
}

TEST_CASE("dataset: a missing MNIST file names the folder, the spellings and the remedy") {
  for (const char* name :
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    const TempFolder folder;
    put_mnist(folder, "-", "");
    REQUIRE(std::remove((folder / name).c_str()) == 0);
    const std::string message = message_of([&] { load_mnist(folder.path()); });
    std::string dotted = name;
    dotted[dotted.find("-idx")] = '.';
    CHECK(contains(message, {folder.path() + ": has no " + name, dotted, ".gz", "--data", "MNIST_DIR"}));
    CHECK_FALSE(has_mnist(folder.path()));
  }
  CHECK(contains(message_of([] { load_mnist("/no/such/folder"); }), {"/no/such/folder: has no train-images"}));
}

TEST_CASE("dataset: IDX files that do not fit together") {
  const TempFolder folder;
  const std::string images = folder / "images", labels = folder / "labels";
  const auto loaded = [&](std::string_view x, std::string_view y) {
    put(images, x), put(labels, y);
    return message_of([&] { load_idx(images, labels, 10); });
  };
  CHECK(loaded(images_file(3), labels_file(3)) == "no error");
  CHECK(contains(loaded(images_file(3), labels_file(4)), {labels + ": 4 labels", images + " has 3 images"}));
  CHECK(contains(loaded(images_file(3), labels_file(3, 10)), {labels + ": label 2 is 10", "0 to 9"}));
  CHECK(contains(loaded(labels_file(3), labels_file(3)), {images + ": ", "rank 3 (images)"}));
  CHECK(contains(loaded(images_file(3), images_file(3)), {labels + ": ", "rank 1 (labels)"}));
  CHECK(contains(loaded(images_file(3).substr(0, 20), labels_file(3)), {images + ": ", "truncated"}));
  CHECK(load_idx(images, (loaded(images_file(3), labels_file(3, 25)), labels), 26).labels.back() == 25);

  const std::uint32_t most = 1u << 24;  // images, also if each is one pixel
  CHECK(contains(loaded(images_file(most + 1, 1, 1), labels_file(3)), {images + ": has 16777217 images", "at most 16777216"}));
  CHECK(contains(loaded(images_file(most, 1, 1), labels_file(3)), {labels + ": 3 labels"}));

  put_mnist(folder, "-", "");
  put(folder / "t10k-images-idx3-ubyte", images_file(4, 3, 2));
  CHECK(contains(message_of([&] { load_mnist(folder.path()); }), {"mnist: training images are [2,3,1]", "[3,2,1]"}));
}

TEST_CASE("dataset: the real MNIST, where MNIST_DIR has it") {
  const char* folder = std::getenv("MNIST_DIR");
  if (!folder) {
    MESSAGE("MNIST_DIR is not set: skipped");
    return;
  }
  const Dataset data = load_mnist(folder);
  CHECK(data.train.size() == 60'000);
  CHECK(data.test.size() == 10'000);
  CHECK(data.train.image == Shape{28, 28, 1});
  CHECK(std::vector(data.train.labels.begin(), data.train.labels.begin() + 5) == std::vector<int>{5, 0, 4, 1, 9});
  CHECK(std::vector(data.test.labels.begin(), data.test.labels.begin() + 5) == std::vector<int>{7, 2, 1, 0, 4});
  double sum = 0;
  for (const std::uint8_t p : data.train.pixels) sum += p;
  CHECK(sum / 255 / double(data.train.pixels.size()) == doctest::Approx(0.1307).epsilon(1e-3));  // the mean everyone normalises by
}

TEST_CASE("dataset: the embedded digits in their own order") {
  const Dataset data = load_digits();
  CHECK(data.name == "digits");
  CHECK(data.train.size() == 1437);
  CHECK(data.test.size() == 360);
  CHECK(data.train.image == Shape{8, 8, 1});
  CHECK(data.train.classes == 10);
  CHECK(data.digest == load_digits().digest);
  CHECK(data.train.labels.front() == 0);
  CHECK(data.test.labels.back() == 8);
}

TEST_CASE("dataset: from arrays of bytes and of numbers from 0 to 1") {
  const Split bytes = make_split({1, 2, 1}, std::vector<std::uint8_t>{0, 255, 128, 1}, {1, 0}, 2);
  const std::vector<float> numbers = {0, 1, 128.f / 255, 1.4f / 255};
  const Split floats = make_split({1, 2, 1}, numbers, {1, 0}, 2);
  CHECK(floats.pixels == bytes.pixels);
  CHECK(floats.labels == std::vector<int>{1, 0});
  for (const float bad : {-0.01f, 1.01f, std::nanf(""), HUGE_VALF, 255.f}) {
    const std::vector<float> with = {0, bad};
    CHECK(contains(message_of([&] { make_split({1, 1, 1}, with, {0, 0}, 1); }), {"pixel 1 is ", "from 0 to 1"}));
  }
}

TEST_CASE("dataset: arrays that do not fit together") {
  const auto made = [](const Shape& image, std::size_t pixels, std::vector<int> labels, int classes) {
    return message_of([&] { make_split(image, std::vector<std::uint8_t>(pixels), labels, classes); });
  };
  CHECK(made({2, 2, 1}, 8, {0, 1}, 2) == "no error");
  CHECK(contains(made({2, 2, 1}, 12, {0, 1}, 2), {"3 images, but 2 labels"}));
  CHECK(contains(made({2, 2, 1}, 9, {0, 1}, 2), {"9 bytes", "[2,2,1]"}));
  CHECK(contains(made({2, 2}, 8, {0, 1}, 2), {"[h, w, c]", "[2,2]"}));
  CHECK(contains(made({2, 0, 1}, 0, {}, 2), {"positive", "[2,0,1]"}));
  CHECK(contains(made({2, 2, 1}, 0, {}, 2), {"no images"}));
  CHECK(contains(made({2, 2, 1}, 8, {0, 2}, 2), {"label 1 is 2", "0 to 1"}));
  CHECK(contains(made({2, 2, 1}, 8, {-1, 0}, 2), {"label 0 is -1"}));
  CHECK(contains(made({2, 2, 1}, 8, {0, 0}, 0), {"0 classes"}));
  CHECK(contains(made({2, 2, 1}, 8, {0, 0}, 16385), {"16385 classes", "from 1 to 16384"}));
}

TEST_CASE("dataset: parts of one set agree, and its digest is that of its content") {
  const Dataset data = make_dataset("own", small(6), small(4));
  CHECK(data.digest == make_dataset("renamed", small(6), small(4)).digest);
  CHECK(data.digest != make_dataset("own", small(5), small(4)).digest);
  Split changed = small(4);
  changed.labels[3] = 2;
  CHECK(data.digest != make_dataset("own", small(6), changed).digest);
  CHECK(contains(message_of([] { make_dataset("own", small(6), small(4, 2)); }), {"own: 3 classes", "2"}));
  CHECK(contains(message_of([] {
                   make_dataset("own", small(6), make_split({2, 1, 1}, std::vector<std::uint8_t>(2), {0}, 3));
                 }),
                 {"[1,2,1]", "[2,1,1]"}));
  CHECK(contains(message_of([] { make_dataset("own", small(6), Split{{1, 2, 1}, {}, {}, 3}); }), {"own: test: no images"}));
  CHECK(contains(message_of([] { make_dataset("own", Split{}, small(6)); }), {"own: train: "}));
}

TEST_CASE("dataset: validation is the end of the training part") {
  Dataset data = make_dataset("own", small(10), small(4));
  const std::uint32_t digest = data.digest;
  const Split before = data.train;
  split_validation(data, 0);
  CHECK(data.train.size() == 10);
  split_validation(data, 3);
  CHECK(data.train.size() == 7);
  CHECK(data.train.pixels.size() == 14);
  CHECK(data.validation.size() == 3);
  CHECK(data.validation.image == before.image);
  CHECK(data.validation.classes == 3);
  CHECK(data.validation.labels == std::vector(before.labels.begin() + 7, before.labels.end()));
  CHECK(data.validation.pixels == std::vector(before.pixels.begin() + 14, before.pixels.end()));
  CHECK(data.digest == digest);
  CHECK(contains(message_of([&] { split_validation(data, 1); }), {"already a validation part of 3"}));
  Dataset other = make_dataset("own", small(10), small(4));
  CHECK(contains(message_of([&] { split_validation(other, 10); }), {"own: cannot take 10 of 10"}));
  CHECK(contains(message_of([&] { split_validation(other, -1); }), {"cannot take -1"}));
  CHECK(other.train.size() == 10);
}

TEST_CASE("dataset: a range of images without a copy") {
  const Split split = small(5);
  const Bytes two = split.bytes(1, 2);
  CHECK(two.data == split.pixels.data() + 2);
  CHECK(two.shape == Shape{2, 1, 2, 1});
  CHECK(split.bytes(5, 0).shape == Shape{0, 1, 2, 1});
  for (const auto& [first, count] :
       {std::pair<long, long>{-1, 1}, {0, 6}, {5, 1}, {0, -1}, {6, 0}, {1, std::numeric_limits<long>::max()}}) {
    CHECK(contains(message_of([&, f = first, n = count] { split.bytes(f, n); }), {"split: ", "of 5"}));
  }
}
