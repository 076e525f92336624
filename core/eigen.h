#pragma once
// Eigen maps of tensors, for a user's own linear algebra; nothing in the library needs Eigen.
#include <Eigen/Core>

#include "tensor.h"

namespace six {

using RowMatrix = Eigen::Matrix<real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Numbers of a shape as a matrix: one row for each pixel or sample, one column for each channel. Not copied; `data` must outlive
// it.
inline Eigen::Map<const RowMatrix> as_matrix(const real* data, const Shape& shape) {
  return {data, Eigen::Index(shape.rows()), Eigen::Index(shape.channels())};
}
inline Eigen::Map<RowMatrix> as_matrix(real* data, const Shape& shape) {
  return {data, Eigen::Index(shape.rows()), Eigen::Index(shape.channels())};
}
inline Eigen::Map<const RowMatrix> as_matrix(const Tensor& t) { return as_matrix(t.y, t.shape); }

}  // namespace six
