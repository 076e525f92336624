#include "../../core/eigen.h"

#include <doctest/doctest.h>

#include "../../core/ops/ops.h"

using namespace six;

TEST_CASE("a matrix product on the tape is Eigen's") {
  const std::vector<real> x = {1, 2, 3, 4, 5, 6}, w = {1, -1, 0.5, 2, 3, 0, 1, 1, -2, 4, 0.25, 1};
  Tape tape({.threads = 1});
  const Var y = matmul(tape.input(x.data(), {2, 3}), tape.input(w.data(), {3, 4}));
  const std::vector<real> values = y.values();
  const RowMatrix product = as_matrix(x.data(), {2, 3}) * as_matrix(w.data(), {3, 4});
  CHECK((as_matrix(values.data(), y.shape()) - product).cwiseAbs().maxCoeff() <= 1e-5);
}

TEST_CASE("an image is a matrix of pixels and channels, and can be written through the map") {
  std::vector<real> image(2 * 3 * 4 * 5);
  auto m = as_matrix(image.data(), {2, 3, 4, 5});
  CHECK(m.rows() == 24);
  CHECK(m.cols() == 5);
  m(23, 4) = 7;
  CHECK(image.back() == 7);
  CHECK(as_matrix(Tensor(image.data(), {2, 3, 4, 5}))(23, 4) == 7);
}
