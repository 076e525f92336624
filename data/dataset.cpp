#include "dataset.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "../core/error.h"
#include "digits.h"
#include "file.h"
#include "idx.h"

namespace six {
namespace {

constexpr int kMnistClasses = 10;
constexpr std::uint32_t kMaxImages = 1u << 24;  // of a file: a label takes one byte there and four here
constexpr const char* kMnistParts[] = {"train-images", "train-labels", "t10k-images", "t10k-labels"};

std::array<std::string, 4> spellings(std::string_view part) {
  const std::string name(part), kind = part.ends_with("images") ? "idx3-ubyte" : "idx1-ubyte";
  return {name + '-' + kind, name + '-' + kind + ".gz", name + '.' + kind, name + '.' + kind + ".gz"};
}

std::optional<std::string> find_mnist(const std::string& folder, std::string_view part) {
  for (const std::string& name : spellings(part)) {
    if (file_exists(folder + '/' + name)) return folder + '/' + name;
  }
  return std::nullopt;
}

std::uint32_t digest_of(const Split& split, std::uint32_t before) {
  const std::span<const int> labels(split.labels);
  const std::uint32_t crc = crc32(split.pixels, before);
  return crc32({reinterpret_cast<const std::uint8_t*>(labels.data()), labels.size_bytes()}, crc);
}

}  // namespace

Bytes Split::bytes(long first, long count) const {
  require(first >= 0 && count >= 0 && first <= size() && count <= size() - first, "split: ", count, " images from ", first,
          " on, of ", size());
  return {pixels.data() + first * image.size(), {count, image[0], image[1], image[2]}};
}

Batches Split::batches(long batch_size, const BatchOptions& options) const& { return {*this, batch_size, options}; }

void check_split(const Split& split, const std::string& where, LabelCheck labels) {
  const Shape& image = split.image;
  require(image.rank() == 3 && image.size() > 0, where, ": an image must be [h, w, c] with positive sides, got ", image);
  require(split.classes >= 1 && split.classes <= kMaxClasses, where, ": ", split.classes, " classes, must be from 1 to ",
          kMaxClasses);
  require(split.size() > 0, where, ": no images");
  require(split.pixels.size() % std::size_t(image.size()) == 0, where, ": ", split.pixels.size(),
          " bytes are no whole number of images ", image);
  const std::size_t images = split.pixels.size() / std::size_t(image.size());
  require(images == split.labels.size(), where, ": ", images, " images, but ", split.labels.size(), " labels");
  require(images <= std::size_t(1) << 31, where, ": ", images, " images, at most 2^31 are possible");
  for (std::size_t i = 0; labels == LabelCheck::full && i < images; ++i) {
    const int label = split.labels[i];
    if (label < 0 || label >= split.classes) fail(where, ": label ", i, " is ", label, ", must be from 0 to ", split.classes - 1);
  }
}

Split make_split(const Shape& image, std::vector<std::uint8_t> pixels, std::vector<int> labels, int classes) {
  Split split{image, std::move(pixels), std::move(labels), classes};
  check_split(split, "make_split");
  return split;
}

Split make_split(const Shape& image, std::span<const float> pixels, std::vector<int> labels, int classes) {
  std::vector<std::uint8_t> bytes(pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    if (!(pixels[i] >= 0 && pixels[i] <= 1))
      fail("make_split: pixel ", i, " is ", pixels[i], ", must be from 0 to 1 (divide by the largest value)");
    bytes[i] = std::uint8_t(std::lround(pixels[i] * 255));
  }
  return make_split(image, std::move(bytes), std::move(labels), classes);
}

Dataset make_dataset(std::string name, Split train, Split test) {
  check_split(train, name + ": train");
  check_split(test, name + ": test");
  require(train.image == test.image, name, ": training images are ", train.image, ", test images ", test.image);
  require(train.classes == test.classes, name, ": ", train.classes, " classes in training, ", test.classes, " in the test");
  Dataset data{std::move(name), std::move(train), {}, std::move(test)};
  data.validation.image = data.train.image;
  data.validation.classes = data.train.classes;
  data.digest = digest_of(data.test, digest_of(data.train, 0));
  return data;
}

Split load_idx(const std::string& images, const std::string& labels, int classes) {
  Idx x = read_idx(images, 3);
  require(x.dims[0] <= kMaxImages, images, ": has ", x.dims[0], " images, at most ", kMaxImages, " are read; leave some out");
  const Idx y = read_idx(labels, 1);
  require(x.dims[0] == y.dims[0], labels, ": ", y.dims[0], " labels, but ", images, " has ", x.dims[0], " images");
  Split split{{long(x.dims[1]), long(x.dims[2]), 1}, std::move(x.bytes), {y.bytes.begin(), y.bytes.end()}, classes};
  check_split(split, labels);
  return split;
}

bool has_mnist(const std::string& folder) {
  return std::all_of(std::begin(kMnistParts), std::end(kMnistParts),
                     [&](const char* part) { return find_mnist(folder, part).has_value(); });
}

Dataset load_mnist(const std::string& folder) {
  std::array<std::string, 4> paths;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto path = find_mnist(folder, kMnistParts[i]);
    const auto names = spellings(kMnistParts[i]);
    require(path.has_value(), folder, ": has no ", names[0], " (accepted are ", names[0], " and ", names[2],
            ", each also with .gz); give the folder that holds MNIST's four files, for example by --data or MNIST_DIR");
    paths[i] = *path;
  }
  return make_dataset("mnist", load_idx(paths[0], paths[1], kMnistClasses), load_idx(paths[2], paths[3], kMnistClasses));
}

Dataset load_digits() {
  Digits digits = read_embedded_digits();
  const Shape image{kDigitsSide, kDigitsSide, 1};
  const auto part = [&](long from, long to) {
    return make_split(image, std::vector(digits.pixels.begin() + from * image.size(), digits.pixels.begin() + to * image.size()),
                      std::vector(digits.labels.begin() + from, digits.labels.begin() + to), 10);
  };
  return make_dataset("digits", part(0, kDigitsTrain), part(kDigitsTrain, kDigitsRows));
}

void split_validation(Dataset& data, long n) {
  const long left = data.train.size() - n;
  require(data.validation.size() == 0, data.name, ": there is already a validation part of ", data.validation.size(), " images");
  require(n >= 0 && left >= 1, data.name, ": cannot take ", n, " of ", data.train.size(),
          " training images for validation, one must be left");
  if (n == 0) return;
  Split validation{data.train.image, {}, {}, data.train.classes};
  validation.pixels.assign(data.train.pixels.begin() + left * data.train.image.size(), data.train.pixels.end());
  validation.labels.assign(data.train.labels.begin() + left, data.train.labels.end());
  data.train.pixels.resize(std::size_t(left * data.train.image.size()));
  data.train.labels.resize(std::size_t(left));
  data.validation = std::move(validation);
}

}  // namespace six
