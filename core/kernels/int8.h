#pragma once
// What host code and the kernels of integer inference say to each other. Values are codes + 128, so that they are not negative, in
// elements of one or two bytes as the table says; an image lies inside a border that holds the code of 0.0. Sums are exact; the
// kernels give the bits of requantize.h (single rounding), whatever the table.
#include <stdint.h>

#include "table.h"

namespace six::kernels {

// From sums to elements, per channel, padded to kPad: element = clamp(((sum + bias) * m + c >> s) - d + zero, lo, hi), the shift a
// logical one of 64 bits. With c = 2^(30 - e) + 2^62, s = 31 - e and d = 2^(31 + e) that is requantize_single. c and s hold the
// even channels of each vector first, then the odd ones. With `sums`, the sums themselves are the result.
struct Requantize {
  const int32_t *bias, *m, *d;
  const int64_t *c, *s;
  int zero, lo, hi;
  int32_t* sums = nullptr;
};

struct Int8Table {
  const char* name;
  int lanes, element, group;  // channels a vector; bytes an element; elements of a window that are multiplied at once

  // A convolution's weights [k][rows][length] in the order in which the kernel reads them; packed_size bytes.
  long (*packed_size)(int k, int rows, int length);
  void (*pack)(const int8_t* w, int k, int rows, int length, void* packed);
  // x starts at the first window, border included; rows are `row` elements apart. y at the first output, its rows y_row apart.
  void (*conv)(Conv g, const void* x, long row, const void* packed, Requantize r, void* y, long y_row);
  // A depthwise 3x3 of stride 1 or 2: w [3][3][c].
  long (*depthwise_packed_size)(int c);
  void (*depthwise_pack)(const int8_t* w, int c, void* packed);
  void (*depthwise)(Conv g, const void* x, long row, const void* packed, Requantize r, void* y, long y_row);
  void (*from_bytes)(int h, long n, const unsigned char* bytes, void* y, long y_row);
};

}  // namespace six::kernels
