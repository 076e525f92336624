#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../core/bytes.h"
#include "batches.h"

namespace six {

inline constexpr int kMaxClasses = 1 << 14;  // a confusion matrix has as many rows and columns

// Images as bytes (0 black, 255 white; a net sees p / 255) and their labels, in file order.
struct Split {
  Shape image;                       // [h, w, c] of one
  std::vector<std::uint8_t> pixels;  // [size(), h, w, c]
  std::vector<int> labels;           // 0 .. classes - 1
  int classes = 0;

  long size() const { return long(labels.size()); }
  // Images [first, first + count) without a copy, [count, h, w, c]. Throws if they do not exist.
  Bytes bytes(long first, long count) const;
  // The batches of one epoch; see BatchOptions. The split must outlive them.
  Batches batches(long batch_size, const BatchOptions& options = {}) const&;
  Batches batches(long batch_size, const BatchOptions& options = {}) const&& = delete;
};

// A data set in parts; validation may be empty.
struct Dataset {
  std::string name;
  Split train, validation, test;
  std::uint32_t digest = 0;  // CRC-32 of all images and labels: the same set has the same one, however it is stored or split
};

// From one's own arrays: pixels [n, h, w, c] as bytes, or as numbers in [0, 1] (rounded to 255 steps). Throws Error if counts do
// not match, the set is empty, there are more than kMaxClasses, a label is not in 0..classes-1, or a number is not in [0, 1].
Split make_split(const Shape& image, std::vector<std::uint8_t> pixels, std::vector<int> labels, int classes);
Split make_split(const Shape& image, std::span<const float> pixels, std::vector<int> labels, int classes);
// Puts the parts together; throws if they differ in image shape or classes, or train or test is empty.
Dataset make_dataset(std::string name, Split train, Split test);

// Grey images [n, h, w] and labels [n] from two IDX files, plain or gzip; at most 2^24 images. Throws Error naming the file.
Split load_idx(const std::string& images, const std::string& labels, int classes);
// The four files of MNIST, or of a set stored like it (Fashion-MNIST), in a folder. Spelt train-images-idx3-ubyte or
// train-images.idx3-ubyte, with or without .gz. Throws Error naming the folder, the spellings and the remedy if one is missing.
Dataset load_mnist(const std::string& folder);
bool has_mnist(const std::string& folder);  // all four files are there
// The embedded set of 8x8 digits: 1,437 images for training, 360 for testing, in the set's own order.
Dataset load_digits();

// Moves the last n training images to the validation part. Throws if that is not empty yet or no training image would be left.
void split_validation(Dataset& data, long n);

enum class LabelCheck { count_only, full };
// Throws `where: ...` if the parts of a split do not fit together.
void check_split(const Split& split, const std::string& where, LabelCheck labels = LabelCheck::full);

}  // namespace six
