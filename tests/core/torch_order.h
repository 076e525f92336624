#pragma once
// From PyTorch's memory order to ours.
#include <vector>

#include "../../core/real.h"
#include "../../core/shape.h"
#include "../golden_json.h"

namespace six::test {

// image: NCHW -> NHWC; conv: OIHW -> HWIO; depthwise: [c,1,kh,kw] -> [kh,kw,c]; linear: [out,in] -> [in,out].
enum class Order { same, image, conv, depthwise, linear };

inline std::vector<int> order_of(Order l) {
  switch (l) {
    case Order::image:
      return {0, 2, 3, 1};
    case Order::conv:
      return {2, 3, 1, 0};
    case Order::depthwise:
      return {2, 3, 0};  // and 1, which is 1
    case Order::linear:
      return {1, 0};
    case Order::same:
      break;
  }
  return {};
}

inline Shape our_shape(const nlohmann::json& tensor, Order l) {
  const std::vector<long> s = shape(tensor);
  std::vector<int> order = order_of(l);
  for (int i = 0; l == Order::same && i < int(s.size()); ++i) order.push_back(i);
  switch (order.size()) {
    case 0:
      return {};
    case 1:
      return {s[std::size_t(order[0])]};
    case 2:
      return {s[std::size_t(order[0])], s[std::size_t(order[1])]};
    case 3:
      return {s[std::size_t(order[0])], s[std::size_t(order[1])], s[std::size_t(order[2])]};
    default:
      return {s[std::size_t(order[0])], s[std::size_t(order[1])], s[std::size_t(order[2])], s[std::size_t(order[3])]};
  }
}

inline std::vector<double> from_torch(const nlohmann::json& tensor, Order l) {
  const std::vector<double> data = numbers(tensor);
  const std::vector<long> s = shape(tensor);
  const std::vector<int> order = order_of(l);
  if (order.empty()) return data;
  std::vector<long> strides(s.size(), 1);
  for (std::size_t i = s.size(); i-- > 1;) strides[i - 1] = strides[i] * s[i];
  std::vector<double> out(data.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    long rest = long(i), at = 0;
    for (std::size_t d = order.size(); d-- > 0;) {
      const auto axis = std::size_t(order[d]);
      at += rest % s[axis] * strides[axis];
      rest /= s[axis];
    }
    out[i] = data[std::size_t(at)];
  }
  return out;
}

inline std::vector<real> reals(const std::vector<double>& x) {
  std::vector<real> y;
  for (double v : x) y.push_back(real(v));
  return y;
}

}  // namespace six::test
