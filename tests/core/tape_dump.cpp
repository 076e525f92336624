// What a tape records, node by node: where values are deferred, who owns their gradients, where they had to be written out.
#include <doctest/doctest.h>

#include "../../core/ops/ops.h"

using namespace six;

namespace {

// One line a node: number, op, shape, inputs; what its view defers; whose gradient its readers write, if not its own.
std::string dump(const Tape& tape) {
  std::ostringstream out;
  for (std::size_t i = 0; i < tape.nodes().size(); ++i) {
    const Node& n = tape.nodes()[i];
    out << i << ' ' << n.op << ' ' << n.view.shape;
    for (int in : n.in)
      if (in >= 0) out << ' ' << in;
    if (n.view.scale) out << " affine";
    if (n.view.clamped) out << " clamp " << n.view.lo << ' ' << n.view.hi;
    if (n.view.bytes) out << " bytes";
    if (n.owner != int(i)) out << " owner " << n.owner;
    if (n.wants_grad) out << (n.backward ? " backward" : n.leaf ? " leaf" : "");
    out << '\n';
  }
  return out.str();
}

std::string recorded(bool defer) {
  static const std::vector<real> numbers(64, 1);
  static const std::vector<std::uint8_t> images(2 * 4 * 4);
  ParamSet set;
  set.add("w", {3, 3, 1, 2}, true), set.add("gamma", {2}, false), set.add("beta", {2}, false), set.add("fc", {2, 3}, true);
  Tape tape({.defer = defer});
  const Var image = tape.input(Bytes{images.data(), {2, 4, 4, 1}}), w = tape.param(set, 0), gamma = tape.param(set, 1);
  const Var beta = tape.param(set, 2), fc = tape.param(set, 3);
  const Var y = conv2d(image, w, {2, 1}), z = batch_norm(y, gamma, beta), r = relu6(z);
  const Var pooled = global_avg_pool(r), added = relu(r + z), clamped = global_avg_pool(relu6(relu(added), 1));
  const Var logits = matmul(pooled + clamped, fc);
  const int labels[] = {0, 1};
  cross_entropy(logits, labels);
  return dump(tape);
}

}  // namespace

// batch_norm and relu6 are views; add, and a clamp of a clamp, get memory.
TEST_CASE("golden dump of a small tape, deferred") {
  CHECK(recorded(true) == R"(0 input [2,4,4,1] bytes
1 w [3,3,1,2] leaf
2 gamma [2] leaf
3 beta [2] leaf
4 fc [2,3] leaf
5 conv2d [2,2,2,2] 0 1 backward
6 batch_norm [2,2,2,2] 5 2 3 affine backward
7 relu6 [2,2,2,2] 6 affine clamp 0 6 owner 6
8 global_avg_pool [2,2] 7 backward
9 materialize [2,2,2,2] 7 backward
10 materialize [2,2,2,2] 6 backward
11 add [2,2,2,2] 9 10 backward
12 relu [2,2,2,2] 11 clamp 0 inf owner 11
13 materialize [2,2,2,2] 12 backward
14 relu [2,2,2,2] 13 clamp 0 inf owner 13
15 materialize [2,2,2,2] 14 backward
16 relu6 [2,2,2,2] 15 clamp 0 6 owner 15
17 materialize [2,2,2,2] 16 backward
18 global_avg_pool [2,2] 17 backward
19 add [2,2] 8 18 backward
20 matmul [2,3] 19 4 backward
21 cross_entropy [] 20 backward
)");
}

TEST_CASE("golden dump of a small tape, every result written out") {
  CHECK(recorded(false) == R"(0 input [2,4,4,1] bytes
1 w [3,3,1,2] leaf
2 gamma [2] leaf
3 beta [2] leaf
4 fc [2,3] leaf
5 conv2d [2,2,2,2] 0 1 backward
6 batch_norm [2,2,2,2] 5 2 3 affine backward
7 materialize [2,2,2,2] 6 backward
8 relu6 [2,2,2,2] 7 clamp 0 6 owner 7
9 materialize [2,2,2,2] 8 backward
10 global_avg_pool [2,2] 9 backward
11 add [2,2,2,2] 9 7 backward
12 relu [2,2,2,2] 11 clamp 0 inf owner 11
13 materialize [2,2,2,2] 12 backward
14 relu [2,2,2,2] 13 clamp 0 inf owner 13
15 materialize [2,2,2,2] 14 backward
16 relu6 [2,2,2,2] 15 clamp 0 6 owner 15
17 materialize [2,2,2,2] 16 backward
18 global_avg_pool [2,2] 17 backward
19 add [2,2] 10 18 backward
20 matmul [2,3] 19 4 backward
21 cross_entropy [] 20 backward
)");
}
