#include "conv_settings.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "../core/error.h"
#include "../data/json.h"

namespace six {
namespace {

// What TensorFlow's "same" adds to one side pair of an axis, the smaller half first.
std::pair<int, int> same_padding(long size, int kernel, int stride) {
  const long out = (size + stride - 1) / stride;
  const int total = int(std::max((out - 1) * stride + kernel - size, 0L));
  return {total / 2, total - total / 2};
}

}  // namespace

Padding PaddingRule::resolve(const Shape& in, KernelSize kernel, int stride) const {
  if (kind == Kind::numbers) return numbers;
  if (kind == Kind::half) return {kernel.h / 2, kernel.w / 2, kernel.h / 2, kernel.w / 2};
  const auto [top, bottom] = same_padding(in[0], kernel.h, stride);
  const auto [left, right] = same_padding(in[1], kernel.w, stride);
  return {top, left, bottom, right};
}

void require_image(const Shape& in) { require(in.rank() == 3, "the input must be an image [h,w,c], got ", in); }

void read_value(const Json& j, KernelSize& v, const Limits& l) {
  if (!j.is_array()) {
    require(j.is_number_integer(), " must be an integer or [height, width], got ", shown(j));
    read_value(j, v.h, l);
    v.w = v.h;
    return;
  }
  std::vector<int> sizes;
  read_value(j, sizes, l);
  require(sizes.size() == 2, " must be an integer or [height, width], got ", shown(j));
  v = {sizes[0], sizes[1]};
}
void write_value(OrderedJson& j, const KernelSize& v) {
  if (v.h == v.w)
    j = v.h;
  else
    j = {v.h, v.w};
}
void check_value(const KernelSize& v, const Limits& l) { check_value(v.h, l), check_value(v.w, l); }
std::string kind_of(const KernelSize& v, const Limits& l) { return kind_of(v.h, l) + ", or [height, width]"; }

void read_value(const Json& j, PaddingRule& v, const Limits& l) {
  static constexpr const char* expected = " must be an integer, [top, left, bottom, right] or \"same\", got ";
  if (is_text(j, "same")) {
    v = PaddingRule::same();
  } else if (j.is_array()) {
    std::vector<int> p;
    read_value(j, p, l);
    require(p.size() == 4, expected, shown(j));
    v = Padding(p[0], p[1], p[2], p[3]);
  } else {
    require(j.is_number_integer(), expected, shown(j));
    int all = 0;
    read_value(j, all, l);
    v = all;
  }
}
void write_value(OrderedJson& j, const PaddingRule& v) {
  if (v.kind == PaddingRule::Kind::same) j = "same";
  if (v.kind == PaddingRule::Kind::numbers) j = {v.numbers.top, v.numbers.left, v.numbers.bottom, v.numbers.right};
}
void check_value(const PaddingRule& v, const Limits& l) {
  for (int side : {v.numbers.top, v.numbers.left, v.numbers.bottom, v.numbers.right}) check_value(side, l);
}
std::string kind_of(const PaddingRule&, const Limits&) { return "integer, [top, left, bottom, right] or \"same\""; }

}  // namespace six
