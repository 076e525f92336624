// The conformance vector of ReLU6, over every implementation of the formula, and over wrong ones.
#include <doctest/doctest.h>

#include "../../core/kernels/dispatch.h"
#include "../golden_json.h"
#include "wrong_relu6.h"

using namespace six;
using namespace six::test;

namespace {

void check_conforms(const Relu6Run& run, bool denormals = true) {
  const Relu6Faults faults(run, denormals);
  std::string first = "none";
  if (!faults.none()) first = faults.list().front();
  CHECK(first == "none");
}

Relu6Run run_table(const kernels::Table& table) {
  constexpr int index = PointwiseOps::index_of<Relu6>();
  return {[&table](AtKink k, long n, const real* x, real* y) {
            const Relu6 op{k};
            table.pointwise_forward(index, &op, n, x, y);
          },
          [&table](AtKink k, long n, const real* x, const real*, const real* dy, real* dx) {
            const Relu6 op{k};
            std::vector<real> stored(n, kNaN);
            table.pointwise_vjp(index, &op, n, x, dy, stored.data());
            for (long i = 0; i < n; ++i) dx[i] += stored[i];
          }};
}

// The clamp by which relu6 is deferred.
Relu6Run run_clamp() {
  return {[](AtKink k, long n, const real* x, real* y) {
            for (long i = 0; i < n; ++i) y[i] = Relu6{k}.clamp().f(x[i]);
          },
          [](AtKink k, long n, const real* x, const real* y, const real* dy, real* dx) {
            const Clamp c = Relu6{k}.clamp();
            for (long i = 0; i < n; ++i) dx[i] += c.vjp(c.works_from_output() ? y[i] : x[i], dy[i]);
          }};
}

}  // namespace

TEST_CASE("relu6's points are the thirteen of its definition, as bit patterns, and 1e8") {
  if constexpr (sizeof(real) == 4) {
    struct Row {
      unsigned x, y;
    };
    const Row rows[] = {{0xff800000, 0},
                        {0xbf800000, 0},
                        {0x80000001, 0},
                        {0x80000000, 0x80000000},
                        {0, 0},
                        {1, 1},
                        {0x40400000, 0x40400000},
                        {0x40bfffff, 0x40bfffff},
                        {0x40c00000, 0x40c00000},
                        {0x40c00001, 0x40c00000},
                        {0x40e00000, 0x40c00000},
                        {0x4cbebc20, 0x40c00000},
                        {0x7f800000, 0x40c00000}};
    REQUIRE(std::size(Relu6::probes) == std::size(rows) + 1);
    for (std::size_t i = 0; i < std::size(rows); ++i) {
      CHECK(bits(Relu6::probes[i].x) == rows[i].x);
      CHECK(bits(Relu6::probes[i].y) == rows[i].y);
    }
  } else {
    REQUIRE(std::size(Relu6::probes) == 14);
    CHECK(bits(Relu6::probes[5].x) == 1);
    CHECK(Relu6::probes[7].x == std::nextafter(real(6), real(0)));
    CHECK(Relu6::probes[9].x == std::nextafter(real(6), real(7)));
  }
  CHECK(std::isnan(Relu6::probes[13].x));
  CHECK(std::isnan(Relu6::probes[13].y));
}

TEST_CASE("relu6 conforms: the formula, the clamp it is deferred as, relu_n(6), clamp(0, 6)") {
  check_conforms(run_formula<Relu6>());
  check_conforms(run_clamp());
  check_conforms(run_formula<ReluN>());
  struct ZeroToSix : ClampOp {
    ZeroToSix() : ClampOp{0, 6, {}} {}
  };
  check_conforms(run_formula<ZeroToSix>());
}

TEST_CASE("relu6 conforms on every instruction set, with denormals kept and flushed") {
  for (const kernels::Table* table : kernels::tables()) {
    CAPTURE(std::string(table->isa));
    check_conforms(run_table(*table));
#if defined(__SSE2__)
    const FlushToZero flush;
    check_conforms(run_table(*table), false);
#endif
  }
}

TEST_CASE("relu6 equals PyTorch's at its points, except that the gradient at NaN is 0") {
  const nlohmann::json file = golden("relu6_points.json");
  const std::vector<double> x = numbers(file["x"]), y = numbers(file["y"]), dx = numbers(file["dx_torch"]);
  REQUIRE(x.size() == 13);
  const Relu6 relu6;
  for (std::size_t i = 0; i < x.size(); ++i) {
    CAPTURE(x[i]);
    CHECK(bits(relu6.f(real(x[i]))) == bits(real(y[i])));
    CHECK(bits(relu6.vjp(real(x[i]), 2)) == bits(std::isnan(x[i]) ? real(0) : real(dx[i])));
  }
}

TEST_CASE("each of ten wrong relu6s is rejected, for its own mistake") {
  int wrong = 0;
  WrongRelu6s::for_each([&](auto tag) {
    using O = typename decltype(tag)::type;
    static_assert(PointwiseOp<O>);
    CAPTURE(std::string(O::name));
    const Relu6Faults faults(run_wrong<O>());
    std::string all;
    for (const std::string& fault : faults.list()) all += fault + "\n";
    CAPTURE(all);
    CHECK(faults.has(O::rejected_by));
    CHECK(Relu6Faults(run_formula<O>()).none() == O::in_loop);
    ++wrong;
  });
  CHECK(wrong == 10);
  check_conforms(run_formula<RightRelu6>());  // on which they are built
  if (sizeof(real) == 4) CHECK(Relu6Faults(run_formula<DifferenceOfRelus>()).has("f(1e+08) = 8"));
}
