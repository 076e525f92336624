// Layers of one's own: in C++, in JSON, in files, in the table.
#include "../../layers/registry.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "support.h"

using namespace six;
using namespace six::test;

namespace {

struct AffineConfig {
  double start = 1;
  bool shift = true;
  static void fields(auto& visit, auto& c) {
    visit("start", c.start, "first value of the factors", between(-10, 10));
    visit("shift", c.shift, "adds a number per channel");
  }
};

// y = weight * x + bias by channel, as a depthwise 1x1 convolution.
class TestAffine : public LayerOf<TestAffine, AffineConfig> {
 public:
  static constexpr const char *kType = "test_affine", *kSummary = "a factor and a shift per channel";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override {
    weight_ = b.param("weight", {1, 1, in.channels()}, constant_init(real(config.start)), true,
                      TorchLayout::depthwise(1, 1, in.channels()));
    if (config.shift) bias_ = b.param("bias", {in.channels()}, constant_init(0), false);
    calls_ = b.counter("calls");
    b.macs(in.size());
    return in;
  }
  Var forward(Var x) const override {
    *calls_.values() += 1;
    const Var y = depthwise_conv2d(x, weight_.on(x.tape()));
    return bias_ ? bias(y, bias_.on(x.tape())) : y;
  }

 private:
  ParamRef weight_, bias_;
  BufferRef calls_;
};

struct TestTriple {
  static constexpr const char* name = "test_triple";
  static constexpr const char* summary = "3 x";
  real factor = 3;
  real f(real x) const { return factor * x; }
  real vjp(real, real dy) const { return factor * dy; }
  static constexpr Probe probes[] = {{1, 3, 3}};
  template <class Visit>
  static constexpr void fields(Visit& visit, auto& op) {
    visit("factor", op.factor, "the factor");
  }
};

// The first `out` of the features, by a matrix that is no parameter of a linear layer.
struct TestProjectConfig {
  int out = 1;
  static void fields(auto& visit, auto& c) { visit("out", c.out, "features left", at_least(1)); }
};
class TestProject : public LayerOf<TestProject, TestProjectConfig> {
 public:
  static constexpr const char *kType = "test_project", *kSummary = "some of the features";
  using LayerOf::LayerOf;
  Shape build(Builder& b, const Shape& in) override {
    matrix_ = b.param("matrix", {in[0], config.out}, constant_init(1), true);
    return {config.out};
  }
  Var forward(Var x) const override { return matmul(x, matrix_.on(x.tape())); }

 private:
  ParamRef matrix_;
};

void register_once() {
  const std::vector<AnyLayer>& known = registry().prototypes();
  if (std::none_of(known.begin(), known.end(), [](const AnyLayer& l) { return l->type() == std::string("test_affine"); }))
    registry().add<TestAffine>(), registry().add<TestTriple>();
}

}  // namespace

TEST_CASE("registry: a layer of one's own in JSON, saved and loaded") {
  register_once();
  const TempFolder folder;
  Model m = model_of(R"({"type": "test_affine", "start": 2.5}, {"type": "test_triple", "factor": 4}, {"type": "test_triple"})");
  const std::vector<real> x = draw(4 * 192), y = outputs(m);
  for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(y[i] == doctest::Approx(30 * double(x[i])));
  CHECK(m.to_json().find(R"({"type": "test_affine", "start": 2.5, "shift": true, "trainable": true})") != std::string::npos);
  CHECK(m.params().params()[0].name == "layers.0.weight");
  step(m);
  m.save(folder / "m.safetensors");
  const Model loaded = Model::load(folder / "m.safetensors");
  CHECK(copy_of(loaded.params()) == copy_of(m.params()));
  CHECK(loaded.params().buffer(0)[0] == 2);
  CHECK(m.summary().find("test_affine") != std::string::npos);
}

TEST_CASE("registry: a layer of one's own in C++, and its mistakes located") {
  register_once();
  const Model m({8, 8, 3}, Sequential{TestAffine{{.start = 2, .shift = false}}, TestTriple{}});
  CHECK(m.parameter_count() == 3);
  CHECK(error_of(R"({"type": "test_affine", "start": 11, "shifts": true})") ==
        "model: layers[0] (test_affine): unknown key \"shifts\", did you mean \"shift\"? (known: type, start, shift, name, "
        "trainable); start "
        "is 11, must be between -10 and 10");
  CHECK(error_of(R"({"type": "test_afine"})")
            .starts_with("model: layers[0]: unknown layer \"test_afine\", did you mean \"test_affine\"?"));
}

TEST_CASE("registry: behind a layer of one's own that changes the features, they are no flattened image") {
  const Model m({1, 2, 3}, Sequential{Flatten{}, TestProject{{.out = 5}}, Linear{{.out_features = 2}}});
  for (const SavedTensor& t : m.state())
    if (t.name == "layers.2.weight") CHECK(t.shape == std::vector<std::int64_t>{2, 5});
  Model again({1, 2, 3}, Sequential{Flatten{}, TestProject{{.out = 5}}, Linear{{.out_features = 2}}}, {.seed = 2});
  again.set_state(m.state());
  CHECK(copy_of(again.params()) == copy_of(m.params()));
}

TEST_CASE("registry: a type is taken once") {
  register_once();
  CHECK(message_of([] { registry().add<TestAffine>(); }) == "registry: a layer \"test_affine\" exists already");
  CHECK(message_of([] { registry().add<Conv2d>(); }) == "registry: a layer \"conv2d\" exists already");
}

TEST_CASE("registry: layers know where they stand and what they are made of") {
  const Model m =
      model_of(R"({"type": "conv2d", "out_channels": 4, "stride": 2}, {"type": "separable", "out_channels": 6, "name": "block"})");
  const Layer& block = *m.layers()[1];
  CHECK(block.path() == "layers.block");
  CHECK(block.in() == Shape{4, 4, 4});
  CHECK(block.out() == Shape{4, 4, 6});
  REQUIRE(block.children().size() == 6);
  const auto* pointwise = dynamic_cast<const Conv2d*>(&*block.children()[3]);
  REQUIRE(pointwise != nullptr);
  CHECK(pointwise->path() == "layers.block.pointwise");
  CHECK(pointwise->weight.param().name == "layers.block.pointwise.weight");
  CHECK(m.layers()[0]->children().empty());
}

TEST_CASE("registry: the table has a row for every layer and each of its keys") {
  register_once();
  const std::string table = layer_table_markdown();
  CHECK(
      table.starts_with("| layer | key | value | default | meaning |\n|---|---|---|---|---|\n| `conv2d` | | | | convolution |\n"));
  std::size_t rows = 2;
  for (AnyLayer l : registry().prototypes()) {
    CHECK(table.find("| `" + std::string(l->type()) + "` | | | | " + l->summary() + " |\n") != std::string::npos);
    rows += 1 + l->fields().all().size();
  }
  CHECK(std::size_t(std::count(table.begin(), table.end(), '\n')) == rows + 2);
  CHECK(table.find("|   | `start` | number from -10 to 10 | `1` | first value of the factors |\n") != std::string::npos);
}
