// Every op against the numbers of PyTorch, values and gradients, deferred and not.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "../../core/ops/ops.h"
#include "../golden_json.h"
#include "../harness.h"
#include "torch_order.h"

using namespace six;
using namespace six::test;
using nlohmann::json;

namespace {

// The inputs of one case on a tape, in our order, and what PyTorch found.
struct Golden {
  const json& c;
  Tape tape;
  std::map<std::string, Order> orders;
  std::map<std::string, std::vector<real>> values;
  std::map<std::string, Var> in;
  std::vector<std::vector<real>> more;

  Golden(const json& j, Tape::Options o) : c(j), tape(o) {}

  Var operator()(const std::string& name, Order order) {
    orders[name] = order;
    values[name] = reals(from_torch(c["in"][name], order));
    return in[name] = tape.input(values[name].data(), our_shape(c["in"][name], order), true);
  }
  // A constant of the case.
  Var constant(const json& tensor, Order order) {
    more.push_back(reals(from_torch(tensor, order)));
    return tape.input(more.back().data(), our_shape(tensor, order));
  }
  const json& attr(const char* key) const { return c["attrs"][key]; }
  ConvOptions conv() const { return {.stride = attr("stride"), .padding = attr("padding").get<int>()}; }
};

double worst_of(const std::vector<real>& ours, const std::vector<double>& theirs, double unit = 1) {
  if (ours.size() != theirs.size()) return HUGE_VAL;
  double worst = 0;
  for (std::size_t i = 0; i < ours.size(); ++i)
    worst = worse(worst, std::fabs(double(ours[i]) - theirs[i] * unit) / std::max(1.0, std::fabs(theirs[i])));
  return worst;
}

// PyTorch's average without the padding, from ours, which counts it: times the window over the number of its pixels in the image.
Var without_padding(Golden& g, Var y, const PoolOptions& o, const Shape& x) {
  const std::vector<real> ones(std::size_t(x.size()), 1);
  Tape tape;
  std::vector<real> factor = avg_pool2d(tape.input(ones.data(), x), o).values();
  for (real& f : factor) f = 1 / f;
  g.more.push_back(factor);
  return mul(y, g.tape.input(g.more.back().data(), y.shape()));
}

using Build = Var (*)(Golden&);
const std::map<std::string, Build> kBuild = {
    {"conv2d", [](Golden& g) { return conv2d(g("x", Order::image), g("w", Order::conv), g("b", Order::same), g.conv()); }},
    {"depthwise_conv2d", [](Golden& g) { return depthwise_conv2d(g("x", Order::image), g("w", Order::depthwise), g.conv()); }},
    {"linear", [](Golden& g) { return linear(g("x", Order::same), g("w", Order::linear), g("b", Order::same)); }},
    {"batch_norm_train",
     [](Golden& g) {
       return batch_norm(g("x", Order::image), g("g", Order::same), g("b", Order::same), nullptr, nullptr, {.eps = g.attr("eps")});
     }},
    {"batch_norm_eval",
     [](Golden& g) {
       g.more.push_back(reals(numbers(g.attr("running_mean")))), g.more.push_back(reals(numbers(g.attr("running_var"))));
       return batch_norm(g("x", Order::image), g("g", Order::same), g("b", Order::same), g.more[0].data(), g.more[1].data(),
                         {.eps = g.attr("eps")});
     }},
    {"global_avg_pool",
     [](Golden& g) {
       const Var x = g("x", Order::image);
       return reshape(global_avg_pool(x), {x.shape()[0], 1, 1, x.shape()[3]});  // PyTorch keeps the two dimensions
     }},
    {"max_pool2d",
     [](Golden& g) { return max_pool2d(g("x", Order::image), {.kernel = g.attr("kernel"), .stride = g.attr("stride")}); }},
    {"avg_pool2d",
     [](Golden& g) {
       REQUIRE(g.attr("count_include_pad") == false);
       const PoolOptions o{.kernel = g.attr("kernel"), .stride = g.attr("stride"), .padding = g.attr("padding").get<int>()};
       const Var x = g("x", Order::image);
       return without_padding(g, avg_pool2d(x, o), o, x.shape());
     }},
    {"cross_entropy",
     [](Golden& g) {
       const std::vector<int> labels = g.attr("labels");
       return cross_entropy(g("x", Order::same), labels, {.label_smoothing = g.attr("label_smoothing")});
     }},
    {"mse_loss", [](Golden& g) { return mse_loss(g("x", Order::same), g.constant(g.attr("target"), Order::same)); }},
    {"add", [](Golden& g) { return add(g("a", Order::image), g("b", Order::image)); }},
};

Build build_of(const std::string& op) {
  if (const auto found = kBuild.find(op); found != kBuild.end()) return found->second;
  Build build = nullptr;
  PointwiseOps::for_each([&](auto tag) {
    using O = typename decltype(tag)::type;
    if (op == O::name) build = [](Golden& g) { return pointwise(g("x", Order::same), O{}); };
  });
  return build;
}

}  // namespace

TEST_CASE("golden: the 32 cases of ops.json") {
  const json file = golden("ops.json");
  for (bool defer : {true, false}) {
    int compared = 0;
    for (const json& c : file["cases"]) {
      const std::string op = c["op"];
      CAPTURE(op);
      CAPTURE(defer);
      const Build build = build_of(op);
      REQUIRE(bool(build));
      Golden g(c, {.training = op != "batch_norm_eval", .defer = defer});
      g.more.reserve(4);
      const Var y = build(g);
      const Order out = y.shape().rank() == 4 ? Order::image : Order::same;
      const double tolerance = kDouble ? 1e-12 : 2e-5;
      // PyTorch's hard_sigmoid gradient is a product with the float nearest 1/6, in double too.
      const double unit = op == "hard_sigmoid" ? 1.0 / 6 / (1.0f / 6) : 1;
      CHECK(y.shape() == our_shape(c["y"], out));
      CHECK(worst_of(y.values(), from_torch(c["y"], out)) <= tolerance);
      g.tape.backward(sum(mul(y, g.constant(c["dy"], out))));
      for (const auto& [input, order] : g.orders) {
        const std::string name = input;
        CAPTURE(name);
        CHECK(worst_of(g.in[name].grad(), from_torch(c["grad"][name], order), unit) <= tolerance);
      }
      CHECK(g.orders.size() == c["grad"].size());
      ++compared;
    }
    CHECK(compared == 32);
  }
}

TEST_CASE("golden: running statistics after three batches") {
  const json file = golden("batch_norm_running.json");
  std::vector<real> mean(3, 0), var(3, 1), gamma(3, 1), beta(3, 0);
  for (const json& batch : file["x"]) {
    const std::vector<real> x = reals(from_torch(batch, Order::image));
    Tape tape;
    batch_norm(tape.input(x.data(), our_shape(batch, Order::image)), tape.input(gamma.data(), {3}), tape.input(beta.data(), {3}),
               mean.data(), var.data(), {.momentum = file["momentum"]});
  }
  CHECK(worst_of(mean, numbers(file["running_mean"])) <= (kDouble ? 1e-12 : 1e-6));
  CHECK(worst_of(var, numbers(file["running_var"])) <= (kDouble ? 1e-12 : 1e-6));
}

TEST_CASE("golden: relu6 on a tape at its thirteen points, as PyTorch, but 0 at NaN") {
  const json file = golden("relu6_points.json");
  const std::vector<double> xs = numbers(file["x"]), ys = numbers(file["y"]), dxs = numbers(file["dx_torch"]);
  REQUIRE(xs.size() == 13);
  const std::vector<real> x = reals(xs), two(13, file["dy"].get<real>());
  for (bool defer : {true, false}) {
    Tape tape({.defer = defer});
    const Var in = tape.input(x.data(), {13}, true), y = relu6(in);
    const std::vector<real> v = y.values();
    tape.backward(sum(mul(y, tape.input(two.data(), {13}))));
    const std::vector<real> g = in.grad();
    for (std::size_t i = 0; i < 13; ++i) {
      CAPTURE(xs[i]);
      CHECK((v[i] == real(ys[i]) || (std::isnan(v[i]) && std::isnan(ys[i]))));
      CHECK(std::signbit(v[i]) == (std::signbit(ys[i]) && !std::isnan(ys[i])));
      CHECK(g[i] == (std::isnan(xs[i]) ? 0 : real(dxs[i])));
    }
  }
}

// torch.nn.ReLU6()(torch.randn(2)) and tf.nn.relu6 of the same two numbers, as printed there.
TEST_CASE("golden: the framework calls that introduce ReLU6") {
  const std::vector<real> x = {real(-0.3638), real(0.3948)};
  Tape tape;
  const Var in = tape.input(x.data(), {2}, true), y = relu6(in);
  CHECK(y.values() == std::vector<real>{0, real(0.3948)});
  CHECK_FALSE(std::signbit(y.values()[0]));
  tape.backward(sum(y));
  CHECK(in.grad() == std::vector<real>{0, 1});
}
